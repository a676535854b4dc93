# SPDX-License-Identifier: GPL-3.0-or-later
"""Experiments of papers and our own, a file each in a folder a paper; `registry.experiment` gives one its name.

Data in, tables and pictures out. Trainings are kept in a work folder and shared (`laboratory`).
"""

from importlib import import_module
from pkgutil import walk_packages

from .registry import EXPERIMENTS, Experiment, experiment


def find():
    """Import all that lies in this package's folders."""
    for module in walk_packages(__path__, f"{__name__}."):
        import_module(module.name)


find()

__all__ = ["EXPERIMENTS", "Experiment", "experiment", "find"]
