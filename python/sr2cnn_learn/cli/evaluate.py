# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn evaluate`: a model bundle measured on a data set."""

from __future__ import annotations

import click
from rich.table import Table

from ..wording import figure
from ..wording import title as titled
from .common import DATA, DEVICE, MAX_PER_KEY, Snrs, json_options
from .output import progress_bar, stderr_console, stdout_console


@click.command()
@click.argument("bundle")
@click.option("--data", type=DATA, required=True, help="Data file or folder to evaluate on.")
@click.option("--snr", "snrs", type=Snrs(), help="SNRs to use, e.g. 16,18; default: all.")
@MAX_PER_KEY
@click.option(
    "--orders",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Random stream orders that discovery is measured in.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the orders.")
@click.option(
    "--vote",
    metavar="M",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Above 1: figures at burst level, too.",
)
@DEVICE
@json_options
def evaluate(bundle, data, snrs, max_per_key, orders, seed, vote, device, json_output):
    """Measure a model bundle on a data set.

    BUNDLE is a file or the name of a shipped model. On the very file that it was trained on, only
    the test part of that training's split is used. The discriminator has the bundle's own λ1 and
    distance; AUROC, AUPR, TUR at TKR 95 % and OSCR do not depend on λ1.

    With --vote M, a second table has the same figures at burst level: the semantic vectors of M frames
    are averaged before the decision, consecutive frames of one modulation and SNR, a short last group
    left out. In files of RadioML's kind such frames mostly come from one pass of one transmitter.

    \b
    Examples:
      sr2cnn evaluate sr2cnn --data data.pkl
      sr2cnn evaluate sr2cnn --data data.pkl --vote 8
      sr2cnn evaluate mine.pt --data RML2016.10a_dict.pkl --snr 16,18 --json
    """
    console = stderr_console()
    with progress_bar(console) as progress:
        task = progress.add_task("encoding", total=orders * (1 + (vote > 1)))
        from ..bundle import Bundle
        from ..datasets import load_dataset
        from ..evaluation.evaluate import evaluate, untrained_frames

        loaded = Bundle.load(bundle, device)
        dataset = load_dataset(data, snrs=snrs, max_per_key=max_per_key)
        indices, part = untrained_frames(loaded, dataset, max_per_key)
        figures = evaluate(
            loaded,
            dataset,
            indices,
            orders,
            seed,
            lambda n: progress.update(task, advance=n, description="stream orders"),
            vote,
        )
    about = {"model": loaded.name, "data_sha256": dataset.sha256, "part": part, "seed": seed}
    if json_output.put({**about, **figures}):
        return
    console = stdout_console()
    console.print(f"{loaded.name} on {data}: {figures['frames']} frames, {part}", soft_wrap=True)
    burst = figures.pop("burst", None)
    console.print(_evaluation_table(figures))
    if burst:
        title = f"burst level, {burst.pop('vote')} frames"
        console.print(_evaluation_table(burst, title=title))


def _evaluation_table(figures, title=None):
    """What ``evaluate`` found, at one level."""
    discovery, classes = figures.pop("discovery"), figures.pop("accuracy_per_class")
    rows = [(titled(key), figure(key, value)) for key, value in figures.items()]
    rows += ((f"accuracy of {name}", figure("known_accuracy", value)) for name, value in classes.items())
    rows += ((f"discovery: {titled(key)}", figure(key, value)) for key, value in discovery.items())
    table = Table("figure", "value", title=title)
    for name, value in filter(all, rows):
        table.add_row(name, value)
    return table
