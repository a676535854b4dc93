# SPDX-License-Identifier: GPL-3.0-or-later
"""What experiments are run with: data sets that are made and read once, laboratories that share them."""

from dataclasses import dataclass
from pathlib import Path

from ..datasets import load_dataset, save_radioml
from ..training import TrainingData
from .data import DATASETS
from .laboratory import Laboratory, Watcher


@dataclass(frozen=True)
class Options:
    """What is asked of experiments.

    Attributes:
        epochs: dict from preset to the number of epochs of a training
        unknown: classes held out where an experiment has no sets of its own
        snrs: SNR labels to use
        data: file in the place of the data sets that stand for a release, None makes them
        seed: of split, training and stream order
        repeats: number of training seeds, from ``seed`` on, where an experiment takes several
        sweep_test: choose distance and λ1 on the test part as the paper does, not on the validation part
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:<n>"``
    """

    epochs: dict
    unknown: tuple = ("AM-SSB", "GFSK")
    snrs: tuple = (16, 18)
    data: Path | None = None
    seed: int = 0
    repeats: int = 1
    sweep_test: bool = False
    device: str = "auto"


class Setup:
    """Runs experiments; what several of them need is made, read and trained once.

    Args:
        options: `Options`
        work: folder of data sets and trainings, made if need be
        make: function that makes a data set's frames by the name of its recipe: called with the name,
            ``frames_per_key``, ``snrs``, ``seed``, ``modulations``, ``progress`` (called with a number of
            frames) and the recipe's further options, gives frames as `save_radioml` takes them
        watcher: `Watcher`

    Attributes:
        laboratories: those that the experiment at hand asked for, in that order
    """

    def __init__(self, options, work, make=None, watcher=None):
        self.options, self.work = options, Path(work)
        self.watcher = watcher or Watcher()
        self._make = make
        self._datasets, self._kept = {}, {}
        self._experiment, self.laboratories = None, []

    def run(self, experiment):
        """Its `Report`; `laboratories` are those that did its trainings.

        Raises:
            ValueError: the data is not fit for it
        """
        self._experiment, self.laboratories = experiment, []
        for laboratory in self._kept.values():
            laboratory.used.clear()
        for name in experiment.data:  # what cannot be made is missing before hours of training, not after
            self.file(name)
        return experiment.run(self)

    def laboratory(self, data=None, preset=None, epochs=None, background=None, i=0):
        """A laboratory with the options' settings.

        Args:
            data: name of a data set, None for the experiment's first
            preset: of the trainings, None for the experiment's
            epochs: of a training, None for the options'
            background: name of the data set of background classes, if any
            i: the seed is that many after the first

        Returns:
            `Laboratory`
        """
        preset = preset or self._experiment.preset
        epochs = epochs or self.options.epochs[preset]
        file = self.file(data or self._experiment.data[0])
        background = background and self.file(background)
        key = file, preset, epochs, background, i
        if key not in self._kept:
            chosen = self.options
            self._kept[key] = Laboratory(
                TrainingData(
                    file, tuple(chosen.unknown), chosen.snrs, background=background, seed=chosen.seed + i
                ),
                self.work,
                epochs,
                preset,
                chosen.sweep_test,
                chosen.device,
                self.watcher,
                self._read(file),
            )
        if self._kept[key] not in self.laboratories:
            self.laboratories.append(self._kept[key])
        return self._kept[key]

    def dataset(self, name):
        """A data set by its name in `data.DATASETS`, read once."""
        return self._read(self.file(name))

    def file(self, name):
        """The file of a data set: the one that was given, an earlier run's, or a new one."""
        recipe = DATASETS[name]
        if recipe.release and self.options.data:
            return self.options.data
        snrs = self.options.snrs
        path = self.work / f"{name}_{'_'.join(map(str, snrs))}_seed{recipe.seed}.npz"
        if path.is_file():
            return path
        self.work.mkdir(parents=True, exist_ok=True)
        total = len(recipe.modulations) * len(snrs) * recipe.frames_per_key
        frames = self._make(
            recipe.maker,
            frames_per_key=recipe.frames_per_key,
            snrs=snrs,
            seed=recipe.seed,
            modulations=recipe.modulations,
            progress=lambda n: self.watcher.on_steps(f"building {name}", n, total),
            **recipe.options,
        )
        save_radioml(path, frames)
        self.watcher.on_file(path)
        return path

    def _read(self, file):
        if file not in self._datasets:
            self._datasets[file] = load_dataset(file, snrs=self.options.snrs)
        return self._datasets[file]
