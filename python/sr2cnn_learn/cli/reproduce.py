# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn reproduce`: experiments, of papers and our own."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource
from rich.table import Table

from ..wording import percent
from .common import DEVICE, FILE, FOLDER, Names, Snrs, json_options
from .found import MAKERS, found
from .output import progress_bar, stderr_console, stdout_console

ALL = "all"
QUICK_EPOCHS = 6  # under ten minutes of two cores with the 12,600 frames of the default data
HELP = """Run the SR2CNN paper's experiments and put the paper's figures beside ours.

Each writes NAME.md and NAME.png to the folder OUT and prints its table. Trainings are kept in the folder
WORK: experiments share them, and a killed run goes on where it stopped. The network and the recipe are those
of the paper; distance and λ1 are chosen on validation data unless --sweep-test is given.

\b
{of_papers}
  all     all of them

No experiments of the paper:

\b
{ours}

Without --data a data set is built: 1000 frames for each modulation and SNR, by the recipe of RML2016.10a
(AM-SSB as noise alone) or, for table6 and fig7, after SIGNAL-202002.

\b
Examples:
  sr2cnn reproduce table4 fig5
  sr2cnn reproduce all --budget full --out results
  sr2cnn reproduce table2 --data RML2016.10a_dict.pkl --sweep-test
  sr2cnn reproduce open-world --seed 1 --repeats 3
"""


def experiments():
    """All that are there by name, those of papers first. Takes as long as torch takes to load."""
    from ..experiments import EXPERIMENTS

    known = EXPERIMENTS.values()
    return {each.name: each for each in sorted(known, key=lambda e: (e.paper is None, e.paper or "", e.name))}


def _listed(of_paper):
    """Lines of the experiments of papers, or of our own."""
    chosen = [each for each in experiments().values() if (each.paper is not None) == of_paper]
    width = max(len(each.name) for each in chosen)
    return "\n".join(f"  {each.name:{width}}  {each.what}" for each in chosen)


class _Reproduce(click.Command):
    """Its help lists the experiments, which are found when it is asked for."""

    def format_help_text(self, ctx, formatter):
        self.help = HELP.format(of_papers=_listed(True), ours=_listed(False))
        super().format_help_text(ctx, formatter)


class _Name(click.ParamType):
    """The name of an experiment, or ``all``."""

    name = "name"

    def convert(self, value, param, ctx):
        names = [*experiments(), ALL]
        if value not in names:
            self.fail(f"{value!r} is not one of {', '.join(map(repr, names))}.", param, ctx)
        return value


@click.command(cls=_Reproduce, short_help=HELP.partition("\n")[0])
@click.argument("names", metavar="[NAME]...", nargs=-1, type=_Name())
@click.option(
    "--list", "listing", is_flag=True, help="List the experiments; so does the command without NAME."
)
@click.option("--data", type=FILE, help="Data file; default: one is built.")
@click.option("--snr", "snrs", type=Snrs(), default="16,18", show_default=True, help="SNRs to use.")
@click.option(
    "--unknown",
    type=Names(),
    default="AM-SSB,GFSK",
    show_default=True,
    help="Classes held out; table4 has its own.",
)
@click.option(
    "--budget",
    type=click.Choice(["quick", "full"]),
    default="quick",
    show_default=True,
    help="Epochs of each training. quick: 6, undertrained; full: the paper's 250, and 8 of the preset residual, "
    "which open-world trains for 8 in any case.",
)
@click.option("--epochs", type=click.IntRange(min=1), help="In place of the budget's.")
@click.option("--sweep-test", is_flag=True, help="Choose λ1 on the test part, as the paper does.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of split and training."
)
@click.option(
    "--repeats",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="open-world: trainings of the preset residual, with seeds from --seed on.",
)
@click.option("--work", type=FOLDER, default="out/reproduce", show_default=True, help="For trainings.")
@click.option("--out", type=FOLDER, default="out/reproduce", show_default=True, help="For results.")
@DEVICE
@json_options
@click.pass_context
def reproduce(context, names, listing, budget, epochs, work, out, json_output, **options):
    console = stderr_console()
    with console.status("loading"):
        from ..experiments.laboratory import provenance
        from ..experiments.setup import Options, Setup

        known = experiments()
    if listing or not names:
        _list(known.values(), json_output)
        return
    if ALL in names:
        names = [name for name, each in known.items() if each.paper is not None]
    chosen = [known[name] for name in names]
    options["epochs"] = _epochs(console, budget, epochs, {each.preset for each in chosen})
    reports = {}
    with progress_bar(console) as progress:
        setup = Setup(Options(**options), work, _make, _watcher(progress))
        for each in chosen:
            report = reports[each.name] = setup.run(each)
            report.write(out, each.name, provenance(setup.laboratories, _command(context, each.name)))
            console.print(f"wrote {out / each.name}.md and .png", soft_wrap=True)
    if json_output.put({name: _figures(report) for name, report in reports.items()}):
        return
    for report in reports.values():
        stdout_console().print(report.table())
        for remark in report.all_remarks():
            console.print(f"- {remark}")


def _list(known, json_output):
    keys = "name", "paper", "what", "data"
    rows = [{key: getattr(each, key) for key in keys} for each in known]
    if json_output.put(rows):
        return
    table = Table("name", "paper", "what it shows", "data sets")
    for name, paper, what, data in (row.values() for row in rows):
        table.add_row(name, paper or "none, ours", what, ", ".join(data))
    stdout_console().print(table)


def _epochs(console, budget, epochs, presets):
    """Epochs of each preset by the options; says which of those asked for are too few."""
    from ..training import PRESETS

    full = {preset: recipe.epochs for preset, recipe in PRESETS.items()}
    chosen = full if budget == "full" else dict.fromkeys(full, QUICK_EPOCHS)
    if epochs:
        chosen = dict.fromkeys(full, epochs)
    for preset in sorted(presets):
        n = chosen[preset]
        if n < full[preset]:
            console.print(
                f"{n} epoch{'s' * (n > 1)} a training: the networks are undertrained, "
                f"preset {preset} has {full[preset]}",
                style="yellow",
            )
    return chosen


def _make(recipe, **arguments):
    """A data set by GNU Radio's part."""
    try:
        maker = found(MAKERS)[recipe].load()
    except (KeyError, ImportError) as error:
        raise ImportError(
            f"a data set by the recipe {recipe} is made by gnuradio.sr2cnn, which does not load ({error}); "
            "--data FILE takes one that is there"
        ) from error
    return maker(**arguments)


def _figures(report):
    """A report's table as JSON has it."""
    rows = [dict(zip(report.columns, row)) for row in report.rows]
    return {"title": report.title, "rows": rows, "remarks": report.all_remarks()}


def _command(context, name):
    """The command that gives one experiment: its name and the options that were typed and matter."""
    words = ["sr2cnn reproduce", name]
    for parameter in context.command.params:
        key = parameter.name
        typed = context.get_parameter_source(key) is ParameterSource.COMMANDLINE
        if not typed or key in ("names", "work", "out", "device"):
            continue
        value = context.params[key]
        words.append(parameter.opts[0])
        if isinstance(value, tuple):
            words.append(",".join(map(str, value)))
        elif value is not True:
            words.append(value.name if isinstance(value, Path) else str(value))
    return " ".join(words)


def _watcher(progress):
    """Moves a bar for all that takes long, and prints a line an epoch."""
    from ..experiments.laboratory import Watcher

    class Bars(Watcher):
        def __init__(self):
            self._tasks = {}

        def _task(self, what, total=None):
            if what not in self._tasks:
                self._tasks[what] = progress.add_task(what, total=total)
            return self._tasks[what]

        def on_steps(self, what, n, total=None):
            progress.advance(self._task(what, total), n)

        def on_file(self, path):
            progress.console.print(f"wrote {path}", soft_wrap=True)

        def on_training(self, what, kept):
            progress.console.print(f"{'kept' if kept else 'training'}: {what}")

        def on_batch(self, epoch, n_epochs, batch, n_batches):
            description = f"epoch {epoch} of {n_epochs}"
            progress.update(self._task(""), description=description, completed=batch, total=n_batches)

        def on_epoch(self, epoch):
            progress.console.print(
                f"  epoch {epoch.number:3d}  loss {epoch.loss:8.4f}  "
                f"validation {percent(epoch.validation_accuracy)}  {epoch.seconds:.0f} s",
                soft_wrap=True,
            )

    return Bars()
