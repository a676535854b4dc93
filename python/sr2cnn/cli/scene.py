# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn dataset scene`: a band with many emissions, and the truth about it."""

import os

import click
from sr2cnn_learn.cli.common import NEW_FILE, RATE, Names
from sr2cnn_learn.cli.output import progress_bar, stderr_console
from sr2cnn_learn.recordings import metadata_path


class SnrRange(click.ParamType):
    """``3:30`` or ``10`` to the lowest and the highest, floats."""

    name = "dB:dB"

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        try:
            low, *high = map(float, value.split(":"))
            (high,) = high or (low,)
        except ValueError:
            self.fail(f"{value!r}; expected, for example, 3:30 or 10", param, ctx)
        return low, high


@click.command()
@click.option("--out", type=NEW_FILE, required=True, help="NAME.sigmf-meta; NAME.sigmf-data has the samples.")
@click.option("--rate", type=RATE, default="2M", show_default=True, help="Sample rate.")
@click.option("--seconds", type=float, default=2.0, show_default=True, help="Length.")
@click.option(
    "--density",
    type=float,
    default=4.0,
    show_default=True,
    help="Emissions at a time, on average; 0: noise alone.",
)
@click.option(
    "--snr", type=SnrRange(), default="3:30", show_default=True, help="Of an emission, in its own band."
)
@click.option(
    "--modulations", type=Names(), help="Default: sixteen common ones; see sr2cnn dataset modulations."
)
@click.option(
    "--faults",
    type=click.Choice(["none", "mild", "strong"]),
    default="mild",
    show_default=True,
    help="Of the receiver: DC offset, I/Q imbalance, sloping filter, clipping.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of everything random."
)
def scene(out, modulations, **options):
    """Synthesize a band with many emissions: a SigMF recording with its truth as annotations.

    Transmitters at random symbol rates, centers, lengths and strengths, each behind mild multipath, none on
    top of another, in noise, through a receiver with faults. Widths are spread evenly in log from 3 kHz to
    the sample rate over (4 + density), lengths from 20 to 500 ms.

    An annotation gives the edges of 99 % of the power, measured, the modulation, scene:snr in dB within
    these edges (4 kHz at least) and scene:baud, the symbol rate. sr2cnn evaluate --scene scores what was
    found by them.

    \b
    Examples:
      sr2cnn dataset scene --out band.sigmf-meta
      sr2cnn dataset scene --out busy.sigmf-meta --rate 5M --seconds 10 --density 8 --snr 8:30 --seed 3
      sr2cnn dataset scene --out empty.sigmf-meta --rate 1M --seconds 60 --density 0
    """
    if not os.access(out.absolute().parent, os.W_OK):
        raise ValueError(f"{out}: the folder {out.parent} cannot be written to")
    from ..synthesis.scene import MODULATIONS, Scene, write_scene

    made = Scene(modulations=modulations or MODULATIONS, **options)
    console = stderr_console()
    with progress_bar(console) as progress:
        totals = {"planned": round(made.density * made.n_samples), "written": made.n_samples}
        tasks = {phase: progress.add_task(f"samples {phase}", total=n) for phase, n in totals.items()}
        emissions = write_scene(out, made, lambda phase, n: progress.advance(tasks[phase], n))
    told = f"wrote {metadata_path(out)}: {len(emissions)} emissions, {made.n_samples} samples"
    console.print(told, soft_wrap=True)
