# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn dataset`: build a data set, look into one."""

import json
import os

import click
import numpy as np
from rich.table import Table
from sr2cnn_learn.atomic import replaceable, write_atomically
from sr2cnn_learn.cli import (
    DATA,
    MAX_PER_KEY,
    Names,
    Snrs,
    percent,
    progress_bar,
    stderr_console,
    stdout_console,
)
from sr2cnn_learn.cli_output import NEW_FILE, json_options
from sr2cnn_learn.wording import facts, fitting_table, levels


@click.group()
def dataset():
    """Build a data set, or look into one."""


def _build_options(snrs):
    """The options that all recipes share; ``snrs`` by default."""
    return (
        click.option("--jobs", type=click.IntRange(min=1), help="Processes; default: one a core."),
        click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True),
        click.option(
            "--modulations",
            type=Names(),
            help="Default: the release's; see sr2cnn dataset modulations.",
        ),
        click.option(
            "--snr", "snrs", type=Snrs(), default=snrs, show_default=True, help="SNRs."
        ),
        click.option("--out", type=NEW_FILE, required=True, help="File to write: .npz, else a pickle."),
    )


def _with(options):
    def decorate(command):
        for option in options:
            command = option(command)
        return command

    return decorate


_recipe_options = _with(
    (
        click.option(
            "--faithful", is_flag=True, help="The release's side of its oddities: noise and fixed."
        ),
        click.option(
            "--channel-seeds",
            type=click.Choice(["fresh", "fixed"]),
            help="A channel of its own for each pass (default), or one for all as in the release.",
        ),
        *_build_options("-20:18:2"),
    )
)


_am_ssb = click.option(
    "--am-ssb",
    type=click.Choice(["signal", "noise"]),
    help="AM-SSB as a signal (default), or noise alone as in the release.",
)


def _frames_per_key(default):
    return click.option(
        "--frames-per-key", type=click.IntRange(min=1), default=default, show_default=True,
        help="Frames for each modulation and SNR.",
    )  # fmt: skip


@dataset.command()
@_recipe_options
@_frames_per_key(1000)
@_am_ssb
@click.option(
    "--spread", is_flag=True,
    help="Vary samples a symbol (6.4 to 10), carrier offset, roll-off, deviation … from pass to pass.",
)  # fmt: skip
@click.option(
    "--condition", type=click.FloatRange(0, 1), default=0.0, show_default=True,
    help="Share of the passes that are received at any rate and frequency, and brought back by the "
    "conditioner.",
)  # fmt: skip
def radioml2016(**options):
    """Synthesize a data set by the recipe of RML2016.10a.

    GNU Radio transmitters, GNU Radio's dynamic channel model, frames of 128 samples. OUT has the
    layout of RML2016.10a: {(modulation, snr): (n, 2, 128) float32}, pickled, or plain arrays with
    .npz. OUT.json says how it was made. One key of 1000 frames takes about two seconds of a core.

    \b
    Examples:
      sr2cnn dataset radioml2016 --out data.pkl --snr 16,18 --am-ssb noise
      sr2cnn dataset radioml2016 --out all.npz --faithful --seed 7
      sr2cnn dataset radioml2016 --out two.npz --modulations QPSK,OFDM --snr 0:18:6 --spread
    """
    _write_radioml("radioml2016", **options)


@dataset.command()
@_recipe_options
@_frames_per_key(6000)
def radioml2016b(modulations, **options):
    """Synthesize a data set by the recipe of RML2016.10b: no AM-SSB, six times the frames.

    \b
    Example:
      sr2cnn dataset radioml2016b --out large.pkl --snr 10:18:2
    """
    from ..transmitters import RADIOML2016

    ten = tuple(name for name in RADIOML2016 if name != "AM-SSB")
    if "AM-SSB" in (modulations or ()):
        raise ValueError(f"RML2016.10b has no AM-SSB, expected some of {', '.join(ten)}")
    _write_radioml("radioml2016b", modulations=modulations or ten, **options)


@dataset.command()
@_recipe_options
@_am_ssb
def radioml2016c(**options):
    """Synthesize a data set by the recipe of RML2016.04C.

    One pass through the channel for each key, cut into at most 1000 frames that overlap by half:
    ragged counts, and neighbours across a split share samples (see sr2cnn dataset leakage).

    \b
    Example:
      sr2cnn dataset radioml2016c --out old.pkl --snr 10:18:2
    """
    _write_radioml("radioml2016c", **options)


@dataset.command()
@_with(_build_options("2:40:2"))
@_frames_per_key(1000)
def signal202002(**options):
    """Synthesize a data set after SIGNAL-202002 of the SR2CNN paper.

    8 samples a symbol, 128 a frame; each frame has a channel of its own: Rayleigh fading,
    multipath, clock offset, white noise. An SNR is the frame's true one in dB. One key of 1000
    frames takes about two seconds of a core.

    \b
    Examples:
      sr2cnn dataset signal202002 --out signal.pkl
      sr2cnn dataset signal202002 --out some.npz --snr 10:40:10 --frames-per-key 200 --seed 3
    """
    from ..signal202002 import signal202002

    _write("signal202002", signal202002, **options)


def _write_radioml(layout, channel_seeds, faithful, am_ssb=None, **options):
    """Build and write a data set of that layout of RadioML 2016."""
    if faithful and (am_ssb == "signal" or channel_seeds == "fresh"):
        raise click.UsageError("--faithful means --am-ssb noise and --channel-seeds fixed")
    from .. import synthesis

    _write(
        layout,
        synthesis.radioml2016c if layout == "radioml2016c" else synthesis.radioml2016,
        am_ssb=am_ssb or ("noise" if faithful else "signal"),
        channel_seeds=channel_seeds or ("fixed" if faithful else "fresh"),
        **options,
    )


def _write(layout, build, out, snrs, modulations, jobs, **options):
    """Build a data set, and write it and, beside it, how it was made."""
    if not os.access(out.absolute().parent, os.W_OK):
        raise ValueError(f"{out}: the folder {out.parent} does not exist or cannot be written to")

    from sr2cnn_learn.datasets import save_radioml
    from sr2cnn_learn.datasets.arrays import file_sha256

    replaceable(out)
    from ..synthesis import check_modulations

    names = check_modulations(modulations)
    recipe = {"recipe": layout, "modulations": names, "snrs": list(snrs), **options}
    console = stderr_console()
    with progress_bar(console) as progress:
        task = progress.add_task("modulations and SNRs", total=len(names) * len(snrs))
        frames = build(
            snrs=snrs,
            modulations=names,
            jobs=jobs,
            progress=lambda n: progress.advance(task),
            **options,
        )
    save_radioml(out, frames)
    recipe["sha256"] = file_sha256(out)
    write_atomically(f"{out}.json", json.dumps(recipe, indent=2) + "\n")
    n_frames = sum(map(len, frames.values()))
    console.print(f"wrote {out}: {len(frames)} keys, {n_frames} frames", soft_wrap=True)


@dataset.command()
@json_options
def modulations(json_output):
    """List what can be transmitted, and what --spread varies.

    With --spread each pass also has its own samples a symbol, 6.4 to 10, and carrier offset, up to
    1 % of the sample rate.

    \b
    Examples:
      sr2cnn dataset modulations
      sr2cnn dataset modulations --json
    """
    from ..transmitters import RADIOML2016, TRANSMITTERS

    rows = [
        {
            "modulation": name,
            "radioml2016": name in RADIOML2016,
            "description": kind.__doc__.splitlines()[0],
            "bits_per_symbol": kind.bits_per_symbol,
            "spread": kind.spread,
        }
        for name, kind in TRANSMITTERS.items()
    ]
    if json_output.put(rows):
        return
    table = Table("modulation", "bits a symbol", "what it is", "--spread varies")
    for row in rows:
        ranges = [f"{name} {low:g} to {high:g}" for name, (low, high) in row["spread"].items()]
        table.add_row(
            row["modulation"],
            str(row["bits_per_symbol"] or "audio"),
            row["description"],
            ", ".join(ranges),
        )
    stdout_console().print(table)


@dataset.command()
@click.argument("file", type=DATA)
@json_options
def info(file, json_output):
    """Count the frames of a data file, or of a folder of labelled SigMF recordings.

    Reads RML2016.10a, 10b, 04C, RML2018.01A, SIGNAL-202002 and what sr2cnn dataset wrote. Nothing
    that a pickle holds is run.

    \b
    Examples:
      sr2cnn dataset info RML2016.10a_dict.pkl
      sr2cnn dataset info recordings/
    """
    from sr2cnn_learn.datasets import SNR_NOT_STATED, load_dataset

    data = load_dataset(file)
    report = {
        "file": str(file),
        "sha256": data.sha256,
        "frames": len(data),
        "skipped": data.skipped,
        "modulations": data.modulations,
        "snrs": sorted(set(data.snrs.tolist())),
        "keys": [
            {"modulation": modulation, "snr": snr, "frames": n}
            for (modulation, snr), n in data.keys.items()
        ],
    }
    if json_output.put(report):
        return
    console = stdout_console()
    left_out = f", {data.skipped} more left out for NaN or Inf" if data.skipped else ""
    console.print(facts([("file", file), ("SHA-256", data.sha256), ("frames", f"{len(data)}{left_out}")]))
    rows = []
    for modulation in data.modulations:
        counts = {snr: n for (m, snr), n in data.keys.items() if m == modulation}
        a_key = sorted({min(counts.values()), max(counts.values())})
        stated = [snr for snr in counts if snr != SNR_NOT_STATED]
        not_stated = ["not stated"] * (len(stated) < len(counts))
        rows.append(
            {
                "modulation": modulation,
                "frames": str(sum(counts.values())),
                "SNR": ", ".join([levels(stated)] * bool(stated) + not_stated),
                "frames at each": " to ".join(map(str, a_key)),
            }
        )
    console.print(fitting_table(console, rows, [tuple(rows[0])], names=["modulation"]))


@dataset.command()
@click.argument("file", type=DATA)
@click.option("--snr", "snrs", type=Snrs(), help="SNRs to look at; default: all.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the split.")
@click.option(
    "--test-frames", type=click.IntRange(min=1), default=500, show_default=True,
    help="Test frames to look at, drawn at random.",
)  # fmt: skip
@MAX_PER_KEY
@json_options
def leakage(file, snrs, seed, test_frames, max_per_key, json_output):
    """Say how alike test frames are to the training frames of the seeded split.

    For each test frame, its correlation (1: a copy up to scale and phase) with the most similar
    training frame at any lag. Near-duplicates across the split inflate every figure. Some
    modulations are alike by nature: AM with a silent message is a bare carrier, BPSK has few
    patterns in a frame. What gives a leak away is the same modulation's higher value in one data
    set than in another.

    \b
    Examples:
      sr2cnn dataset leakage data.pkl --snr 18
      sr2cnn dataset leakage RML2016.10a_dict.pkl --test-frames 2000 --json
    """
    from sr2cnn_learn.datasets import load_dataset, nearest_correlation, split

    data = load_dataset(file, snrs=snrs, max_per_key=max_per_key)
    parts = split(data, seed=seed)
    rng = np.random.default_rng(seed)
    tested = rng.permutation(parts.test)[:test_frames]
    console = stderr_console()
    with progress_bar(console) as progress:
        task = progress.add_task("test frames", total=len(tested))
        nearest = nearest_correlation(
            data.frames[parts.train],
            data.frames[tested],
            progress=lambda n: progress.advance(task, n),
        )
    rows = {"all": nearest}
    rows.update({m: nearest[data.labels[tested] == m] for m in data.modulations})
    report = {
        name: {
            "frames": len(values),
            "median": float(np.median(values)),
            "p95": float(np.quantile(values, 0.95)),
            "share_above_0.95": float(np.mean(values > 0.95)),
        }
        for name, values in rows.items()
        if len(values)
    }
    if json_output.put({"sha256": data.sha256, "seed": seed, **report}):
        return
    table = Table("modulation", "test frames", "median", "95 %", "above 0.95")
    for name, row in report.items():
        table.add_row(
            name,
            str(row["frames"]),
            f"{row['median']:.3f}",
            f"{row['p95']:.3f}",
            percent(row["share_above_0.95"]),
        )
    stdout_console().print(table)
