# SPDX-License-Identifier: GPL-3.0-or-later
"""Readers: what knows one kind of data file or folder, a class each."""

import hashlib
from pathlib import Path

from ..names import check_name, shown

READERS = []
MOST_SAMPLES_PER_SYMBOL = 2**20


def reader(cls):
    """Class decorator: `load_dataset`, and so all that takes a data set, reads this kind, too."""
    READERS.append(cls)
    return cls


class Reader:
    """A file or folder of one kind, looked over but not yet read.

    Subclasses have ``reads``, a constructor that sets ``counts``, and ``read``; `load_dataset` selects, checks and
    groups what they give.

    Args:
        path: Path of the file or folder
        frame_len: samples a frame

    Attributes:
        counts: dict from (label, SNR in dB) to the number of frames of ``frame_len`` samples
        samples_per_symbol: as the file states it or its kind has it; None where neither is so

    Class variables:
        takes_classes: whether the constructor takes ``classes`` (see `load_dataset`) as a third argument

    Raises:
        ValueError: ``"<path>: reason"``: it is damaged, or of another layout
    """

    takes_classes = False
    samples_per_symbol = None

    def __init__(self, path, frame_len):
        self.path, self.frame_len = path, frame_len

    @classmethod
    def reads(cls, path, head):
        """Whether a file or folder is of this kind.

        Args:
            path: Path of it
            head: the first bytes of a file, ``b""`` of a folder
        """
        raise NotImplementedError

    def read(self, key, rows, out):
        """Put frames of a (label, SNR) into an array.

        Args:
            key: of ``counts``
            rows: (n,) indices of its frames, in order
            out: float32 (n, frame_len, 2) to write to
        """
        raise NotImplementedError

    def sha256(self):
        """That of the file, in hexadecimal."""
        return file_sha256(self.path)


def check_label(path: Path, label: str) -> None:
    """Raise ValueError, naming the file, unless its label is a class name."""
    try:
        check_name(label)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def check_samples_per_symbol(source, value):
    """Samples a symbol that a file or a person states.

    Args:
        source: that states it, named in the error
        value: as it was read

    Raises:
        ValueError: it is no positive number
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 < value <= MOST_SAMPLES_PER_SYMBOL:
        raise ValueError(
            f"{source}: samples_per_symbol is {shown(repr(value), 60)}, expected a positive number"
        )
    return value


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
