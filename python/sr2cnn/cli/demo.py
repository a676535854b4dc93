# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn demo`: the main job on a small fresh replay, and in a band with many emissions."""

import time
from collections import Counter

import click
import numpy as np
from rich.live import Live
from rich.table import Table
from sr2cnn_learn.attributes import in_words
from sr2cnn_learn.cli.common import DEVICE, FOLDER, Snrs, json_options
from sr2cnn_learn.cli.output import progress_bar, stderr_console
from sr2cnn_learn.modulations import RADIOML2016
from sr2cnn_learn.names import label_of
from sr2cnn_learn.wording import percent

MAP_FRAMES = 1500  # frames on the map of the semantic space
MAX_ROWS = 8  # discovered classes in a table
MAX_PARTS = 4  # true classes named in a row


@click.command()
@click.option(
    "--out",
    type=FOLDER,
    default="out",
    show_default=True,
    help="Folder for the replay, the picture and the JSON lines.",
)
@click.option(
    "--frames-per-key",
    type=click.IntRange(min=1),
    default=300,
    show_default=True,
    help="Frames for each modulation and SNR.",
)
@click.option("--snr", "snrs", type=Snrs(), default="16,18", show_default=True, help="SNRs.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=20260,
    show_default=True,
    help="Of the replay; never the model's training seed.",
)
@click.option(
    "--model", default="sr2cnn-zeroshot", show_default=True, help="Of the replay: bundle, or a shipped model."
)
@click.option("--band-model", default="sr2cnn", show_default=True, help="Of the band: likewise.")
@DEVICE
@json_options
def demo(out, frames_per_key, snrs, seed, model, band_model, device, json_output):
    """Watch a model name what it knows and discover what it does not.

    Builds a fresh replay of the eleven RadioML modulations, runs it through a GNU Radio flowgraph
    (radioml_source → recognizer → scorer and event_sink) and scores it against the truth. Writes
    demo.png (confusion matrix, map of the semantic space), labels.jsonl (the labels as they came)
    and replay.npz (the frames) to the folder OUT.

    Then makes a band with many emissions at a time, finds, cuts out and names each, and scores that, too:
    band.png (its spectrogram, what was there above what was found), band.sigmf-meta (the truth in it),
    band.sigmf-data, band.jsonl.

    \b
    Examples:
      sr2cnn demo
      sr2cnn demo --model mine.pt --snr 0:18:6 --out mine --json-file mine.json
    """
    from sr2cnn_learn.bundle import Bundle
    from sr2cnn_learn.plots.run import draw_run

    from .demo_band import show_band

    console = stderr_console()
    bundle = Bundle.load(model, device)
    if seed in _training_seeds(bundle.card):
        raise ValueError(f"seed {seed} is one that {bundle.path} was trained with; take another")
    out.mkdir(parents=True, exist_ok=True)
    replay = out / "replay.npz"
    _build(console, replay, frames_per_key, snrs, seed)
    truth, ids, samples, report, centers, seconds = _play(
        console, replay, out / "labels.jsonl", bundle, model, device, seed
    )

    figures = {
        "frames": report["frames"],
        "known_accuracy": report["known_accuracy"],
        "tkr": report["tkr"],
        "tur": report["tur"],
        "new_classes": [
            {**new, "description": bundle.describe(centers[new["label"]])} for new in report["new_classes"]
        ],
        "frames_per_second": report["frames"] / seconds,
    }
    labels = [label_of(i, bundle.classes) for i in ids.tolist()]
    draw_run(
        out / "demo.png",
        truth,
        labels,
        bundle.encode(samples[:MAP_FRAMES]),
        bundle.classes,
        bundle.centers,
        f"{bundle.name}: {figures['frames']} frames at {', '.join(map(str, snrs))} dB, "
        f"known accuracy {percent(figures['known_accuracy'])}, "
        f"TKR {percent(figures['tkr'])}, TUR {percent(figures['tur'])}",
    )
    _summary(console, bundle, figures, truth, out)
    figures["band"] = show_band(console, out, seed, band_model, device)
    json_output.put(figures)


def _training_seeds(card) -> set:
    """Every value under a key "seed", or "…_seed", of the card's provenance."""
    seeds, left = set(), [card.get("provenance")]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            seeds |= {v for k, v in value.items() if k.endswith("seed") and isinstance(v, int)}
            left += value.values()
    return seeds


def _build(console, path, frames_per_key, snrs, seed):
    from sr2cnn_learn.datasets import save_radioml

    from ..synthesis.radioml import radioml2016

    with progress_bar(console) as progress:
        total = len(RADIOML2016) * len(snrs) * frames_per_key
        task = progress.add_task("building the replay", total=total)
        frames = radioml2016(
            frames_per_key,
            snrs,
            seed,
            am_ssb="noise",
            progress=lambda n: progress.advance(task, n),
        )
    save_radioml(path, frames)


def _play(console, replay, events, bundle, model, device, seed):
    """Run the flowgraph.

    Returns:
        truth (N,), class ids (N,), merged classes counted as one, frames (N, frame_len), their
        ``RunningScore.report``, centers of the discovered classes by label, seconds
    """
    from gnuradio import blocks
    from sr2cnn_learn.discriminator import resolve
    from sr2cnn_learn.evaluation.running import RunningScore

    from ..event_sink import event_sink
    from ..labelling import flowgraph, run
    from ..outputs.output import results_lost
    from ..radioml_source import radioml_source
    from ..recognizer import recognizer
    from ..scorer import scorer

    source = radioml_source(str(replay), order="shuffled", seed=seed)
    # RadioML's signals are centered; and the replay's ids shall not depend on the machine's speed.
    chain = recognizer(model=model, device=device, condition=False, max_new_per_minute=None)
    score, lines = scorer(bundle.classes), event_sink(str(events))
    iq, ids = blocks.vector_sink_c(), blocks.vector_sink_s()
    top_block = flowgraph([source], chain, [lines], [score, ids])
    top_block.connect(source, iq)

    start = time.monotonic()
    with Live(console=console, transient=True, auto_refresh=False) as live:

        def show():
            live.update(_live_table(bundle, score.report(), time.monotonic() - start), refresh=True)

        run(top_block, show if console.is_terminal else lambda: None)
    seconds = time.monotonic() - start
    if lost := results_lost(lines.outputs):
        raise OSError("; ".join(lost))
    ids = np.array(ids.data(), dtype=np.int64)
    if len(ids) != len(source.dataset):
        raise click.ClickException(f"only {len(ids)} of {len(source.dataset)} frames came through")
    frames = np.array(iq.data(), dtype=np.complex64).reshape(-1, bundle.frame_len)
    truth = _truth(iq.tags(), len(frames), bundle.frame_len)
    ids = resolve(ids, chain.discriminator.merged())
    score = RunningScore(bundle.classes)
    score.update(truth, ids)
    centers = {found.name: found.center for found in chain.discriminator.discovered()}
    return truth, ids, frames, score.report(), centers, seconds


def _truth(tags, n_frames, frame_len):
    """The label of each frame, from tags that say where it changes."""
    import pmt

    truth = np.empty(n_frames, dtype=object)
    for tag in sorted(tags, key=lambda tag: tag.offset):
        if pmt.symbol_to_string(tag.key) == "truth":
            truth[tag.offset // frame_len :] = pmt.to_python(tag.value)["label"]
    return truth.astype(str)


def _live_table(bundle, report, seconds):
    table = Table(
        "truth",
        "frames",
        "most labelled",
        "share",
        title=f"{report['frames']} frames, {report['frames'] / seconds:.0f} a second",
    )
    confusion = report["confusion"]
    for truth in sorted(confusion, key=lambda name: (name not in bundle.classes, name)):
        given = confusion[truth]
        label, n = max(given.items(), key=lambda item: item[1])
        total = sum(given.values())
        name = truth if truth in bundle.classes else f"{truth} (never seen)"
        style = None if label == truth else "cyan" if label not in bundle.classes else "yellow"
        table.add_row(name, str(total), label, f"{100 * n / total:.0f} %", style=style)
    table.add_section()
    for new in report["new_classes"][:MAX_ROWS]:
        made_of = _made_of(new["made_of"])
        table.add_row(f"new: {new['label']}", str(new["frames"]), made_of, style="cyan")
    return table


def _made_of(parts):
    """The largest parts: "90 GFSK, 3 PAM4, …"."""
    largest = [f"{n} {label}" for label, n in Counter(parts).most_common(MAX_PARTS)]
    return ", ".join(largest + ["…"] * (len(parts) > MAX_PARTS))


def _summary(console, bundle, figures, truth, out):
    unseen = sorted(set(truth.tolist()) - set(bundle.classes))
    console.print(
        f"{figures['frames']} frames, {figures['frames_per_second']:.0f} a second",
        f"known accuracy {percent(figures['known_accuracy'])}: "
        f"frames of the {len(bundle.classes)} known classes given their own name",
        f"TKR {percent(figures['tkr'])}: frames of known classes taken for known",
        f"TUR {percent(figures['tur'])}: frames of {', '.join(unseen) or 'no class'} "
        "(never seen in training) taken for unknown",
        sep="\n",
    )
    table = Table("discovered", "frames", "made of", "looks like")
    new_classes = figures["new_classes"]
    for new in new_classes[:MAX_ROWS]:
        looks = in_words(new["description"])
        table.add_row(new["label"], str(new["frames"]), _made_of(new["made_of"]), looks)
    smaller = sum(new["frames"] for new in new_classes[MAX_ROWS:])
    if smaller:
        table.add_row(f"{len(new_classes) - MAX_ROWS} more", str(smaller))
    console.print(table if new_classes else "no class discovered")
    console.print(f"wrote {out / 'demo.png'}, labels.jsonl, replay.npz", soft_wrap=True)
