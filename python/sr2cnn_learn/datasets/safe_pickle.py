# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads pickled dicts of numpy arrays from strangers.

A pickle is a program. This reader answers the few names that array pickles call with stand-ins of
its own that only copy numbers, and refuses every other name, so nothing in the file can run. It
reads what Python 2 and 3 and numpy 1 and 2 write, protocols 0 to 5.
"""

from __future__ import annotations

import math
import mmap
import pickle
import re
import struct
from pathlib import Path

import numpy as np

_PLAIN_DTYPE = re.compile(r"[biufcSU]\d{1,9}")


class _Dtype:
    """Stands in for numpy.dtype: plain numbers and strings, never objects or records."""

    def __init__(self, name, align=False, copy=True):
        if not isinstance(name, str) or not _PLAIN_DTYPE.fullmatch(name):
            raise ValueError(f"an array of dtype {name!r}, expected plain numbers")
        self.dtype = np.dtype(name)

    def __setstate__(self, state):
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stands in for numpy.ndarray: `__setstate__` checks the shape before it makes the array."""

    array = None

    def __setstate__(self, state):
        _, shape, dtype, fortran, raw = state
        self.array = _view(raw, dtype, shape, "F" if fortran else "C")


class _Callable:
    """A function the pickle may call but, unlike a plain one, cannot change by BUILD."""

    __slots__ = ("_function",)

    def __init__(self, function):
        self._function = function

    def __call__(self, *args):
        return self._function(*args)

    def __setstate__(self, state):
        raise ValueError("it alters a function")


def _latin1(text, encoding="latin1"):
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"bytes encoded as {encoding!r}, expected latin1")
    return text.encode("latin1")


def _view(raw, dtype, shape, order):
    if isinstance(raw, str):  # a Python 2 byte string
        raw = _latin1(raw)
    if not isinstance(raw, (bytes, bytearray)):
        raise ValueError(f"array data of type {type(raw).__name__}, expected bytes")
    if not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"an array of shape {shape!r}")
    dtype = dtype.dtype
    if math.prod(shape) * dtype.itemsize != len(raw):
        raise ValueError(f"{len(raw)} bytes for an array of shape {shape} and dtype {dtype}")
    return np.frombuffer(raw, dtype).reshape(shape, order=order)


def _reconstruct(subtype, shape, typecode):
    return _Array()


def _frombuffer(raw, dtype, shape, order="C"):
    result = _Array()
    result.array = _view(raw, dtype, shape, order)
    return result


def _scalar(dtype, raw):
    return _view(raw, dtype, (), "C").item()


_ADMITTED = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _Callable(_latin1),
    ("__builtin__", "bytes"): _Callable(lambda: b""),  # how protocols 0 to 2 write empty bytes
}
for _core in ("numpy.core", "numpy._core"):
    _ADMITTED[f"{_core}.multiarray", "_reconstruct"] = _Callable(_reconstruct)
    _ADMITTED[f"{_core}.multiarray", "scalar"] = _Callable(_scalar)
    _ADMITTED[f"{_core}.numeric", "_frombuffer"] = _Callable(_frombuffer)


# The unpickler written in Python, not the one in C: its memo is a dict, where the C one makes a
# table as long as the largest index in the file says. Array pickles hold few opcodes, so it is
# as fast.
class _ArrayUnpickler(pickle._Unpickler):
    def find_class(self, module, name):
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise ValueError(f"it asks for {module}.{name}, which is no part of an array") from None

    def get_extension(self, code):
        raise ValueError(f"it asks for the registered extension {code}")

    def load_bytearray8(self):  # the original allocates the claimed length before it reads
        (length,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(length)))

    dispatch = {**pickle._Unpickler.dispatch, pickle.BYTEARRAY8[0]: load_bytearray8}


def read_arrays(path: str | Path) -> dict:
    """The dict of arrays pickled in a file, without running anything that the file holds.

    Returns:
        dict from key (as pickled; byte strings of Python 2 decoded as latin1) to read-only array of numbers or
        strings

    Raises:
        FileNotFoundError: there is no such file
        ValueError: ``"<path>: reason"``: the file is empty, cut short, no pickle, or holds anything but a dict of
            plain arrays
    """
    path = Path(path)
    if path.stat().st_size == 0:
        raise ValueError(f"{path}: the file is empty")
    # A read from a map stops at the end of the file; a buffered file would first allocate
    # whatever length the pickle claims.
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            content = _ArrayUnpickler(data, encoding="latin1").load()
        except EOFError:
            raise ValueError(f"{path}: the pickle is cut short") from None
        except Exception as error:  # a hostile pickle can provoke any of them
            told = isinstance(error, (ValueError, pickle.UnpicklingError))
            reason = f": {error}" if told else ""
            raise ValueError(f"{path}: not a pickle of arrays, or damaged{reason}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path}: holds a {type(content).__name__}, expected a dict of arrays")
    for key, value in content.items():
        if not isinstance(value, _Array) or value.array is None:
            raise ValueError(f"{path}: the value of a key is not an array")
        content[key] = value.array
    return content
