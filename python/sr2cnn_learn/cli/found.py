# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that are found: each package that is installed may add some (python/entry_points.txt)."""

from __future__ import annotations

import functools
from importlib.metadata import entry_points

import click

COMMANDS = "sr2cnn.commands"  # the group of `sr2cnn`'s own; that of a command's is "sr2cnn.commands.COMMAND"
BENCHMARKS = "sr2cnn.benchmarks"  # parts of `sr2cnn bench`
MAKERS = "sr2cnn.makers"  # functions that make data sets
LABELLERS = "sr2cnn.labellers"  # functions that label: "recording" has a recording's events, as they come
RADIO = "gnuradio"


@functools.cache
def found(group: str) -> dict:
    """The entry points of a group by name, of two of one name (an installed and a built copy) one."""
    return {point.name: point for point in entry_points(group=group)}


def radio_commands() -> list[str]:
    """Names of the commands that need GNU Radio's part, whether it is there or not."""
    return [name for name, point in found(COMMANDS).items() if point.module.startswith(f"{RADIO}.")]


class FoundCommands(click.Group):
    """A group of what `found` finds. A command is loaded when it is asked for, so one that does not load, for
    want of GNU Radio above all, harms no other.

    Args:
        found_in: the group of entry points
    """

    def __init__(self, *arguments, found_in=COMMANDS, **options):
        super().__init__(*arguments, **options)
        self._found_in = found_in

    def list_commands(self, ctx):
        return sorted({*super().list_commands(ctx), *found(self._found_in)})

    def get_command(self, ctx, name):
        point = found(self._found_in).get(name)
        if point is None:
            return super().get_command(ctx, name)
        try:
            return point.load()
        except ImportError as error:
            if not point.module.startswith(f"{RADIO}."):
                raise
            absent = error.name in (RADIO, f"{RADIO}.sr2cnn")
            return _missing(
                name, "which pip does not install" if absent else f"which does not load ({error})"
            )


def _missing(name, why):
    """A command that says why it is not there; the others, doctor above all, still work."""
    text = (
        f"{name} needs gnuradio.sr2cnn, the GNU Radio part of this module, {why}; "
        "make build in a checkout of it builds it and says how it runs (README)"
    )

    def say():
        raise click.ClickException(text)

    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(
        name, callback=say, context_settings=settings, help=text, short_help="(needs GNU Radio's part)"
    )
