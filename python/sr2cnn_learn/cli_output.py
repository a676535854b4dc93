# SPDX-License-Identifier: GPL-3.0-or-later
"""What the output of every command shares: figures as JSON, paths, and readers that have seen enough."""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import json
import os
import select
import sys
from pathlib import Path

import click

from .atomic import output_file

READER_GONE = 128 + 13  # exit status, as shells have it of a program that SIGPIPE ended
STDOUT, STDERR = 1, 2


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


NEW_FILE = GivenPath(new=True, dir_okay=False)
NEW_FILE_OR_STDOUT = GivenPath(new=True, dir_okay=False, allow_dash=True, path_type=str)


class JsonOutput:
    """Where a command's figures go as JSON, by its options."""

    def __init__(self, on_stdout, file):
        self._on_stdout, self._file = on_stdout, file

    def put(self, figures) -> bool:
        """Write the figures where they were asked for; whether stdout has them, and so must have no table.

        Raises
        ------
        OSError
            They cannot be written.
        """
        text = json.dumps(figures, indent=2)
        if self._file:
            with output_file(self._file) as file:
                file.write(text.encode() + b"\n")
        if self._on_stdout:
            click.echo(text)
        return self._on_stdout


def json_options(command):
    """`--json` and `--json-file FILE`, alike in all commands that have figures: their `json_output`."""

    @click.option("--json", "as_json", is_flag=True, help="Print it as JSON on stdout, and no table there.")
    @click.option("--json-file", metavar="FILE", type=NEW_FILE, help="Write it as JSON to that file, too.")
    @functools.wraps(command)
    def with_json(*arguments, as_json, json_file, **options):
        return command(*arguments, **options, json_output=JsonOutput(as_json, json_file))

    return with_json


def write_all_or_raise() -> None:
    """Have stdout buffered even under PYTHONUNBUFFERED, which drops without a word what a disk that becomes
    full does not take of a text. All that is printed is flushed at once in any case."""
    raw = getattr(sys.stdout, "buffer", None)
    if isinstance(raw, io.RawIOBase):
        buffered = io.BufferedWriter(raw)
        sys.stdout = io.TextIOWrapper(buffered, sys.stdout.encoding, sys.stdout.errors, line_buffering=True)


def check_reader() -> None:
    """Raise BrokenPipeError where stdout is a pipe that nobody reads any more."""
    if _reader_gone(STDOUT):
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


@contextlib.contextmanager
def quiet_when_the_reader_is_gone():
    """End without a word, as programs that SIGPIPE ends, when `head` behind a pipe has seen enough."""
    try:
        yield
    except BrokenPipeError:
        gone = [number for number in (STDOUT, STDERR) if _reader_gone(number)]
        if not gone:  # another pipe
            raise
        _to_nowhere(*gone)
        raise click.exceptions.Exit(READER_GONE) from None


def drop_what_cannot_be_written() -> None:
    """After an error: what stdout does not take is not tried again when the interpreter ends."""
    try:
        if sys.stdout:  # None where there is none
            sys.stdout.flush()
    except OSError:
        _to_nowhere(STDOUT)


def _to_nowhere(*descriptors) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in descriptors:
        os.dup2(nowhere, descriptor)


def _reader_gone(descriptor) -> bool:
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(what & select.POLLERR for _, what in poll.poll(0))
