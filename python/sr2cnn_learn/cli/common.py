# SPDX-License-Identifier: GPL-3.0-or-later
"""What options of all commands share: their types, the options that several have, the group that finds commands."""

from __future__ import annotations

import functools
import math
import os
from pathlib import Path

import click

from ..quantities import parse_hertz
from .output import JsonOutput


class GivenPath(click.Path):
    """A path that is no empty text. `new`: one to be written, in a folder that is there."""

    def __init__(self, new=False, path_type=Path, **options):
        super().__init__(path_type=path_type, **options)
        self._new = new

    def convert(self, value, param, ctx):
        if not os.fspath(value):
            self.fail("expected a path, not an empty text", param, ctx)
        path = super().convert(value, param, ctx)
        if self._new and os.fspath(path) != "-" and not os.path.isdir(Path(path).absolute().parent):
            raise FileNotFoundError(f"{path}: no such folder: {Path(path).parent}")
        return path


class Names(click.ParamType):
    """``AM-SSB,GFSK`` to a tuple of names."""

    name = "name,…"

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in value.split(","))
        if not all(names):
            self.fail(f"{value!r} has an empty name; expected, for example, AM-SSB,GFSK")
        return names


class Snrs(click.ParamType):
    """``16,18`` or ``-20:18:2``, both ends included, to a sorted tuple of int."""

    name = "dB"

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        snrs = set()
        try:
            for part in value.split(","):
                first, *rest = (int(number) for number in part.split(":"))
                last, step = (*rest, 1)[:2] if rest else (first, 1)
                if len(rest) > 2 or step < 1 or last < first or last - first > 1000 * step:
                    raise ValueError
                snrs.update(range(first, last + 1, step))
        except ValueError:
            self.fail(f"{value!r}; expected, for example, 16,18 or -20:18:2")
        return tuple(sorted(snrs))


class Hertz(click.ParamType):
    """``868.95M``, ``48 kHz`` or ``1.6e6`` to a float, more than 0 or, for a frequency, at least 0."""

    name = "Hz"

    def __init__(self, zero=False):
        self._zero = zero

    def convert(self, value, param, ctx):
        try:
            value = value if isinstance(value, float) else parse_hertz(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not (0 < value < math.inf or self._zero and value == 0):
            expected = "0 Hz or more" if self._zero else "more than 0 Hz"
            self.fail(f"{value:g} Hz, expected {expected}", param, ctx)
        return value


FILE = GivenPath(dir_okay=False)
FOLDER = GivenPath(file_okay=False)
NEW_FILE = GivenPath(new=True, dir_okay=False)
NEW_FILE_OR_STDOUT = GivenPath(new=True, dir_okay=False, allow_dash=True, path_type=str)
NEW_FILE_OR_FOLDER = GivenPath(new=True)
DATA = GivenPath()  # a file, or a folder of recordings
RATE = Hertz()
FREQUENCY = Hertz(zero=True)
MAX_PER_KEY = click.option(
    "--max-per-key",
    type=click.IntRange(min=1),
    help="Frames of each modulation and SNR, evenly spread; default: all.",
)
DEVICE = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")


def json_options(command):
    """`--json` and `--json-file FILE`, alike in all commands that have figures: their `json_output`."""

    @click.option("--json", "as_json", is_flag=True, help="Print it as JSON on stdout, and no table there.")
    @click.option("--json-file", metavar="FILE", type=NEW_FILE, help="Write it as JSON to that file, too.")
    @functools.wraps(command)
    def with_json(*arguments, as_json, json_file, **options):
        return command(*arguments, **options, json_output=JsonOutput(as_json, json_file))

    return with_json
