# SPDX-License-Identifier: GPL-3.0-or-later
"""The second half of `sr2cnn demo`: a band with many emissions."""

from collections import Counter, defaultdict

from rich.table import Table
from sr2cnn_learn.cli.output import progress_bar
from sr2cnn_learn.evaluation.scene import match, read_truth, reported_emissions, score
from sr2cnn_learn.plots.boxes import event_boxes, true_boxes
from sr2cnn_learn.plots.emissions import draw_recording
from sr2cnn_learn.recordings import open_recording
from sr2cnn_learn.wording import percent

RATE, SECONDS, DENSITY, SNR = 2e6, 2.0, 4.0, (6.0, 30.0)


def show_band(console, out, seed, model, device):
    """Make a band of our transmitters, find and name what is in it, and hold that against the truth.

    Args:
        console: where it is told
        out: folder, for band.sigmf-meta and its samples, band.jsonl, the events, and band.png, the picture
        seed: of the band
        model, device: as those of a `recognizer`

    Returns:
        dict of figures, see `sr2cnn_learn.evaluation.scene.score`
    """
    path = out / "band.sigmf-meta"
    _make(console, path, seed)
    events = _label(console, path, out / "band.jsonl", model, device)
    truth, reported = read_truth(path), reported_emissions(events)
    figures = score([(truth, reported)])
    del figures["by_snr"]
    console.print(
        f"a band of {RATE / 1e6:g} MHz, {DENSITY:g} emissions at a time: {figures['emissions']} in {SECONDS:g} s, "
        f"found {percent(figures['found'])}, named {percent(figures['exact'])}, "
        f"of the right family {percent(figures['family'])}; "
        f"told where nothing is: {figures['ghosts']}"
    )
    console.print(_table(truth, reported))
    _draw(console, path, events, out / "band.png", figures)
    console.print(f"wrote {out / 'band.png'}, band.sigmf-meta, band.sigmf-data, band.jsonl", soft_wrap=True)
    return figures


def _draw(console, path, events, picture, figures):
    recording = open_recording(path)
    panels = {
        f"what was there: {figures['emissions']} emissions": true_boxes(recording),
        f"what was found: {figures['reported']}": event_boxes(events, recording.sample_rate),
    }
    with progress_bar(console) as progress:
        task = progress.add_task("drawing", total=recording.n_samples)
        draw_recording(picture, recording, panels, lambda n: progress.update(task, completed=n))


def _make(console, path, seed):
    from ..synthesis.scene import Scene, write_scene

    scene = Scene(rate=RATE, seconds=SECONDS, density=DENSITY, snr=SNR, seed=seed)
    with progress_bar(console) as progress:
        task = progress.add_task("making a band", total=scene.n_samples)
        write_scene(path, scene, lambda phase, n: phase == "written" and progress.advance(task, n))


def _label(console, path, out, model, device):
    from ..labelling import label_recording
    from ..outputs.json_lines import JsonLines
    from ..outputs.output import results_lost

    lines, events = JsonLines(str(out), without=["labels"]), []
    with progress_bar(console) as progress:
        task = progress.add_task("finding and naming", total=None)
        labelling = label_recording(
            path, model, device=device, progress=lambda n: progress.update(task, completed=n)
        )
        progress.update(task, total=labelling.recording.n_samples)
        for event in labelling:
            if event["event"] == "emission":
                events.append(event)
                lines.write("emissions", event)
    lines.close()
    if lost := results_lost([lines]):
        raise OSError("; ".join(lost))
    return events


def _table(truth, reported):
    """What was in the band, beside what it was taken for."""
    pairs = match(truth, reported).pairs
    there, named = Counter(emission.label for emission in truth), defaultdict(Counter)
    for i, k in pairs.items():
        named[truth[i].label][reported[k].label or "not judged"] += 1
    table = Table("what was there", "emissions", "found", "taken for")
    for label, n in sorted(there.items()):
        said = ", ".join(f"{count} {name}" for name, count in named[label].most_common())
        table.add_row(label, str(n), str(named[label].total()), said)
    return table
