# SPDX-License-Identifier: GPL-3.0-or-later
"""How this project writes files: whole or not at all, and never over what is no file."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """A binary file to write, which takes the path's place when the context ends, unless with an exception.

    At any moment, even after a power cut, what is at the path is the old file or the new one. A link stays,
    and what it leads to is replaced. The new file keeps the old one's permissions. The content goes first to
    a file beside it, ``.<name>.<random>.part``; those that killed writers left are removed.

    Raises:
        OSError: It cannot be written, or what is at the path is no regular file; it is as it was.
    """
    target = replaceable(path)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        part, descriptor = new_part(target)
        try:
            with open(descriptor, "wb") as file:
                yield file
                file.flush()
                take_permissions(descriptor, target)
                os.fsync(descriptor)
                os.replace(part, target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        os.fsync(folder)  # the renaming lies there
    finally:
        os.close(folder)


def write_atomically(path: str | Path, content: str | bytes) -> None:
    """Write a `whole_file`, text as UTF-8; see there for what it raises."""
    data = content.encode() if isinstance(content, str) else content
    with whole_file(path) as file:
        file.write(data)


@contextlib.contextmanager
def output_file(path: str | Path) -> Iterator[BinaryIO]:
    """A binary file for results, at a path that the user named: a `whole_file`, or else a stream.

    Raises:
        OSError: It cannot be written.
    """
    with open(path, "ab") if is_stream(path) else whole_file(path) as file:
        yield file


def is_stream(path: str | Path) -> bool:
    """Whether writing there means writing into what is there: a pipe, a device, an open descriptor.

    Descriptors are paths such as ``/dev/stdout``, ``/dev/fd/3`` or what a shell makes of ``>(command)``.
    """
    path = os.fspath(path)
    for _ in range(40):  # links in a row, as the kernel has it
        if not os.path.islink(path):
            break
        folder = os.path.realpath(os.path.dirname(path))
        if folder.startswith("/proc/"):
            return True
        path = os.path.join(folder, os.readlink(path))
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def replaceable(path: str | Path) -> Path:
    """The path, behind all links, of the file that writing to this one would replace or make.

    Raises:
        OSError: What is there is no regular file, or behind a link that the kernel does not follow.
    """
    with contextlib.suppress(FileNotFoundError):
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            if stat.S_ISDIR(mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
            raise OSError(errno.EINVAL, "is no regular file, and not replaced by one", os.fspath(path))
    return Path(path).resolve()


def lock(descriptor: int) -> bool:
    """Take the lock of an open file, which is free again when its holder dies; False if another has it.

    Raises:
        OSError: The file system has no locks.
    """
    import fcntl  # where there is none, all but writing works

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def new_part(target: Path) -> tuple[Path, int]:
    """A new file beside the target, to take its place later: its path and descriptor, read and write.

    It is locked, which tells it from those that killed writers left. They are removed here.
    """
    _remove_left_over(target)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    while True:
        part = target.with_name(f".{target.name}.{secrets.token_hex(8)}.part")
        descriptor = os.open(part, flags, 0o666)
        mine = True
        with contextlib.suppress(OSError):
            mine = lock(descriptor)
        if mine and os.fstat(descriptor).st_nlink:
            return part, descriptor
        os.close(descriptor)  # another writer takes it for one that was left, and removes it


def _remove_left_over(target):
    is_part = re.compile(re.escape(f".{target.name}.") + r"[0-9a-f]{16}\.part").fullmatch
    for name in filter(is_part, os.listdir(target.parent)):
        with contextlib.suppress(OSError):  # another one's, or gone just now
            part = target.with_name(name)
            descriptor = os.open(part, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                if lock(descriptor):
                    part.unlink()
            finally:
                os.close(descriptor)


def take_permissions(descriptor: int, target: Path) -> None:
    """Give an open file the permissions of the one that it will replace, if there is one; the owner, too."""
    with contextlib.suppress(FileNotFoundError):
        old = os.stat(target)
        with contextlib.suppress(PermissionError):  # only root gives files away
            os.fchown(descriptor, old.st_uid, old.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
