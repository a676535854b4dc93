# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn train`: data in, model bundle out."""

from __future__ import annotations

import os

import click

from ..wording import MEASURED, figures_table, percent
from .common import DATA, DEVICE, MAX_PER_KEY, NEW_FILE, Names, Snrs, json_options
from .output import progress_bar, stderr_console


@click.command()
@click.option("--data", type=DATA, required=True, help="Data file or folder to train on.")
@click.option("--out", type=NEW_FILE, required=True, help="Model bundle to write (.pt).")
@click.option("--unknown", type=Names(), default=(), help="Classes held out whole, e.g. AM-SSB,GFSK.")
@click.option(
    "--preset",
    default="residual",
    show_default=True,
    help="Training recipe: residual, lite (half the cost) or paper (SR2CNN as published).",
)
@click.option(
    "--background",
    type=DATA,
    help="Data of classes that are trained along but are no targets; preset residual only.",
)
@click.option("--teacher", help="Bundle of the same classes to learn from, too; not with preset paper.")
@click.option(
    "--channels",
    type=click.IntRange(min=1),
    nargs=3,
    help="Of the encoder's three stages, instead of the preset's; preset lite only.",
)
@click.option("--epochs", type=click.IntRange(min=1), help="Number of epochs; the preset's if not given.")
@click.option("--snr", "snrs", type=Snrs(), help="SNRs to use, e.g. 16,18; default: all.")
@MAX_PER_KEY
@click.option(
    "--samples-per-symbol",
    type=click.FloatRange(min=0, min_open=True),
    help="Of the data; default: what it says, 8 for files of RadioML's kind.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@DEVICE
@click.option("--decoder", is_flag=True, help="Keep the decoder in the bundle: twice the size.")
@json_options
def train(data, out, preset, epochs, channels, device, decoder, json_output, **options):
    """Train a network and write its model bundle.

    A checkpoint beside OUT follows each epoch: the same command takes up again where a killed one
    stopped.

    \b
    Examples:
      sr2cnn train --data data.pkl --unknown AM-SSB,GFSK --out mine.pt
      sr2cnn train --data data.pkl --background others.pkl --out mine.pt
      sr2cnn train --preset lite --data data.pkl --teacher mine.pt --out lite.pt
      sr2cnn train --preset paper --data data.pkl --snr 16,18 \\
                   --unknown AM-SSB,GFSK --epochs 40 --out mine.pt
    """
    console = stderr_console()
    with console.status("reading the data"):
        from ..training import FORMER_NAMES, PRESETS, TrainingData, recipe_of
        from ..training import train as train_network

    preset = FORMER_NAMES.get(preset, preset)
    if preset not in PRESETS:
        raise click.BadParameter(f"{preset!r}, expected one of {', '.join(PRESETS)}", param_hint="--preset")
    if channels and preset != "lite":
        raise click.BadParameter(f"preset {preset} has its own", param_hint="--channels")
    with progress_bar(console) as progress:
        task = progress.add_task("reading the data", total=None)

        def on_batch(epoch, n_epochs, batch, n_batches):
            progress.update(
                task, description=f"epoch {epoch} of {n_epochs}", completed=batch, total=n_batches
            )

        def on_epoch(epoch):
            console.print(
                f"epoch {epoch.number:3d}  loss {epoch.loss:8.4f}  "
                + "".join(f"{n.replace('_', '-')} {loss:.4f}  " for n, loss in epoch.losses.items())
                + f"validation {percent(epoch.validation_accuracy)}  {epoch.seconds:.0f} s"
                + ("  best" if epoch.best else ""),
                soft_wrap=True,
            )

        card = train_network(
            TrainingData(data, **options),
            recipe_of(preset, epochs, **({"channels": channels} if channels else {})),
            out,
            device,
            decoder=decoder,
            provenance=_data_recipes(console, data=data, background_data=options["background"]),
            on_epoch=on_epoch,
            on_batch=on_batch,
        )
    console.print(f"wrote {out}")
    if not json_output.put(card):
        console.print(figures_table(MEASURED, card["provenance"]["metrics"]))


def _data_recipes(console, **files) -> dict:
    """What `sr2cnn dataset` says of files that it wrote, for the card, by the names given here."""
    from ..datasets import file_sha256, making_file, read_making

    recipes = {}
    for name, file in files.items():
        if not file or not file.is_file() or not os.path.isfile(making_file(file)):
            continue  # a folder of recordings, a file that others made, or nothing
        recipe = read_making(file, file_sha256(file))
        if recipe is not None:
            recipes[name] = recipe
        else:
            console.print(
                f"warning: {making_file(file)} is left out of the card: its sha256 is not that of {file.name}",
                soft_wrap=True,
            )
    return recipes
