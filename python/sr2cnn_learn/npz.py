# SPDX-License-Identifier: GPL-3.0-or-later
"""Zip archives and the arrays in them, from strangers.

What a header claims is compared with what the file holds before anything of that size is allocated, and no
more is unpacked than was asked for: ``np.load`` and ``ZipFile.read`` do neither.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_CHUNK = 2**24  # bytes, read at a time


def members(archive):
    """The files of a `zipfile.ZipFile`: dict, name → ``ZipInfo``.

    Raises:
        ValueError: one name is there twice, and readers could differ on which they take
    """
    found = {member.filename: member for member in archive.infolist()}
    if len(found) < len(archive.infolist()):
        raise ValueError("two files of one name in the archive")
    return found


def read_member(archive, member, most):
    """The bytes of one file of a `zipfile.ZipFile`.

    Args:
        archive, member: the archive and the file's ``ZipInfo``
        most: bytes that it may have

    Raises:
        ValueError: it has more
        Exception: of many kinds, where it is damaged
    """
    if member.file_size > most:
        raise ValueError(f"{member.filename} has {member.file_size} bytes, expected at most {most}")
    with archive.open(member) as stream:
        content = stream.read(member.file_size)  # without a number it would inflate all that there is
        if len(content) < member.file_size or stream.read(1):
            raise ValueError(f"{member.filename} has other than the {member.file_size} bytes that it claims")
    return content


@dataclass(frozen=True)
class Header:
    """What an ``.npy`` file says of its array.

    Attributes:
        shape, dtype: of the array
        fortran: whether its first index runs fastest
        nbytes: of its numbers
    """

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype

    @property
    def nbytes(self):
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(stream):
    """The `Header` of an ``.npy`` file; the stream then stands at the array's numbers.

    Raises:
        ValueError: it has none, or one of objects
    """
    try:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):  # the others claim headers of up to 4 GiB, for records alone
            raise ValueError(f"version {version}")
        header = Header(*np.lib.format.read_array_header_1_0(stream))
    except Exception as error:  # numpy evaluates the header as a literal
        raise ValueError(f"no header of an array: {str(error)[:100]}") from None
    if header.dtype.hasobject or not header.dtype.itemsize or min(header.shape, default=0) < 0:
        raise ValueError(f"an array of {header.dtype} and shape {header.shape}, expected plain numbers")
    return header


def read_numbers(stream, header):
    """The array behind a `Header`, whose size the caller has found acceptable; it ends with the stream.

    Raises:
        ValueError: it is cut short, or goes on
    """
    content = np.empty(header.nbytes, np.uint8)
    at = 0
    while at < len(content):
        chunk = stream.read(min(_CHUNK, len(content) - at))
        if not chunk:
            raise ValueError("an array that is cut short")
        content[at : at + len(chunk)] = np.frombuffer(chunk, np.uint8)
        at += len(chunk)
    if stream.read(1):
        raise ValueError("an array that goes on after its end")
    return content.view(header.dtype).reshape(header.shape, order="F" if header.fortran else "C")
