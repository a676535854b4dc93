# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that appear whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def write_atomically(path: str | Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8: at any moment, even after a power cut, it is the old one or the new one.

    The new one keeps the old one's permissions. One writer at a time: the file beside it, ``.<name>.part``,
    that the content goes to first has a fixed name, so that killed writers leave one such file and not many.

    Raises
    ------
    OSError
        It cannot be written; the old file is as it was.
    """
    path = Path(path).resolve()  # a link stays one
    part = path.with_name(f".{path.name}.part")
    try:
        with open(part, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, part)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)  # the renaming lies there
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
