# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn monitor`: what a radio hears, as labels, for as long as it runs."""

import contextlib
import os
import signal
import sys
import threading
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

import click
from click.core import ParameterSource
from rich.live import Live
from sr2cnn_learn.cli.common import DEVICE, FILE, FREQUENCY, NEW_FILE_OR_STDOUT, RATE
from sr2cnn_learn.cli.output import check_reader, stderr_console
from sr2cnn_learn.names import shown
from sr2cnn_learn.quantities import parse_quantity
from sr2cnn_learn.recordings import DATATYPES

from ..sources.address import RADIOS, Address

ROOM = 1 << 17  # samples behind the source, so that what follows may be late for a moment
HEARING = ("model", "condition", "frames_per_emission", "report_seconds", "device", "registry")
GUI_MS = 50  # that the window has for itself between looks at the rest
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Quantity(click.ParamType):
    """``868.95M``, ``250k`` or ``1.6e6`` to a float."""

    name = "number"

    def convert(self, value, param, ctx):
        if isinstance(value, float):
            return value
        try:
            return parse_quantity(str(value))
        except ValueError as error:
            self.fail(str(error))


class Size(Quantity):
    """``100M`` to a number of bytes, an int."""

    name = "bytes"

    def convert(self, value, param, ctx):
        size = super().convert(value, param, ctx)
        if size < 1 or size != int(size):
            self.fail(f"{value!r}; expected a whole number of bytes, for example 100M")
        return int(size)


class ListenAt(click.ParamType):
    """``9100`` or ``0.0.0.0:9100`` to an IP address and a port."""

    name = "[address:]port"

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        address, _, port = str(value).rpartition(":")
        if not (port.isascii() and port.isdigit()):
            self.fail(f"{value!r}; expected a port, or ADDRESS:PORT")
        return address.strip("[]") or "127.0.0.1", int(port)


def _take_config(ctx, param, path):
    """Options from a TOML file, as defaults: the command line wins."""
    if path is not None:
        ctx.default_map = _read_config(ctx.command, path)
    return path


def _read_config(command, path):
    """Values of a TOML file by the names of the command's parameters.

    Raises:
        OSError, ValueError: it cannot be read, is no TOML, or has a key or a value that is none of an option
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not TOML: {error}") from None
    names = {option.opts[0].removeprefix("--"): option.name for option in command.params}
    del names["config"]
    for key, value in values.items():
        if key not in names:
            raise ValueError(f"{path}: unknown key {key!r}, expected some of {', '.join(sorted(names))}")
        if not isinstance(value, (str, int, float)):
            raise ValueError(f"{path}: {key} is {str(value)[:100]}, expected a number, a text, true or false")
    return {names[key]: value for key, value in values.items()}


@click.command()
@click.option(
    "--config",
    type=FILE,
    is_eager=True,
    callback=_take_config,
    help='TOML file of these options, as freq = "868.95M"; the command line wins.',
)
@click.option("--source", "address", metavar="SOURCE", required=True, help="Where from; see above.")
@click.option("--freq", type=FREQUENCY, help="Center frequency, as 868.95MHz; wins over a recording's.")
@click.option("--rate", type=RATE, help="Sample rate, as 1.6M; wins over a recording's.")
@click.option("--gain", type=float, help="Of a radio, in dB; default: its gain control, if it has one.")
@click.option("--datatype", help=f"Of a raw file: {', '.join(DATATYPES)}; default: by the name.")
@click.option("--fast", is_flag=True, help="A file as fast as it goes, not paced at its sample rate.")
@click.option("--model", default="sr2cnn", show_default=True, help="Bundle, or a shipped model.")
@click.option(
    "--condition/--no-condition",
    default=True,
    show_default=True,
    help="Find the emissions in the band and judge each; else take the samples as one signal, frame by frame.",
)
@click.option(
    "--frames-per-emission",
    type=click.IntRange(min=0),
    help="Most frames that an emission, or a report of one, is judged from; default: 256; 0: all.",
)
@click.option(
    "--report-seconds", type=Quantity(), help="From report to report of an emission that goes on; default: 2."
)
@click.option(
    "--labels", is_flag=True, help="Label events in --out, too: each verdict with its semantic vector."
)
@DEVICE
@click.option("--duration", type=Quantity(), metavar="SECONDS", help="End after that time.")
@click.option("--out", type=NEW_FILE_OR_STDOUT, metavar="FILE", help="JSON lines of all events; - is stdout.")
@click.option("--rotate", type=Size(), help="Size at which FILE becomes FILE.1, and so on to FILE.5.")
@click.option("--zmq", metavar="ADDRESS", help="Publish: a port of this machine, tcp://INTERFACE:PORT.")
@click.option("--prometheus", type=ListenAt(), help="Metrics over HTTP; on loopback without an address.")
@click.option("--sigmf", is_flag=True, help="Labels into the recording's .sigmf-meta.")
@click.option("--registry", type=FILE, help="File that keeps the discovered classes from run to run.")
@click.option(
    "--gui", is_flag=True, help="A window with table, waterfall, timeline and map of the semantic space."
)
@click.pass_context
def monitor(ctx, config, address, rate, freq, gain, datatype, fast, duration, **options):
    """Say what a radio hears, for as long as it runs.

    As sr2cnn classify does: the emissions in the band are found, many at a time, cut out, and each is judged
    from all its frames when it has ended, and every --report-seconds while it goes on; with --no-condition
    every frame of the samples gets a label as it is.

    On a terminal a table shows each class's share of the frames, when it was last heard and its mean score;
    otherwise the monitor says on stderr what goes wrong, no more. Emissions, discovered classes, status
    and gaps go where --out, --zmq, --prometheus and --sigmf say, any of them at once; sr2cnn watch shows what
    is published.

    \b
    SOURCE is one of
      soapy:driver=rtlsdr    SoapySDR device arguments
      uhd:type=b200          UHD device arguments, may be empty
      osmosdr:rtl=0          gr-osmosdr device arguments, where it is installed
      zmq:tcp://host:5555    a ZeroMQ publisher of cf32 samples, as GNU Radio's ZMQ PUB Sink
      file:X.sigmf-meta      a recording: SigMF, WAV or raw samples
      stdin:cf32             raw samples from a pipe; also ci16, ci8, cu8, …

    A radio or publisher that ends or gives no samples for 5 s is opened again, after 0.5 s and then less and
    less often, at least every 30 s. The gap is an event ("event": "gap") and a line on stderr; no
    frame spans it, and discovered classes live on. Where the machine is too slow for a radio, a publisher or
    a paced file, emissions, or frames, are left out and counted; nothing of --fast or stdin is.

    With --config, SIGHUP reads the file again: a radio is tuned to the freq that it has now, which is a gap,
    too.

    Ctrl-C or SIGTERM ends it with everything written, status 0, as do --duration, the end of a file and
    closing the window. A second Ctrl-C does not wait.

    --out goes on behind what the file holds, and keeps others from writing to it meanwhile.

    \b
    Examples:
      sr2cnn monitor --source soapy:driver=rtlsdr --freq 868.95M --rate 1.6M --gain 30
      sr2cnn monitor --source file:recording.sigmf-meta --out - --fast
      sr2cnn monitor --config monitor.toml --zmq 5555 --prometheus 9100
      rtl_sdr -f 868950000 -s 1600000 - | sr2cnn monitor --source stdin:cu8 --rate 1.6M --out labels.jsonl
    """
    address = Address.parse(address)
    address.check_tuning(rate, freq, gain)
    if address.kind != "file":
        for name, value in (("--datatype", datatype), ("--fast", fast), ("--sigmf", options["sigmf"])):
            if value:
                raise click.UsageError(f"{name} is for file sources, not for {address}")
    if duration is not None and duration <= 0:
        raise click.UsageError(f"--duration is {duration:g} s, expected more than 0 s")
    if options["rotate"] and options["out"] in (None, "-"):
        raise click.UsageError("--rotate is for a file: give --out FILE")

    console, out = stderr_console(), options["out"]
    table = console.is_terminal and not (out == "-" and sys.stdout.isatty())
    if not (table or any(options[name] for name in ("out", "zmq", "prometheus", "sigmf", "gui"))):
        raise click.UsageError("nothing to put out: give --out, --zmq, --prometheus, --sigmf or --gui")
    if options["gui"] and not any(map(os.environ.get, DISPLAYS)):  # Qt would abort
        raise click.UsageError(f"--gui: no display ({', '.join(DISPLAYS)} are not set)")
    source = _open(address, rate, freq, gain, datatype, fast)

    def tune_anew():
        _tune_anew(ctx, config, address, source)

    reload = config and tune_anew
    hearing = {name: options.pop(name) for name in HEARING}
    if hearing["registry"]:
        hearing["registry"] = str(hearing["registry"])
    options["labels"] |= not hearing["condition"]
    _monitor(source, str(address), console if table else None, duration, reload, hearing, **options)


def _tune_anew(ctx, config, address, source):
    """Tune a radio to the frequency that the configuration file has now. What is wrong is said, no more."""
    try:
        freq = _read_config(ctx.command, config).get("freq")
        if address.kind not in RADIOS:
            raise ValueError(f"{address} cannot be tuned")
        if ctx.get_parameter_source("freq") is ParameterSource.COMMANDLINE:
            raise ValueError("--freq of the command line wins")
        if freq is None:
            raise ValueError("no freq")
        source.blocks[0].set_center_freq(FREQUENCY.convert(freq, None, ctx))
    except (OSError, ValueError, click.BadParameter) as error:
        what = error.message if isinstance(error, click.BadParameter) else error
        _say(f"{config} read again, not tuned: {what}")


@dataclass
class _Source:
    """``blocks``: in a row, the first the source; ``live``: whether samples do not wait; ``recording``: of a
    file, its path and the open `Recording`."""

    blocks: list
    live: bool
    recording: tuple | None = None


def _open(address, rate, freq, gain, datatype, fast):
    """The source of that address: a `_Source`."""
    if address.kind == "file":
        from ..recording_source import recording_source
        from ..sources.pacer import pacer

        source = recording_source(address.argument, datatype, rate, freq)
        recording = Path(address.argument), source.recording
        if fast:
            return _Source([source], False, recording)
        if not source.recording.sample_rate:
            raise ValueError(f"{address}: the recording does not say its sample rate; give --rate, or --fast")
        return _Source([source, pacer(source.recording.sample_rate)], True, recording)
    if address.kind == "stdin":
        from ..sources.raw_source import raw_source

        return _Source([raw_source(address.argument, rate, freq)], False)
    from ..sources.radio import open_source
    from ..sources.reopening_source import reopening_source

    def make(freq):
        return open_source(address, rate, freq, gain, _say)

    return _Source([reopening_source(str(address), make, freq, _say)], True)


def _monitor(source, title, console, duration, reload, hearing, gui, **outputs):
    """Run it; with a console, a table is shown there. ``reload``: None, or what SIGHUP asks for;
    ``hearing``: options of a `recognizer`, None for its own."""
    from ..labelling import TICK, flowgraph, run
    from ..recognizer import recognizer
    from .watch import LiveTable

    # It takes the sample rate from the source's tags.
    chain = recognizer(live=source.live, **{k: v for k, v in hearing.items() if v is not None})
    table, to_stdout = LiveTable(), outputs["out"] == "-"
    sink = _sink(table, source.recording, **outputs)
    for block in source.blocks:
        block.set_min_output_buffer(ROOM)
    window = _Window(hearing["model"], title) if gui else None
    top_block = flowgraph(source.blocks, chain, [sink, *([window.display] if window else [])])
    if window:
        window.watch(top_block, source.blocks[-1])
    end = time.monotonic() + duration if duration else None
    with contextlib.ExitStack() as stack:
        live = stack.enter_context(Live(console=console, auto_refresh=False)) if console else None
        asked_to_end = stack.enter_context(_ended_by_signals())
        asked_to_reload = stack.enter_context(_told_by_hangup()) if reload else lambda: False

        def show():
            if live:
                live.update(table.table(title), refresh=True)
            if to_stdout:
                check_reader()

        def tick():
            show()
            if asked_to_reload():
                reload()
            closed = window and not window.show()
            return closed or asked_to_end() or (end is not None and time.monotonic() >= end)

        run(top_block, tick, 0 if window else TICK)
        sink.close()
        show()
    error = getattr(source.blocks[0], "error", None)
    kept = chain.registry
    wrong = [f"{hearing['registry']}: not saved: {kept.fault}"] if kept and kept.fault else []
    _check_results(sink, wrong + [str(error)] * bool(error))


def _sink(table, recording, out, labels, rotate, zmq, prometheus, sigmf):
    """The event sink, with all its outputs open; ``labels``: whether the file of events holds these.

    Raises:
        OSError: one of them cannot be had
    """
    from ..event_sink import event_sink
    from ..outputs.json_lines import JsonLines
    from .classify import annotations

    address, port = prometheus or ("127.0.0.1", None)
    begun = []  # what an output says before is the error

    def report(line):
        if begun:
            _say(line)

    outputs = [table]
    if out:
        outputs.append(JsonLines(out, True, rotate, report=report, without=() if labels else ("labels",)))
    if sigmf:
        outputs.append(annotations(*recording))
    sink = event_sink(
        None,
        zmq=zmq,
        prometheus_port=port,
        prometheus_address=address,
        outputs=outputs,
        report=report,
    )
    for output in sink.outputs:
        if output.fault:
            raise OSError(output.fault)
    begun.append(True)
    return sink


def _check_results(sink, wrong):
    """Say what others missed; OSError if something that was to stay is lost, or something else went wrong."""
    from ..outputs.output import results_lost

    for output in sink.outputs:
        if not output.keeps and (output.lost or output.fault):
            _say(output.fault or f"{output.name}: {output.lost} events lost")
    if lost := results_lost(sink.outputs) + wrong:
        raise OSError("; ".join(lost))


class _Window:
    """A `label_display` as a window.

    Attributes:
        display: the block
    """

    def __init__(self, model, title):
        from PyQt5.QtCore import QEventLoop, QTimer
        from PyQt5.QtWidgets import QApplication

        from ..label_display import label_display

        self._application = QApplication.instance() or QApplication(["sr2cnn"])
        self._loop = QEventLoop
        self._later = QTimer.singleShot
        self.display = label_display(model=model)
        self._widget = self.display.widget()
        self._widget.setWindowTitle(title)
        self._widget.show()

    def watch(self, top_block, source):
        """Have a waterfall of what a block gives, whose tags tell the sample rate."""
        from ..messages import connect_events
        from ..spectrum import spectrum

        lines = spectrum()
        top_block.connect(source, lines)
        connect_events(top_block, lines, self.display)

    def show(self):
        """Let it work for `GUI_MS`; whether it is still open."""
        loop = self._loop()
        self._later(GUI_MS, loop.quit)
        loop.exec_()
        return self._widget.isVisible()


def _say(line):
    click.echo(shown(line), err=True)


@contextlib.contextmanager
def _ended_by_signals():
    """Whether one of `SIGNALS` came, as a callable; the second one acts as ever."""
    came = []

    def handle(number, frame):
        came.append(number)
        for each, handler in before.items():
            signal.signal(each, handler)

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _told_by_hangup():
    """Whether SIGHUP came since it was asked last, as a callable."""
    came = threading.Event()
    before = signal.signal(signal.SIGHUP, lambda number, frame: came.set())

    def told():
        was = came.is_set()
        came.clear()
        return was

    try:
        yield told
    finally:
        signal.signal(signal.SIGHUP, before)
