# SPDX-License-Identifier: GPL-3.0-or-later
"""Explanations of what a network says, a method a file: `registry.explanation` gives one its name,
`explain` asks it."""

from importlib import import_module
from pkgutil import iter_modules

from .registry import EXPLANATIONS, Explanation, explain, explanation

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["EXPLANATIONS", "Explanation", "explain", "explanation"]
