# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn classify`: recordings in, emissions and what they are out."""

import contextlib
import shlex
import sys
from collections import Counter

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

NOT_JUDGED = "not judged"
MOST_ROWS = 30  # of the table of emissions


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
    help="Find the emissions in the band and judge each; else take the samples as one signal, frame by frame.",
)
@click.option(
    "--frames-per-emission",
    type=click.IntRange(min=0),
    help="Most frames that an emission is judged from; default: 256; 0: all.",
)
@click.option("--labels", is_flag=True, help="Label events, too: each verdict with its semantic vector.")
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
@click.option(
    "--report",
    type=NEW_FILE_OR_FOLDER,
    metavar="OUT.html",
    help="The same to zoom, with a table of the emissions, for a browser; or a folder.",
)
def classify(files, datatype, rate, freq, out, sigmf, zmq, picture, report, **options):
    """Say what is on the air in recordings: SigMF, WAV (stereo I/Q or mono), raw cf32, ci16, ci8, cu8.

    Each recording runs through a GNU Radio flowgraph of its own, as a radio's samples would. The emissions in
    its band are found, many at a time, each is cut out, brought to the samples a symbol that the model was
    trained on, and judged from all its frames. With --no-condition the samples are one signal, centered and
    at the model's rate already, and every whole frame gets a label.

    A label is the name of a known modulation, or unknown_1, unknown_2, … for classes discovered on the way.
    An emission is one JSON line ("event": "emission"): where, when, how wide, how strong, and what it is; a
    class discovered another one ("event": "novel") with what it looks like, all in samples and hertz of the
    recording; a line with "event": "recording" precedes those of each file. With --no-condition, a run of
    frames with one label is a line ("event": "label").

    --sigmf leaves what others have put into the metadata, and gives raw samples NAME.sigmf-meta of their
    own. What is published over ZeroMQ, sr2cnn watch shows.

    --picture draws time and frequency with a box for each emission and a color for each class; discovered
    classes have dashed boxes and a triangle, what was not judged is grey. The suffix tells the format: .png,
    .svg, .pdf, .jpg. Where it is a folder, each recording has its NAME.png there.

    --report writes one HTML file that needs no network: the picture to zoom by wheel, fingers or keys, a
    table of the emissions to sort, what each discovered class looks like, and this command line.

    --out replaces a file once all is done; after Ctrl-C or an error it holds the recordings that were
    finished. Pipes and devices are written into.

    \b
    Examples:
      sr2cnn classify recording.sigmf-meta
      sr2cnn classify radio.bin --datatype ci16 --rate 1.6M --freq 868.95MHz --out labels.jsonl
      sr2cnn classify *.cf32 | jq -r 'select(.event == "emission") | .label'
      sr2cnn classify band.sigmf-meta --out emissions.jsonl --picture band.png --report band.html
    """
    drawings = Drawings(files, picture, report)  # before anything is written
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


def _classify_all(files, out, labels, **options):
    without = () if labels or not options["condition"] else ("labels",)
    if out == "-":
        for file in files:
            _classify(file, JsonLines(report=_quiet, without=without), **options)
        return
    failure, stream = None, is_stream(out)
    with output_file(out) as buffered:
        results = buffered.raw
        for n_finished, file in enumerate(files):
            finished = None if stream else results.tell()
            try:
                _classify(file, _Lines(out, results, without), **options)
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

    def __init__(self, name, file, without):
        super().__init__(_quiet)
        self.name = name
        self._file = file
        self._without = without

    def _write(self, kind, event):
        if kind in self._without:
            return
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

        given = {name: value for name, value in options.items() if value is not None}
        labelling = label_recording(file, progress=show, **given)
        recording = labelling.recording
        task = progress.add_task(file.name, total=recording.n_samples)
        heard = _Heard()
        others = [annotations(file, recording)] if sigmf else []
        outputs = [lines, *others, *filter(None, [publisher]), heard]
        try:
            with contextlib.closing(iter(labelling)) as events:
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
    looks = _looks(labelling, None if options["condition"] else recording.sample_rate)
    if options["condition"]:
        console.print(file, style="bold", end="", soft_wrap=True)
        console.print(heard.summary(_notes(labelling)), soft_wrap=True)
        console.print(heard.table(recording.sample_rate))
        for line in heard.remarks(looks):
            console.print(line)
    else:
        frames = labelling.frames_by_class()
        bundle, hop = labelling.recognizer.encoder.bundle, options["hop"]
        whole = max(0, 1 + (recording.n_samples - bundle.frame_len) // (hop or bundle.frame_len))
        if frames.total() + labelling.recognizer.frames_skipped != whole:
            raise click.ClickException(f"{file}: only {frames.total()} of {whole} frames came through")
        _summary(console, file, labelling, frames, looks)
    model = labelling.recognizer.encoder.bundle.name
    facts = [("Model", model), ("Command", shlex.join(["sr2cnn", *sys.argv[1:]]))]
    drawings.draw(file, recording, heard.described(looks), facts, console)


def _check(lines):
    """Raise what keeps further events from getting out: nobody reads them, no room, …"""
    if isinstance(lines, JsonLines):
        check_reader()
    if lines.fault:
        raise OSError(lines.fault)


def _looks(labelling, rate):
    """What each discovered class looks like, by its id."""
    chain = labelling.recognizer
    bundle = chain.encoder.bundle
    return {
        found.id: in_words(bundle.describe(found.center, rate)) for found in chain.discriminator.discovered()
    }


def _notes(labelling, invalid=0):
    """What got no label, in words."""
    chain = labelling.recognizer
    counts = (
        (chain.frames_skipped, "frames skipped for NaN or Inf"),
        (invalid, "frames invalid"),
        (chain.samples_left, "samples at the end make no frame"),
        (labelling.recording.trailing_bytes, "bytes at the end make no sample"),
    )
    return [f"{n} {what}" for n, what in counts if n]


def _summary(console, file, labelling, frames, looks):
    invalid = frames.pop(INVALID, 0)
    judged = frames.total()
    console.print(file, style="bold", end="", soft_wrap=True)
    notes = [f"{judged} frames labelled", *_notes(labelling, invalid)]
    console.print(f": {', '.join(notes)}", soft_wrap=True)
    table = Table("label", "frames", "share", *["looks like"] * bool(looks))
    for i, n in frames.most_common():
        label = label_of(i, labelling.recognizer.encoder.bundle.classes)
        cell = [looks.get(i)] * bool(looks)
        table.add_row(label, str(n), f"{100 * n / judged:.1f} %", *cell)
    if judged:
        console.print(table)


class _Heard(Output):
    """The emissions of a recording."""

    name = "emissions"

    def __init__(self):
        super().__init__()
        self._emissions = {}  # by number, as told last

    def _write(self, kind, event):
        if kind == "emissions":
            self._emissions[event["emission"]] = event

    def emissions(self):
        """The last event of each, in the order in which they begin."""
        return sorted(self._emissions.values(), key=lambda event: event["start_sample"])

    def described(self, looks):
        """The same, those of a discovered class with what it looks like, of which `looks` tells by id."""
        for event in self.emissions():
            description = looks.get(event.get("class_id"))
            yield {**event, "description": description} if description else event

    def summary(self, notes):
        """How many, of what."""
        labels = Counter(event["label"] or NOT_JUDGED for event in self._emissions.values())
        what = [f"{n} {shown(label)}" for label, n in labels.most_common()]
        return f": {len(self._emissions)} emissions{': ' * bool(what)}{', '.join(what + notes)}"

    def table(self, rate):
        """A rich table of them."""
        if not self._emissions:
            return "nothing stands above the noise; --no-condition labels every frame all the same"
        unit, suffix = (1e3, "") if rate else (1.0, "_share")
        names = ("offset kHz", "width kHz") if rate else ("offset /rate", "width /rate")
        start, length = ("start s", "length ms") if rate else ("start", "samples")
        table = Table("", "what", start, length, *names, "SNR dB", "frames")
        emissions = self.emissions()
        for event in emissions[:MOST_ROWS]:
            first, n = event["start_sample"], event["n_samples"]
            table.add_row(
                str(event["emission"]),
                shown(event["label"] or NOT_JUDGED),
                f"{first / rate:.4f}" if rate else str(first),
                f"{1e3 * n / rate:.2f}" if rate else str(n),
                f"{event['frequency_offset' + suffix] / unit:.4g}",
                f"{event['bandwidth' + suffix] / unit:.4g}",
                f"{event['snr']:.1f}",
                str(event["n_frames"]),
            )
        if len(emissions) > MOST_ROWS:
            table.caption = f"and {len(emissions) - MOST_ROWS} more: --out has them all"
        return table

    def remarks(self, looks):
        """What discovered classes look like, of which `looks` tells by id, and why some were not judged: lines."""
        names, reasons = {}, Counter()
        for event in self._emissions.values():
            if event["label"] is None:
                reasons[event.get("reason")] += 1
            elif event["class_id"] in looks:
                names[event["class_id"]] = event["label"]
        lines = [f"{shown(names[id])} looks like: {looks[id]}" for id in sorted(names, reverse=True)]
        return lines + [f"{NOT_JUDGED}, {n}: {reason}" for reason, n in reasons.most_common()]
