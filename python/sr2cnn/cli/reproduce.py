# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn reproduce`: the paper's tables and figures."""

from pathlib import Path

import click
from click.core import ParameterSource
from sr2cnn_learn.cli.common import FILE, FOLDER, Names, Snrs, json_options
from sr2cnn_learn.cli.output import progress_bar, stderr_console, stdout_console
from sr2cnn_learn.wording import percent
from sr2cnn_learn.experiments import EXPERIMENTS, ON_SECOND_DATA
from sr2cnn_learn.experiments import reproduce as run_experiment

ALL = "all"
OPEN_WORLD = "open-world"
ABLATION = "ablation"
DATA_SEED = 2016
TEST_SEED = 90001
BACKGROUND = (
    "OOK 4ASK 16APSK 16PSK QAM32 2FSK NBFM BAND-NOISE TONE GMSK 8FSK PI4-DQPSK QAM128".split()
)
NEVER_SEEN = "4FSK OQPSK 32APSK OFDM CHIRP".split()
OTHERS = f"Background: {', '.join(BACKGROUND)}; never seen: {', '.join(NEVER_SEEN)}."
FRAMES_PER_KEY = 1000
HELP = """Run the SR2CNN paper's experiments and put the paper's figures beside ours.

Each writes NAME.md and NAME.png to the folder OUT and prints its table. Trainings are kept in the folder
WORK: experiments share them, and a killed run goes on where it stopped. The network and the recipe are those
of the paper; distance and λ1 are chosen on validation data unless --sweep-test is given.

\b
{experiments}
  all      all of them

No experiments of the paper:

\b
  open-world  the preset best beside the paper's
  ablation    the preset best without one of its parts at a time

Without --data a data set is built: 1000 frames for each modulation and SNR, by the recipe of RML2016.10a
(AM-SSB as noise alone) or, for table6 and fig7, after SIGNAL-202002.

\b
Examples:
  sr2cnn reproduce table4 fig5
  sr2cnn reproduce all --budget full --out results
  sr2cnn reproduce table2 --data RML2016.10a_dict.pkl --sweep-test
  sr2cnn reproduce open-world --seed 1 --repeats 3
""".format(experiments="\n".join(f"  {name:8} {what}" for name, what in EXPERIMENTS.items()))


@click.command(help=HELP)
@click.argument(
    "names", metavar="NAME...", nargs=-1, required=True,
    type=click.Choice([*EXPERIMENTS, ALL, OPEN_WORLD, ABLATION]),
)  # fmt: skip
@click.option("--data", type=FILE, help="Data file; default: one is built.")
@click.option("--snr", "snrs", type=Snrs(), default="16,18", show_default=True, help="SNRs to use.")
@click.option(
    "--unknown", type=Names(), default="AM-SSB,GFSK", show_default=True,
    help="Classes held out; table4 has its own.",
)  # fmt: skip
@click.option(
    "--budget", type=click.Choice(["quick", "full"]), default="quick", show_default=True,
    help="Epochs of each training. quick: 6, undertrained; full: the paper's 250, and 8 of the preset best, "
    "which open-world trains for 8 in any case.",
)  # fmt: skip
@click.option("--epochs", type=click.IntRange(min=1), help="In place of the budget's.")
@click.option("--sweep-test", is_flag=True, help="Choose λ1 on the test part, as the paper does.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of split and training."
)
@click.option(
    "--repeats", type=click.IntRange(min=1), default=1, show_default=True,
    help="open-world: trainings of the preset best, with seeds from --seed on.",
)  # fmt: skip
@click.option("--work", type=FOLDER, default="out/reproduce", show_default=True, help="For trainings.")
@click.option("--out", type=FOLDER, default="out/reproduce", show_default=True, help="For results.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@json_options
@click.pass_context
def reproduce(context, names, budget, epochs, out, json_output, **options):
    console = stderr_console()
    with console.status("loading"):
        from sr2cnn_learn.experiments.laboratory import QUICK_EPOCHS, provenance
        from sr2cnn_learn.training import PRESETS

    if ALL in names:
        names = tuple(EXPERIMENTS)
    full = {preset: recipe.epochs for preset, recipe in PRESETS.items()}
    chosen = full if budget == "full" else dict.fromkeys(full, QUICK_EPOCHS)
    if epochs:
        chosen = dict.fromkeys(full, epochs)
    for preset in sorted({"best" if name == ABLATION else "paper" for name in names}):
        if chosen[preset] < full[preset]:
            console.print(
                f"{_count(chosen[preset], 'epoch')} a training: the networks are undertrained, "
                f"preset {preset} has {full[preset]}",
                style="yellow",
            )
    with progress_bar(console) as progress:
        runs, reports = _Runs(progress, epochs=chosen, **options), {}
        for name in names:
            report, laboratories = runs.run(name)
            report.write(out, name, provenance(laboratories, _command(context, name)))
            console.print(f"wrote {out / name}.md and .png", soft_wrap=True)
            reports[name] = report
    figures = {name: _figures(report) for name, report in reports.items()}
    if json_output.put(figures):
        return
    for report in reports.values():
        stdout_console().print(report.table())
        for remark in report.all_remarks():
            console.print(f"- {remark}")


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


def _count(n, noun):
    return f"{n} {noun}" + "s" * (n != 1)


class _Runs:
    """Runs experiments; what several of them need is built, loaded and trained once.

    Args:
        progress: of rich
        data: data file for the experiments of the paper, None builds them
        epochs: dict from preset to number of epochs
        repeats: number of seeds of the preset best in open-world
        work, snrs, seed, **options: of every ``Laboratory``
    """

    def __init__(self, progress, data, epochs, repeats, work, snrs, seed, **options):
        self.progress, self.data, self.epochs, self.repeats = progress, data, epochs, repeats
        self.work, self.snrs, self.seed = work, snrs, seed
        self.options = dict(options, **_callbacks(progress))
        self.datasets, self.of_paper = {}, {}

    def run(self, name):
        """The report, and the laboratories that did its trainings."""
        if name == OPEN_WORLD:
            return self._open_world()
        if name == ABLATION:
            return self._ablation()
        laboratory = self._paper("signal202002" if name in ON_SECOND_DATA else "radioml2016")
        return run_experiment(name, laboratory), [laboratory]

    def _paper(self, name):
        file = self.data or self._built(name)
        if file not in self.of_paper:
            self.of_paper[file] = self._laboratory(file, self.epochs["paper"], self.seed)
        return self.of_paper[file]

    def _open_world(self):
        from sr2cnn_learn.experiments.own.open_world import open_world
        from sr2cnn_learn.training import PRESETS

        paper, epochs = self._paper("radioml2016"), PRESETS["best"].epochs
        plain = "best, no background"
        columns = {
            f"paper, {_count(paper.epochs, 'epoch')}": [paper],
            plain: [self._best(epochs)],
            f"best, {_count(self.repeats, 'seed')}": [
                self._best(epochs, self._built("background"), i) for i in range(self.repeats)
            ],
        }
        task = self.progress.add_task("stream orders", total=None)
        report = open_world(
            columns,
            self._built("test"),
            self._built("unseen"),
            first_only=[plain],
            progress=lambda n: self.progress.advance(task, n),
        )
        self.progress.remove_task(task)
        report.remarks.append(OTHERS)
        return report, [laboratory for each in columns.values() for laboratory in each]

    def _ablation(self):
        from sr2cnn_learn.experiments.own.open_world import ablation

        epochs = self.epochs["best"]
        best, alone = self._best(epochs, self._built("background")), self._best(epochs)
        report = ablation(best, alone, self._built("test"), self._built("unseen"))
        report.remarks.append(OTHERS)
        return report, [best, alone]

    def _best(self, epochs, background=None, i=0):
        """The laboratory of the preset best and the seed ``i`` after the first."""
        file = self._built("train")
        return self._laboratory(file, epochs, self.seed + i, preset="best", background=background)

    def _laboratory(self, file, epochs, seed, **options):
        from sr2cnn_learn.datasets import load_dataset
        from sr2cnn_learn.experiments.laboratory import Laboratory

        if file not in self.datasets:
            self.datasets[file] = load_dataset(file, snrs=self.snrs)
        options = dict(self.options, dataset=self.datasets[file], snrs=self.snrs, **options)
        return Laboratory(file, self.work, epochs, seed, **options)

    def _built(self, name):
        return _built(self.work, name, self.snrs, self.progress)


def _built(work, name, snrs, progress):
    """The data file of an earlier run, or a new one."""
    from sr2cnn_learn.datasets import save_radioml

    from ..synthesis.signal202002 import signal202002
    from ..synthesis.radioml import radioml2016
    from ..synthesis.transmitters import RADIOML2016

    noise = dict(am_ssb="noise")
    build, frames_per_key, seed, modulations, others = {
        "radioml2016": (radioml2016, FRAMES_PER_KEY, DATA_SEED, RADIOML2016, noise),
        "signal202002": (signal202002, FRAMES_PER_KEY, DATA_SEED, RADIOML2016, {}),
        "train": (radioml2016, 10 * FRAMES_PER_KEY, DATA_SEED, RADIOML2016, noise),
        "background": (radioml2016, 3000, 3016, BACKGROUND, dict(spread=True)),
        "test": (radioml2016, FRAMES_PER_KEY, TEST_SEED, RADIOML2016, noise),
        "unseen": (radioml2016, FRAMES_PER_KEY, TEST_SEED + 1, NEVER_SEEN, {}),
    }[name]
    path = work / f"{name}_{'_'.join(map(str, snrs))}_seed{seed}.npz"
    if path.is_file():
        return path
    work.mkdir(parents=True, exist_ok=True)
    total = len(modulations) * len(snrs) * frames_per_key
    task = progress.add_task(f"building {name}", total=total)
    if build is radioml2016:
        others = dict(others, modulations=modulations)
    frames = build(
        frames_per_key, snrs, seed, progress=lambda n: progress.advance(task, n), **others
    )
    save_radioml(path, frames)
    progress.remove_task(task)
    progress.console.print(f"wrote {path}", soft_wrap=True)
    return path


def _callbacks(progress):
    """What a ``Laboratory`` calls while it trains: it moves a bar, and prints a line an epoch."""
    console, task = progress.console, progress.add_task("", total=None)

    def on_training(what, kept):
        console.print(f"{'kept' if kept else 'training'}: {what}")

    def on_batch(epoch, n_epochs, batch, n_batches):
        description = f"epoch {epoch} of {n_epochs}"
        progress.update(task, description=description, completed=batch, total=n_batches)

    def on_epoch(epoch):
        console.print(
            f"  epoch {epoch.number:3d}  loss {epoch.loss:8.4f}  "
            f"validation {percent(epoch.validation_accuracy)}  {epoch.seconds:.0f} s",
            soft_wrap=True,
        )

    return dict(on_training=on_training, on_batch=on_batch, on_epoch=on_epoch)
