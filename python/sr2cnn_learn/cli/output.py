# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a command's output goes: consoles, figures as JSON, and readers that have seen enough."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import select
import sys

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TimeRemainingColumn
from rich.protocol import is_renderable
from rich.text import Text

from ..atomic import output_file
from ..names import shown

READER_GONE = 128 + 13  # exit status, as shells have it of a program that SIGPIPE ended
STDOUT, STDERR = 1, 2


class _Console(Console):
    """Prints text as it is: one string one line, no markup, what is not printable escaped.

    Names of files, classes and models come from strangers, and would else command the terminal.
    """

    def __init__(self, **options):
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def on_broken_pipe(self):
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    def print(self, *objects, **options):
        super().print(*(each if is_renderable(each) else str(each) for each in objects), **options)

    def render_str(self, text, **options):
        return super().render_str(shown(text), **options)


def stdout_console(**options) -> Console:
    """Results for people go here."""
    return _Console(**options)


def stderr_console() -> Console:
    """Progress and summaries go here, so that stdout holds results alone."""
    return _Console(stderr=True)


class _Task(ProgressColumn):
    """What a task is, as text that strangers may have written."""

    def render(self, task):
        return Text(shown(task.description))


def progress_bar(console: Console) -> Progress:
    return Progress(
        _Task(),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


class JsonOutput:
    """Where a command's figures go as JSON, by its options."""

    def __init__(self, on_stdout, file):
        self._on_stdout, self._file = on_stdout, file

    def put(self, figures) -> bool:
        """Write the figures where they were asked for; whether stdout has them, and so must have no table.

        Raises:
            OSError: They cannot be written.
        """
        text = json.dumps(figures, indent=2)
        if self._file:
            with output_file(self._file) as file:
                file.write(text.encode() + b"\n")
        if self._on_stdout:
            click.echo(text)
        return self._on_stdout


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
