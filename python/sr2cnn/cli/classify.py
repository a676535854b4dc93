# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn classify`: recordings in, labels out."""

import contextlib
from collections import Counter, defaultdict

import click
from rich.table import Table
from sr2cnn_learn.atomic import is_stream, output_file
from sr2cnn_learn.attributes import in_words
from sr2cnn_learn.cli.common import DEVICE, FILE, FREQUENCY, NEW_FILE_OR_FOLDER, NEW_FILE_OR_STDOUT, RATE
from sr2cnn_learn.cli.output import check_reader, progress_bar, stderr_console
from sr2cnn_learn.discriminator import INVALID
from sr2cnn_learn.names import label_of, shown
from sr2cnn_learn.recordings import DATATYPES, open_recording

from ..outputs.json_lines import JsonLines, json_line
from ..outputs.output import Output, results_lost
from .drawings import Drawings

MOST_ROWS = 30  # of the table of bursts


@click.command()
@click.argument("files", type=FILE, nargs=-1, required=True, metavar="FILE…")
@click.option("--model", default="sr2cnn", show_default=True, help="Bundle, or a shipped model.")
@click.option("--datatype", help=f"Of raw samples: {', '.join(DATATYPES)}; default: by the name.")
@click.option("--rate", type=RATE, help="Sample rate, as 1.6M; wins over the recording's.")
@click.option("--freq", type=FREQUENCY, help="Center frequency, as 868.95MHz; wins over the recording's.")
@click.option(
    "--hop",
    type=click.IntRange(min=0),
    default=0,
    help="Samples from frame to frame; default: the frame length.",
)
@click.option(
    "--condition/--no-condition",
    default=True,
    show_default=True,
    help="Find the bursts, center and resample them first; else take the samples as they are.",
)
@DEVICE
@click.option(
    "--out", type=NEW_FILE_OR_STDOUT, default="-", show_default=True, help="File for the events, - is stdout."
)
@click.option("--sigmf", is_flag=True, help="Annotate: labels into each recording's .sigmf-meta, too.")
@click.option("--zmq", metavar="ADDRESS", help="Publish, too: a port of this machine, tcp://HOST:PORT.")
@click.option(
    "--picture",
    type=NEW_FILE_OR_FOLDER,
    metavar="OUT.png",
    help="Draw the spectrogram with its emissions; a folder for several recordings.",
)
def classify(files, datatype, rate, freq, out, sigmf, zmq, picture, **options):
    """Label recordings: SigMF, WAV (stereo I/Q or mono), raw cf32, ci16, ci8, cu8.

    Each recording runs through a GNU Radio flowgraph of its own, as a radio's samples would. First the
    bursts are found over the noise, centered, and brought to the samples a symbol that the model was
    trained on; noise between them gets no label. With --no-condition every whole frame of the samples
    gets one, which is right for what is centered and at the model's rate already.

    A frame's label is the name of a known modulation, or unknown_1, unknown_2, … for classes discovered
    on the way. A run of frames with one label is one JSON line ("event": "label"), a class discovered
    another ("event": "novel") with what it looks like, a burst another ("event": "burst"), all in samples and
    hertz of the recording; a line with "event": "recording" precedes those of each file.

    --sigmf leaves what others have put into the metadata, and gives raw samples NAME.sigmf-meta of their
    own. What is published over ZeroMQ, sr2cnn watch shows.

    --picture draws time and frequency with a box for each emission and a color for each class; discovered
    classes have dashed boxes and a triangle, what was not judged is grey. The suffix tells the format: .png,
    .svg, .pdf, .jpg. Where it is a folder, each recording has its NAME.png there.

    --out replaces a file once all is done; after Ctrl-C or an error it holds the recordings that were
    finished. Pipes and devices are written into.

    \b
    Examples:
      sr2cnn classify recording.sigmf-meta
      sr2cnn classify radio.bin --datatype ci16 --rate 1.6M --freq 868.95MHz --out labels.jsonl
      sr2cnn classify *.cf32 | jq -r 'select(.event == "label") | .label'
      sr2cnn classify band.sigmf-meta --out events.jsonl --picture band.png
    """
    drawings = Drawings(files, picture)  # before anything is written
    for file in files:
        recording = open_recording(file, datatype, rate, freq)
        if sigmf:
            annotations(file, recording)
    publisher = zmq and _publisher(zmq)
    options.update(
        datatype=datatype, rate=rate, freq=freq, sigmf=sigmf, publisher=publisher, drawings=drawings
    )
    try:
        _classify_all(files, out, **options)
        drawings.check()
    finally:
        if publisher:
            publisher.close()
            if publisher.lost:
                click.echo(f"{publisher.name}: {publisher.lost} events lost to a subscriber", err=True)


def _classify_all(files, out, **options):
    if out == "-":
        for file in files:
            _classify(file, JsonLines(report=_quiet), **options)
        return
    failure, stream = None, is_stream(out)
    with output_file(out) as buffered:
        results = buffered.raw
        for n_finished, file in enumerate(files):
            finished = None if stream else results.tell()
            try:
                _classify(file, _Lines(out, results), **options)
            except BaseException as error:
                if stream or not n_finished:
                    raise
                results.truncate(finished)
                failure = error
                click.echo(f"{shown(out)}: holds {n_finished} of {len(files)} recordings", err=True)
                break
    if failure:
        raise failure


def _quiet(line):
    """Of an output whose fault ends the command, and so is told."""


class _Lines(Output):
    """Events as JSON lines in a raw binary file."""

    def __init__(self, name, file):
        super().__init__(_quiet)
        self.name = name
        self._file = file

    def _write(self, kind, event):
        line = json_line(event)
        while line:
            line = line[self._file.write(line) :]


def _publisher(address):
    from ..outputs.zmq_pub import ZmqPub

    publisher = ZmqPub(address, report=_quiet)  # what it loses is told at the end
    if publisher.fault:
        raise OSError(publisher.fault)
    return publisher


def annotations(file, recording):
    """The output for the annotations of a recording, opened from a file.

    Raises:
        ValueError: it is none that can be annotated
    """
    from ..outputs.sigmf_annotations import SigmfAnnotations

    if recording.datatype == "wav":
        raise ValueError(f"{file}: a WAV file; --sigmf annotates SigMF recordings and raw samples")
    raw = file == recording.path and file.suffix != ".sigmf-data"
    datatype = recording.datatype
    if datatype[-1].isdigit() and not datatype.endswith("8"):
        datatype += "_le"
    return SigmfAnnotations(
        file,
        datatype,
        recording.sample_rate,
        recording.center_frequency,
        dataset=file.name if raw else None,
    )


def _classify(file, lines, publisher, sigmf, drawings, **options):
    """Label one recording; its events go to the output `lines`, too."""
    from ..labelling import label_recording
    from ..messages import PORTS

    console = stderr_console()
    with progress_bar(console) as progress:

        def show(samples_read):
            progress.update(task, completed=samples_read)
            _check(lines)

        labels = label_recording(file, progress=show, **options)
        recording = labels.recording
        task = progress.add_task(file.name, total=recording.n_samples)
        heard = _Heard()
        others = [annotations(file, recording)] if sigmf else []
        outputs = [lines, *others, *filter(None, [publisher]), heard]
        try:
            with contextlib.closing(iter(labels)) as events:
                for event in events:
                    port = PORTS.get(event["event"])  # None: about the recording
                    for output in outputs if port else [lines]:
                        output.write(port, event)
                    _check(lines)
        finally:
            for output in outputs:
                output.flush()
    _check(lines)
    if lost := results_lost(outputs):
        raise OSError("; ".join(lost))
    frames = labels.frames_by_class()
    bundle, condition, hop = labels.recognizer.encoder.bundle, options["condition"], options["hop"]
    whole = max(0, 1 + (recording.n_samples - bundle.frame_len) // (hop or bundle.frame_len))
    if not condition and frames.total() + labels.recognizer.frames_skipped != whole:
        raise click.ClickException(f"{file}: only {frames.total()} of {whole} frames came through")
    # Each conditioned burst has a rate of its own.
    _summary(console, file, labels, frames, None if condition else recording.sample_rate)
    if condition:
        console.print(heard.table(recording.sample_rate))
    drawings.draw(file, recording, heard.emissions(), console)


def _check(lines):
    """Raise what keeps further events from getting out: nobody reads them, no room, …"""
    if isinstance(lines, JsonLines):
        check_reader()
    if lines.fault:
        raise OSError(lines.fault)


def _summary(console, file, labels, frames, rate):
    chain, bundle = labels.recognizer, labels.recognizer.encoder.bundle
    looks = {
        found.id: in_words(bundle.describe(found.center, rate)) for found in chain.discriminator.discovered()
    }
    invalid = frames.pop(INVALID, 0)
    judged = frames.total()
    notes = [f"{judged} frames labelled"]
    for n, what in (
        (chain.frames_skipped, "frames skipped for NaN or Inf"),
        (invalid, "frames invalid"),
        (chain.samples_left, "samples at the end make no frame"),
        (labels.recording.trailing_bytes, "bytes at the end make no sample"),
    ):
        if n:
            notes.append(f"{n} {what}")
    console.print(file, style="bold", end="", soft_wrap=True)
    console.print(f": {', '.join(notes)}", soft_wrap=True)
    table = Table("label", "frames", "share", *["looks like"] * bool(looks))
    for i, n in frames.most_common():
        label = label_of(i, bundle.classes)
        cell = [looks.get(i)] * bool(looks)
        table.add_row(label, str(n), f"{100 * n / judged:.1f} %", *cell)
    if judged:
        console.print(table)


class _Heard(Output):
    """The bursts of a recording, and what most of each was labelled."""

    name = "bursts"

    def __init__(self):
        super().__init__()
        self._bursts, self._labels, self._emissions = [], defaultdict(Counter), []

    def _write(self, kind, event):
        if kind == "bursts":
            self._bursts.append(event)
        elif kind == "emissions":
            self._emissions.append(event)
        elif kind == "labels" and "burst" in event:
            self._labels[event["burst"]][event["label"], event["known"]] += event["n_samples"]

    def emissions(self):
        """`emission` events; where there is none, the bursts with what most of each was labelled."""
        if self._emissions:
            return self._emissions
        return [self._as_emission(burst) for burst in self._bursts]

    def _as_emission(self, burst):
        labels = self._labels[burst["burst"]].most_common(1)
        label, known = labels[0][0] if labels else (None, None)
        return {**burst, "emission": burst["burst"], "label": label, "known": known}

    def table(self, rate):
        if not self._bursts:
            return "no burst stands above the noise; --no-condition labels every frame all the same"
        unit, suffix = (1e3, "") if rate else (1.0, "_share")
        names = ("offset kHz", "width kHz") if rate else ("offset /rate", "width /rate")
        start, length = ("start s", "length ms") if rate else ("start", "samples")
        table = Table("burst", start, length, *names, "SNR dB", "mostly")
        for burst in self._bursts[:MOST_ROWS]:
            labels = self._labels[burst["burst"]]
            total = sum(labels.values())
            mostly = ", ".join(f"{name} {100 * n / total:.0f} %" for (name, _), n in labels.most_common(2))
            first, n = burst["start_sample"], burst["n_samples"]
            table.add_row(
                str(burst["burst"]),
                f"{first / rate:.4f}" if rate else str(first),
                f"{1e3 * n / rate:.2f}" if rate else str(n),
                f"{burst['frequency_offset' + suffix] / unit:.4g}",
                f"{burst['bandwidth' + suffix] / unit:.4g}",
                f"{burst['snr']:.1f}",
                mostly or "too short for a frame",
            )
        if len(self._bursts) > MOST_ROWS:
            table.caption = f"and {len(self._bursts) - MOST_ROWS} more: --out has them all"
        return table
