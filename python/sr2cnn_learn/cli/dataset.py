# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn dataset`: look into a data set, or, with GNU Radio, build one."""

from __future__ import annotations

import click
from rich.table import Table

from ..wording import facts, fitting_table, levels, percent
from .common import DATA, MAX_PER_KEY, Snrs, json_options
from .found import COMMANDS, FoundCommands
from .output import progress_bar, stderr_console, stdout_console


@click.group(cls=FoundCommands, found_in=f"{COMMANDS}.dataset")
def dataset():
    """Build a data set, or look into one."""


@click.command()
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
    from ..datasets import SNR_NOT_STATED, load_dataset

    data = load_dataset(file)
    if json_output.put({"file": str(file), **data.summary()}):
        return
    console = stdout_console()
    left_out = f", {data.skipped} more left out for NaN or Inf" if data.skipped else ""
    about = {"file": file, "SHA-256": data.sha256, "frames": f"{len(data)}{left_out}"}
    about["samples a symbol"] = "not stated" if data.samples_per_symbol is None else data.samples_per_symbol
    console.print(facts(about.items()))
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


@click.command()
@click.argument("file", type=DATA)
@click.option("--snr", "snrs", type=Snrs(), help="SNRs to look at; default: all.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the split.")
@click.option(
    "--test-frames",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    help="Test frames to look at, drawn at random.",
)
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
    from ..datasets import leakage as measure
    from ..datasets import load_dataset

    data = load_dataset(file, snrs=snrs, max_per_key=max_per_key)
    console = stderr_console()
    with progress_bar(console) as progress:
        task = progress.add_task("test frames", total=None)
        report = measure(
            data, seed, test_frames, lambda n, total: progress.update(task, advance=n, total=total)
        )
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
