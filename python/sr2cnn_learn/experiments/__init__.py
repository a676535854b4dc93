# SPDX-License-Identifier: GPL-3.0-or-later
"""Experiments of papers and our own, a file each in a folder a paper; `registry.experiment` gives one its name.

Data in, tables and pictures out. Trainings are kept in a work folder and shared (`laboratory`).
"""

from ..plugins import import_all
from .registry import EXPERIMENTS, Experiment, experiment

import_all(__name__, __path__)

__all__ = ["EXPERIMENTS", "Experiment", "experiment"]
