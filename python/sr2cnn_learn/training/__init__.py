# SPDX-License-Identifier: GPL-3.0-or-later
"""Training: data in (`prepare`), the one loop (`fit`), bundle out (`finish`); recipes are data."""

from .fit import Epoch
from .prepare import TrainingData
from .recipes import FORMER_NAMES, PRESETS, Recipe, recipe_of
from .train import train

__all__ = ["FORMER_NAMES", "PRESETS", "Epoch", "Recipe", "TrainingData", "recipe_of", "train"]
