# SPDX-License-Identifier: GPL-3.0-or-later
"""Experiments by name."""

from collections.abc import Callable
from dataclasses import dataclass

from ..plugins import add

EXPERIMENTS = {}


@dataclass(frozen=True)
class Experiment:
    """What is known of an experiment before it is run.

    Attributes:
        name: as `sr2cnn reproduce` takes it
        what: it shows, in a line
        paper: whose experiment it is, the name of a folder here; None for one of our own
        data: names of the data sets that it needs, see `data.DATASETS`; `Setup.laboratory` takes the first
            unless it is told otherwise
        preset: of its trainings, unless `Setup.laboratory` is told otherwise
        run: function of a `Setup` that gives a `Report`
    """

    name: str
    what: str
    paper: str | None
    data: tuple
    preset: str
    run: Callable


def experiment(name, what, paper=None, data=("radioml2016",), preset="paper"):
    """Function decorator: makes an experiment known, see `Experiment`."""

    def register(function):
        made = Experiment(name, what, paper, tuple(data), preset, function)
        add(EXPERIMENTS, name, made, "an experiment")
        return function

    return register
