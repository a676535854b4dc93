# SPDX-License-Identifier: GPL-3.0-or-later
"""The `sr2cnn` command line: what every command shares, and the commands of the lab."""

from __future__ import annotations

import errno
import json
import math
import os
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TimeRemainingColumn
from rich.protocol import is_renderable
from rich.table import Table
from rich.text import Text

from . import __version__
from .cli_output import (
    NEW_FILE,
    GivenPath,
    drop_what_cannot_be_written,
    json_options,
    quiet_when_the_reader_is_gone,
    write_all_or_raise,
)
from .names import shown
from .quantities import parse_hertz
from .wording import facts, figure, figures_table, fitting_table, in_words
from .wording import title as titled

RADIO_COMMANDS = ("bench", "classify", "dataset", "demo", "grc", "monitor", "reproduce", "tune", "watch")
CANCELLED = 130  # exit status after Ctrl-C, as shells have it
FILE = GivenPath(dir_okay=False)
FOLDER = GivenPath(file_okay=False)
DATA = GivenPath()  # a file, or a folder of recordings
MEASURED = "measured on the test part"
MAX_PER_KEY = click.option(
    "--max-per-key", type=click.IntRange(min=1),
    help="Frames of each modulation and SNR, evenly spread; default: all.",
)  # fmt: skip


class Names(click.ParamType):
    """``AM-SSB,GFSK`` to a tuple of names."""

    name = "name,…"

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in value.split(","))
        if not all(names):
            self.fail(f"{value!r} has an empty name; expected, for example, AM-SSB,GFSK")
        return names


class Snrs(click.ParamType):
    """``16,18`` or ``-20:18:2``, both ends included, to a sorted tuple of int."""

    name = "dB"

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        snrs = set()
        try:
            for part in value.split(","):
                first, *rest = (int(number) for number in part.split(":"))
                last, step = (*rest, 1)[:2] if rest else (first, 1)
                if len(rest) > 2 or step < 1 or last < first or last - first > 1000 * step:
                    raise ValueError
                snrs.update(range(first, last + 1, step))
        except ValueError:
            self.fail(f"{value!r}; expected, for example, 16,18 or -20:18:2")
        return tuple(sorted(snrs))


class Hertz(click.ParamType):
    """``868.95M``, ``48 kHz`` or ``1.6e6`` to a float, more than 0 or, for a frequency, at least 0."""

    name = "Hz"

    def __init__(self, zero=False):
        self._zero = zero

    def convert(self, value, param, ctx):
        try:
            value = value if isinstance(value, float) else parse_hertz(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not (0 < value < math.inf or self._zero and value == 0):
            expected = "0 Hz or more" if self._zero else "more than 0 Hz"
            self.fail(f"{value:g} Hz, expected {expected}", param, ctx)
        return value


RATE = Hertz()
FREQUENCY = Hertz(zero=True)


class _Group(click.Group):
    """Says an expected failure in one line, without a traceback."""

    def make_context(self, *arguments, **options):
        with quiet_when_the_reader_is_gone():  # of --help
            return super().make_context(*arguments, **options)

    def invoke(self, ctx):
        with quiet_when_the_reader_is_gone():
            return self._invoke(ctx)

    def _invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(CANCELLED)
        except BrokenPipeError:
            raise
        except OSError as error:
            drop_what_cannot_be_written()
            where = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
            raise click.ClickException(shown(where)) from None
        except (ValueError, ImportError) as error:
            raise click.ClickException(shown(error)) from None
        except click.ClickException as error:
            error.message = shown(error.message)
            raise


class _Console(Console):
    """Prints text as it is: one string one line, no markup, what is not printable escaped.

    Names of files, classes and models come from strangers, and would else command the terminal.
    """

    def __init__(self, **options):
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def on_broken_pipe(self):
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    def print(self, *objects, **options):
        super().print(*(each if is_renderable(each) else str(each) for each in objects), **options)

    def render_str(self, text, **options):
        return super().render_str(shown(text), **options)


def stdout_console(**options) -> Console:
    """Results for people go here."""
    return _Console(**options)


def stderr_console() -> Console:
    """Progress and summaries go here, so that stdout holds results alone."""
    return _Console(stderr=True)


class _Task(ProgressColumn):
    """What a task is, as text that strangers may have written."""

    def render(self, task):
        return Text(shown(task.description))


def progress_bar(console: Console) -> Progress:
    return Progress(
        _Task(),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sr2cnn", message="%(prog)s %(version)s")
def sr2cnn():
    """Names the modulations it knows and discovers those it does not.

    \b
    Examples:
      sr2cnn demo                          a small replay through a real flowgraph
      sr2cnn classify recording.sigmf-meta labels of a recording, JSON lines
      sr2cnn dataset radioml2016 --out data.pkl --snr 16,18
      sr2cnn train --data data.pkl --unknown AM-SSB,GFSK --out mine.pt
      sr2cnn doctor                        is everything there?

    `sr2cnn COMMAND --help` has examples for each command.
    """


@sr2cnn.command()
@click.option("--data", type=DATA, required=True, help="Data file or folder to train on.")
@click.option("--out", type=NEW_FILE, required=True, help="Model bundle to write (.pt).")
@click.option(
    "--unknown", type=Names(), default=(), help="Classes held out whole, e.g. AM-SSB,GFSK."
)
@click.option(
    "--preset", default="best", show_default=True,
    help="Training recipe: best, lite (half the cost) or paper (SR2CNN as published).",
)  # fmt: skip
@click.option(
    "--background", type=DATA,
    help="Data of classes that are trained along but are no targets; preset best only.",
)  # fmt: skip
@click.option(
    "--teacher", help="Bundle of the same classes to learn from, too; not with preset paper."
)
@click.option(
    "--channels", type=click.IntRange(min=1), nargs=3,
    help="Of the encoder's three stages, instead of the preset's; preset lite only.",
)  # fmt: skip
@click.option(
    "--epochs", type=click.IntRange(min=1), help="Number of epochs; the preset's if not given."
)
@click.option("--snr", "snrs", type=Snrs(), help="SNRs to use, e.g. 16,18; default: all.")
@MAX_PER_KEY
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
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
        from .training import PRESETS, TrainingData, recipe_of
        from .training import train as train_network

    if preset not in PRESETS:
        raise click.BadParameter(
            f"{preset!r}, expected one of {', '.join(PRESETS)}", param_hint="--preset"
        )
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
    from .datasets.arrays import file_sha256

    recipes = {}
    for name, file in files.items():
        if not file or not file.is_file():  # a folder of recordings, or nothing
            continue
        beside = file.with_name(file.name + ".json")
        if not beside.is_file():
            continue
        try:
            recipe = json.loads(beside.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{beside}: not JSON: {error}") from None
        if isinstance(recipe, dict) and recipe.get("sha256") == file_sha256(file):
            recipes[name] = recipe
        else:
            console.print(
                f"warning: {beside} is left out of the card: its sha256 is not that of {file.name}",
                soft_wrap=True,
            )
    return recipes


@sr2cnn.command()
@click.argument("bundle")
@json_options
def info(bundle, json_output):
    """Say what a model bundle is, from its card and semantics.

    BUNDLE is a file or the name of a shipped model.

    \b
    Examples:
      sr2cnn info sr2cnn
      sr2cnn info mine.pt --json
    """
    from .bundle import Bundle

    bundle = Bundle.read(bundle)
    spread = "variances" if bundle.covariances is None else "covariances"
    semantics = {
        "centers": list(bundle.centers.shape),
        spread: list(getattr(bundle, spread).shape),
        "counts": dict(zip(bundle.classes, bundle.counts.tolist())),
    }
    if json_output.put({"path": str(bundle.path), "card": bundle.card, "semantics": semantics}):
        return
    console = stdout_console()
    console.print(bundle.name, style="bold")
    about = {
        "file": bundle.path,
        "frames": f"{bundle.frame_len} samples a frame, {bundle.samples_per_symbol:g} samples a symbol",
        "semantic space": f"{bundle.dim} dimensions",
        "discriminator": f"distance {bundle.distance}, λ1 {bundle.lambda1:.4g}, λ2 {bundle.lambda2:.4g}, "
        f"Θ2 by the {bundle.theta2}" + ("" if bundle.thresholds is None else ", a Θ1 for each class"),
    }
    console.print(facts(about.items()))
    nearest = _nearest_centers(bundle.centers)
    rows = [
        {
            "class": name,
            "training frames": str(count),
            "nearest class": bundle.classes[other],
            "at distance": f"{distance:.3g}",
        }
        for name, count, (other, distance) in zip(bundle.classes, bundle.counts, nearest)
    ]
    console.print(fitting_table(console, rows, [tuple(rows[0])], names=["class", "nearest class"]))
    provenance = bundle.card.get("provenance")
    provenance = dict(provenance) if isinstance(provenance, dict) else {}
    metrics = provenance.pop("metrics", None)
    if isinstance(metrics, dict):
        console.print(figures_table(MEASURED, metrics))
    console.print(facts((titled(key), in_words(value, key)) for key, value in provenance.items()))


@sr2cnn.command()
@click.argument("bundle")
@click.option("--data", type=DATA, required=True, help="Data file or folder to evaluate on.")
@click.option("--snr", "snrs", type=Snrs(), help="SNRs to use, e.g. 16,18; default: all.")
@MAX_PER_KEY
@click.option(
    "--orders", type=click.IntRange(min=1), default=10, show_default=True,
    help="Random stream orders that discovery is measured in.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the orders.")
@click.option(
    "--vote", metavar="M", type=click.IntRange(min=1), default=1, show_default=True,
    help="Above 1: figures at burst level, too.",
)  # fmt: skip
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
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
        from .bundle import Bundle
        from .datasets import load_dataset
        from .evaluation.evaluate import evaluate, untrained_frames

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


def _nearest_centers(centers):
    """For each center the index of, and the Euclidean distance to, its nearest other one."""
    import numpy as np

    distances = np.linalg.norm(centers[:, None] - centers, axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(axis=1)
    return list(zip(nearest.tolist(), distances.min(axis=1).tolist()))


@sr2cnn.command()
@json_options
def doctor(json_output):
    """Check that everything is there, and say what to do where it is not.

    Looks at the interpreter, numpy, GNU Radio, torch, the GNU Radio module and its C++ part, the
    blocks of GNU Radio Companion and the default model. The lab (train, evaluate, info, classes) is whole
    without GNU Radio. Exit status 1 when something that is there is broken, or the lab lacks something.
    """
    from .doctor import examine

    findings = examine()
    if not json_output.put([vars(finding) for finding in findings]):
        console = stdout_console()
        colors = {"ok": "green", "hint": "yellow", "fault": "red"}
        for finding in findings:
            console.print(f"{finding.state:5} ", style=colors[finding.state], end="")
            console.print(finding.part, style="bold", end="")
            console.print(f": {finding.detail}", soft_wrap=True)
            if finding.remedy:
                console.print(f"      → {finding.remedy}", soft_wrap=True)
    if any(finding.state == "fault" for finding in findings):
        sys.exit(1)


from .cli_classes import classes  # noqa: E402, it takes from this module

sr2cnn.add_command(classes)


def main(why_missing: str = "which pip does not install"):
    """The command line; of the lab alone, unless the commands for GNU Radio were added."""
    for name in RADIO_COMMANDS:
        if name not in sr2cnn.commands:
            sr2cnn.add_command(_missing(name, why_missing))
    write_all_or_raise()
    sr2cnn(prog_name="sr2cnn")


def _missing(name, why):
    """A command that says why it is not there; the others, doctor above all, still work."""
    text = (
        f"{name} needs gnuradio.sr2cnn, the GNU Radio part of this module, {why}; "
        "make build in a checkout of it builds it and says how it runs (README)"
    )

    def say():
        raise click.ClickException(text)

    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(
        name, callback=say, context_settings=settings, help=text, short_help="(needs GNU Radio's part)"
    )
