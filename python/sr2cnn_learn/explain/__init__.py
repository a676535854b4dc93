# SPDX-License-Identifier: GPL-3.0-or-later
"""Explanations of what a network says, a method a file: `registry.explanation` gives one its name,
`explain` asks it."""

from ..plugins import import_all
from .registry import EXPLANATIONS, Explanation, explain, explanation

import_all(__name__, __path__)

__all__ = ["EXPLANATIONS", "Explanation", "explain", "explanation"]
