# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn evaluate`: a model bundle measured on a data set, or on scenes."""

from __future__ import annotations

import click
from click.core import ParameterSource
from rich.table import Column, Table

from ..recordings import metadata_path
from ..wording import figure, figures_table
from ..wording import title as titled
from .common import DATA, DEVICE, FILE, MAX_PER_KEY, Snrs, json_options
from .found import LABELLERS, found
from .output import progress_bar, stderr_console, stdout_console

OF_DATA = "snrs", "max_per_key", "orders", "seed", "vote"  # options that scenes have no use for


@click.command()
@click.argument("bundle", required=False)
@click.option("--data", type=DATA, help="Data file or folder to evaluate on.")
@click.option(
    "--scene", "scenes", type=FILE, multiple=True, help="SigMF recording with its truth; repeatable."
)
@click.option("--events", type=FILE, multiple=True, help="What sr2cnn classify --out wrote of each scene.")
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
def evaluate(bundle, data, scenes, events, device, json_output, **of_data):
    """Measure a model bundle on a data set, or the whole receiver on a scene.

    BUNDLE is a file or the name of a shipped model. On the very file that it was trained on, only
    the test part of that training's split is used. The discriminator has the bundle's own λ1 and
    distance; AUROC, AUPR, TUR at TKR 95 % and OSCR do not depend on λ1.

    With --vote M, a second table has the same figures at burst level: the semantic vectors of M frames
    are averaged before the decision, consecutive frames of one modulation and SNR, a short last group
    left out. In files of RadioML's kind such frames mostly come from one pass of one transmitter.

    A scene (sr2cnn dataset scene) is a band whose annotations tell which emissions are in it. It is labelled
    as sr2cnn classify does, or has been, and --events says what came of it. An emission is found when an
    event covers it with an intersection over union above 0.3 in time and frequency, one event an emission;
    widths below 4 kHz count as 4 kHz. Spare events are no emission's; ghosts lie where none is.

    \b
    Examples:
      sr2cnn evaluate sr2cnn --data data.pkl
      sr2cnn evaluate sr2cnn --data data.pkl --vote 8
      sr2cnn evaluate mine.pt --data RML2016.10a_dict.pkl --snr 16,18 --json
      sr2cnn evaluate sr2cnn --scene band.sigmf-meta
      sr2cnn evaluate --scene band.sigmf-meta --events events.jsonl --json
    """
    if bool(data) == bool(scenes):
        raise click.UsageError("expected --data or --scene, one of them")
    if scenes:
        _refuse_options_of_data()
        _evaluate_scenes(bundle, scenes, events, device, json_output)
    elif events:
        raise click.UsageError("--events are those of a --scene")
    elif bundle is None:
        raise click.UsageError("Missing argument 'BUNDLE'.")
    else:
        _evaluate_data(bundle, data, device, json_output, **of_data)


def _refuse_options_of_data():
    context = click.get_current_context()
    for option in context.command.params:
        if option.name in OF_DATA and context.get_parameter_source(option.name) != ParameterSource.DEFAULT:
            raise click.UsageError(f"{option.opts[0]} is for --data, not for --scene")


def _evaluate_data(bundle, data, device, json_output, snrs, max_per_key, orders, seed, vote):
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


def _evaluate_scenes(bundle, scenes, events, device, json_output):
    if bool(bundle) == bool(events):
        raise click.UsageError("expected a BUNDLE that labels the scene, or the --events of one that did")
    if events and len(events) != len(scenes):
        raise click.UsageError(f"{len(scenes)} --scene, but {len(events)} --events: expected one for each")
    from ..evaluation.scene import read_events, read_truth, reported_emissions, score

    truths = [read_truth(metadata_path(scene)) for scene in scenes]
    reported = []
    for k, scene in enumerate(scenes):
        told = read_events(events[k]) if events else _labelled(scene, bundle, device)
        try:
            reported.append(reported_emissions(told))
        except ValueError as error:
            raise ValueError(f"{events[k]}: {error}" if events else error) from None
    figures = score(zip(truths, reported))
    about = {"model": bundle, "scenes": [str(scene) for scene in scenes]}
    if json_output.put({**about, **figures}):
        return
    rows = figures.pop("by_snr")
    console = stdout_console()
    console.print(figures_table("scene" if len(scenes) == 1 else f"{len(scenes)} scenes", figures))
    if rows:
        shares = "found", "exact", "family"
        table = Table("SNR", *(Column(name, justify="right") for name in ("emissions", *shares)))
        for row in rows:
            named = (figure(key, row[key]) for key in shares)
            table.add_row(f"{row['from']} to {row['to']} dB", str(row["emissions"]), *named)
        console.print(table)


def _labelled(scene, bundle, device):
    """The events of a scene, as they come."""
    if "recording" not in found(LABELLERS):
        raise ValueError("to label a scene takes gnuradio.sr2cnn, the GNU Radio part; or give its --events")
    label_recording = found(LABELLERS)["recording"].load()
    with progress_bar(stderr_console()) as progress:
        task = progress.add_task(scene.name, total=None)
        labels = label_recording(
            scene, bundle, device=device, progress=lambda n: progress.update(task, completed=n)
        )
        progress.update(task, total=labels.recording.n_samples)
        yield from labels
