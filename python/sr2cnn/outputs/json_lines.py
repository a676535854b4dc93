# SPDX-License-Identifier: GPL-3.0-or-later
"""Events as JSON lines in a file that rotates, and the reader of such files."""

import contextlib
import itertools
import json
import os
import re
import stat
from pathlib import Path

from sr2cnn_learn.atomic import lock, new_part, take_permissions

from .output import Output

MOST_KEPT = 1000


class JsonLines(Output):
    """Writes each event as one line of JSON, out when `write` returns.

    A kill costs at most the line being written; `read_json_lines` skips it. A line that a full disk
    takes half of is taken back.

    A file has one writer: another one, of this or another program, is refused while this one has it open,
    until a `flush` that no event follows. A pipe or a device is written into; a link is followed.

    Args:
        path: file, ``"-"`` for the standard output
        append: whether to go on with a file that exists, rather than begin it anew
        rotate_bytes: size that the file does not exceed (unless a single line does): before it would,
            it becomes ``<path>.1``, the one of that name ``<path>.2``, and so on. Implies `append`: a
            file that rotates is a log. None: no limit
        rotate_keep: number of older files kept
        report: see `Output`
        without: kinds of events that are not written

    Raises:
        ValueError: an argument is out of range
    """

    keeps = True

    def __init__(
        self, path="-", append=False, rotate_bytes=None, rotate_keep=5, report=None, without=frozenset()
    ):
        super().__init__(report)
        self._without = frozenset(without)
        if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
            raise ValueError(f"path is {path!r}, expected a file name, or - for the standard output")
        self._path = os.fspath(path)
        self.name = f"JSON lines {self._path}"
        if rotate_bytes is not None:
            _check_count("rotate_bytes", rotate_bytes, 1, 1 << 62)
            if self._path == "-":
                raise ValueError("rotate_bytes is for a file, but path is '-': expected None")
        _check_count("rotate_keep", rotate_keep, 1, MOST_KEPT)
        self._append = append or rotate_bytes is not None
        self._rotate_bytes = rotate_bytes
        self._rotate_keep = rotate_keep
        self._file = None
        self._reopens = False  # whether it can be closed meanwhile, and nothing is lost
        self._size = 0
        self._torn = False  # whether what was written last is no whole line
        self._attempt(self._open)

    def _open(self):
        begin_anew, self._append = not self._append, True  # at most what is there now
        if self._path == "-":
            self._file = open(os.dup(1), "wb", buffering=0)  # unbuffered: a line is out at once
            self._reopens = True
            return
        # Not blocking, for a named pipe that nobody reads: it is no reason to wait.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK
        file = os.fdopen(os.open(self._path, flags, 0o666), "ab", buffering=0)
        try:
            self._reopens = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            if self._reopens:
                self._hold(file.fileno())
                if begin_anew:
                    file.truncate(0)
                self._size = file.seek(0, os.SEEK_END)
                self._torn = self._size > 0 and not _ends_a_line(self._path)
        except BaseException:
            file.close()
            raise
        self._file = file

    def _hold(self, descriptor):
        """Be the one writer of the file that was opened."""
        rotated = f"{os.path.realpath(self._path)}.1"
        in_use = OSError("another program, or another output of this one, writes to it")
        with contextlib.suppress(PermissionError, FileNotFoundError):
            if not _lock(descriptor):
                raise in_use
            # A writer that rotates the file holds the old one until the new one has its name.
            with open(rotated, "rb") as older:
                if not _lock(older.fileno()):
                    raise in_use
        if not os.path.samestat(os.fstat(descriptor), os.stat(self._path)):
            raise in_use

    def _write(self, kind, event):
        if kind in self._without:
            return
        line = json_line(event)
        if self._file is None:
            self._open()
        if self._rotate_bytes and self._size and self._size + len(line) > self._rotate_bytes:
            self._attempt(self._rotate)  # or else the old file takes more
        if self._torn:
            line = b"\n" + line
        left = line
        try:
            while left:
                n = self._file.write(left)
                if n is None:
                    raise BlockingIOError("the reader does not keep up")
                left = left[n:]
        except OSError:
            self._take_back(len(line) - len(left))
            raise
        self._size += len(line)
        self._torn = False

    def _fail(self, error):
        if self._path == "-" and isinstance(error, BrokenPipeError):  # who reads it has seen enough
            self.fault = f"{self.name}: {error}"
        else:
            super()._fail(error)

    def _take_back(self, n):
        if n == 0:
            return
        try:
            self._file.truncate(self._size)
        except OSError:  # a pipe
            self._torn = True

    def _rotate(self):
        path = Path(self._path).resolve()
        part, descriptor = new_part(path)
        file = os.fdopen(descriptor, "ab", buffering=0)
        try:
            take_permissions(descriptor, path)
            names = [path, *(f"{path}.{k}" for k in range(1, self._rotate_keep + 1))]
            for newer, older in reversed(list(itertools.pairwise(names))):
                with contextlib.suppress(FileNotFoundError):
                    os.replace(newer, older)
            os.replace(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            file.close()
            raise
        self._close()
        self._file, self._size, self._torn = file, 0, False

    def flush(self):
        with self._lock:
            if self._reopens:
                self._attempt(self._close)

    def _close(self):
        if self._file is not None:
            file, self._file = self._file, None
            file.close()


def json_line(event):
    """An event as bytes."""
    return json.dumps(event, allow_nan=False).encode() + b"\n"


def read_json_lines(path):
    """The events in a file of `JsonLines`, and before them those in its older files, oldest first.

    What is no whole JSON object, such as a line cut by a kill, is skipped.

    Yields:
        dicts

    Raises:
        OSError: there is no such file, or it cannot be read
    """
    path = Path(path).resolve()
    name = re.compile(re.escape(path.name) + r"\.([1-9][0-9]{0,3})")
    matches = filter(None, map(name.fullmatch, os.listdir(path.parent)))
    older = sorted(int(match[1]) for match in matches)
    files = [path.with_name(f"{path.name}.{number}") for number in reversed(older)]
    # A kill in the midst of a rotation leaves older files alone.
    if path.exists() or not files:
        files.append(path)
    for file in files:
        with open(file, "rb") as lines:
            for line in lines:
                try:
                    event = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(event, dict):
                    yield event


def _lock(descriptor):
    try:
        return lock(descriptor)
    except OSError:  # a file system without locks
        return True


def _ends_a_line(path):
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _check_count(name, value, least, most):
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{name} is {value!r}, expected an integer from {least} to {most}")
