# SPDX-License-Identifier: GPL-3.0-or-later
"""RML2018.01A: 24 modulations, 26 SNRs, 4096 recordings of 1024 samples of each, in HDF5."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .arrays import MAX_COMPRESSION, RADIOML_SAMPLES_PER_SYMBOL
from .reader import Reader, reader

#: The classes by column of Y. The list that was shipped with the file has another order, and is wrong.
RADIOML2018_CLASSES = tuple(
    "OOK 4ASK 8ASK BPSK QPSK 8PSK 16PSK 32PSK 16APSK 32APSK 64APSK 128APSK "
    "16QAM 32QAM 64QAM 128QAM 256QAM AM-SSB-WC AM-SSB-SC AM-DSB-WC AM-DSB-SC FM GMSK OQPSK".split()
)
_MAX_CHUNK = 2**26  # bytes; HDF5 unpacks whole chunks
_ROWS = 1024  # of X, read at a time
_TRUTH_ROWS = 2**16  # of Y and Z, read at a time
_MAX_SNR = 1000  # dB


@reader
class RadioML2018(Reader):
    """X (N, L, 2) float, Y (N, K) one-hot, Z (N, 1) SNR in dB.

    Y and Z are read in slices, and of X the rows asked for. Each row is one recording; its first
    `frame_len` samples make its frame.
    """

    takes_classes = True
    samples_per_symbol = RADIOML_SAMPLES_PER_SYMBOL

    @classmethod
    def reads(cls, path, head):
        return head.startswith(b"\x89HDF\r\n\x1a\n")

    def __init__(self, path: Path, frame_len: int, classes: Iterable[str] | None = None):
        super().__init__(path, frame_len)
        classes = RADIOML2018_CLASSES if classes is None else tuple(classes)
        try:
            class_of, snr_of = self._truth(len(classes))
        except Exception as error:  # of HDF5, which has many for a damaged file
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise ValueError(f"{path}: not RML2018.01A in HDF5, or damaged: {reason}") from None
        if len(set(classes)) != len(classes) or not all(classes):
            raise ValueError(f"classes are {', '.join(classes)}; expected different names")
        # a stable sort keeps the rows of a key in the order of the file
        order = np.lexsort((snr_of, class_of))
        pairs = np.stack([class_of[order], snr_of[order]])
        first = np.flatnonzero(np.any(np.diff(pairs, prepend=-_MAX_SNR - 1), axis=0))
        self._rows = {
            (classes[class_of[rows[0]]], int(snr_of[rows[0]])): rows
            for rows in np.split(order, first[1:])
            if len(rows)
        }
        self.counts = {key: len(rows) for key, rows in self._rows.items()}

    def read(self, key, rows, out):
        import h5py

        wanted = self._rows[key][rows]
        try:
            with h5py.File(self.path) as file:
                frames = file["X"]
                done = 0
                while done < len(wanted):
                    # HDF5 reads a slice far faster than a list of rows
                    start = wanted[done]
                    stop = np.searchsorted(wanted, start + _ROWS)
                    near = wanted[done:stop]
                    block = frames[start : near[-1] + 1, : self.frame_len]
                    out[done:stop] = block[near - start]
                    done = stop
        except (OSError, RuntimeError) as error:  # a chunk that cannot be unpacked
            reason = str(error).splitlines()[0]
            raise ValueError(f"{self.path}: damaged: {reason}") from None

    def _truth(self, n_classes):
        """Class index and SNR of each row, int32 (N,)."""
        import h5py

        with h5py.File(self.path) as file:
            frames, one_hot, snrs = (self._member(file, name) for name in "XYZ")
            n = len(frames)
            expected = {"X": (n, max(frames.shape[1], self.frame_len), 2), "Y": (n, n_classes)}
            for name, member in (("X", frames), ("Y", one_hot)):
                if member.shape != expected[name]:
                    raise ValueError(f"{name} has shape {member.shape}, expected {expected[name]}")
            if snrs.shape not in ((n, 1), (n,)):
                raise ValueError(f"Z has shape {snrs.shape}, expected {(n, 1)}")
            class_of, snr_of = np.empty(n, np.int32), np.empty(n, np.int32)
            for start in range(0, n, _TRUTH_ROWS):
                part = slice(start, start + _TRUTH_ROWS)
                columns = one_hot[part]
                if not (np.all((columns == 0) | (columns == 1)) and np.all(columns.sum(1) == 1)):
                    raise ValueError("a row of Y is not one-hot")
                class_of[part] = columns.argmax(1)
                levels = snrs[part].reshape(-1)
                if not np.all((np.abs(levels) <= _MAX_SNR) & (levels == np.rint(levels))):
                    raise ValueError(f"an SNR in Z is no whole number of dB within ±{_MAX_SNR}")
                snr_of[part] = levels
        return class_of, snr_of

    def _member(self, file, name):
        """An array of the file, before any of it is read; a file can point to others, and can claim
        any size."""
        import h5py

        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"no array {name!r}, expected X, Y, Z")
        member = file[name]
        if not isinstance(member, h5py.Dataset) or member.ndim < (3 if name == "X" else 1):
            raise ValueError(f"{name} is no array, or of too few dimensions")
        if member.external or member.is_virtual:
            raise ValueError(f"{name} lies in another file")
        if member.dtype.kind not in ("f" if name == "X" else "iufb"):
            raise ValueError(f"{name} has dtype {member.dtype}, expected numbers")
        size = math.prod(member.shape) * member.dtype.itemsize
        if size > MAX_COMPRESSION * self.path.stat().st_size:
            raise ValueError(f"{name} would unpack to {size} bytes")
        if member.chunks and math.prod(member.chunks) * member.dtype.itemsize > _MAX_CHUNK:
            raise ValueError(f"{name} has chunks of shape {member.chunks}, over {_MAX_CHUNK} bytes")
        return member
