# SPDX-License-Identifier: GPL-3.0-or-later
"""What is found by its name: networks, objectives, explanations, experiments, each in a file that nobody lists."""

from importlib import import_module
from pkgutil import walk_packages


def add(known, name, thing, kind):
    """Make a thing known by a name.

    Args:
        known: dict of the things of its kind by name
        name, thing: what is added
        kind: with its article, as messages call it

    Raises:
        ValueError: there is another of this name
    """
    if known.setdefault(name, thing) is not thing:
        raise ValueError(f"there is {kind} {name!r} already")


def import_all(package, path):
    """Import all modules of a package and of those in it; those that have something make it known.

    Args:
        package: its ``__name__``
        path: its ``__path__``
    """
    for module in walk_packages(path, f"{package}."):
        import_module(module.name)
