# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames keyed by (modulation, SNR): the pickles of RML2016 and SIGNAL-202002, and `.npz`."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..atomic import whole_file
from ..npz import members, read_header, read_numbers
from .reader import Reader, check_samples_per_symbol, reader
from .safe_pickle import read_arrays

_NPZ_MEMBERS = ("frames", "labels", "snrs")
MAX_COMPRESSION = 200  # no recording compresses so well; a bomb does
RADIOML_SAMPLES_PER_SYMBOL = 8


class KeyedArrays(Reader):
    """``{(modulation, snr): (n, 2, L) float}`` in memory."""

    samples_per_symbol = RADIOML_SAMPLES_PER_SYMBOL

    def __init__(self, path, frame_len):
        super().__init__(path, frame_len)
        self._arrays = self._load()
        for key, frames in self._arrays.items():
            _check_pairs(path, key, frames, frame_len)
        self.counts = {key: len(frames) for key, frames in self._arrays.items()}

    def _load(self):
        """All that the file holds: ``{(modulation, snr): (n, 2, L)}``."""
        raise NotImplementedError

    def read(self, key, rows, out):
        out[:] = self._arrays[key][rows, :, : self.frame_len].transpose(0, 2, 1)


@reader
class PickledArrays(KeyedArrays):
    """The pickled dict of RML2016.10a, 10b, 04C and SIGNAL-202002."""

    @classmethod
    def reads(cls, path, head):
        return head.startswith(b"\x80")  # of protocol 2 and above; older pickles begin as anything may

    def _load(self):
        arrays = {}
        for key, frames in read_arrays(self.path).items():
            try:
                modulation, snr = key
                modulation = modulation.decode() if isinstance(modulation, bytes) else modulation
                named = isinstance(modulation, str) and bool(modulation) and int(snr) == snr
            except (TypeError, ValueError, OverflowError):
                named = False
            if not named:
                # an integer of many digits, or a long text, is not worth printing
                raise ValueError(f"{self.path}: key {repr(key)[:60]}, expected (modulation, snr)")
            arrays[modulation, int(snr)] = frames
        return arrays


@reader
class NpzArrays(KeyedArrays):
    """An ``.npz`` as `save_radioml` writes it; one that somebody else wrote may state ``samples_per_symbol``."""

    @classmethod
    def reads(cls, path, head):
        return head.startswith(b"PK")

    def _load(self):
        frames, labels, snrs, *stated = self._members()
        if stated:
            self.samples_per_symbol = check_samples_per_symbol(self.path, stated[0].tolist())
        _check_pairs(self.path, "frames", frames, self.frame_len)
        for name, values, kinds, kind in (("labels", labels, "U", "str"), ("snrs", snrs, "iu", "int")):
            if values.shape != frames.shape[:1] or values.dtype.kind not in kinds:
                raise ValueError(
                    f"{self.path}: {name} has shape {values.shape} and dtype {values.dtype}, "
                    f"expected ({len(frames)},) {kind}"
                )
        arrays = {}
        for modulation in np.unique(labels):
            of_label = labels == modulation
            for snr in np.unique(snrs[of_label]):
                arrays[str(modulation), int(snr)] = frames[of_label & (snrs == snr)]
        return arrays

    def _members(self):
        try:
            with zipfile.ZipFile(self.path) as archive:
                found = members(archive)
                size = sum(member.file_size for member in found.values())
                if size > MAX_COMPRESSION * self.path.stat().st_size:
                    raise ValueError(f"it would unpack to {size} bytes")
                stated = ["samples_per_symbol"] * ("samples_per_symbol.npy" in found)
                return [_array(archive, found, name) for name in (*_NPZ_MEMBERS, *stated)]
        except Exception as error:  # zipfile, zlib and numpy each have their own for a damaged file
            reason = str(error) or type(error).__name__
            raise ValueError(f"{self.path}: not a data set in .npz, or damaged: {reason}") from None


def _array(archive, found, name):
    if f"{name}.npy" not in found:
        raise ValueError(f"no array {name!r}, expected {', '.join(_NPZ_MEMBERS)}")
    member = found[f"{name}.npy"]
    with archive.open(member) as stream:
        header = read_header(stream)
        if header.nbytes > member.file_size:
            raise ValueError(f"{name} is cut short")
        return read_numbers(stream, header)


def save_radioml(path: str | Path, mapping: Mapping[tuple[str, int], np.ndarray]) -> None:
    """Write ``{(modulation, snr): frames}``, each float32 (n, L, 2): plain arrays to ``.npz``, else a pickle.

    The pickle has the layout of RML2016.10a, (n, 2, L) float32, and protocol 2. The file appears whole or not at
    all.
    """
    path = Path(path)
    arrays = {}
    for (modulation, snr), frames in sorted(mapping.items()):
        frames = np.asarray(frames, np.float32)
        if frames.ndim != 3 or frames.shape[2] != 2 or not frames.shape[1]:
            raise ValueError(f"{path}: {(modulation, snr)} has shape {frames.shape}, expected (n, L, 2)")
        arrays[str(modulation), int(snr)] = np.ascontiguousarray(frames.transpose(0, 2, 1))
    if len({frames.shape[2] for frames in arrays.values()}) != 1:
        raise ValueError(f"{path}: no frames to write, or frames that differ in length")
    with whole_file(path) as file:
        if path.suffix == ".npz":
            counts = [len(frames) for frames in arrays.values()]
            np.savez(
                file,
                frames=np.concatenate(list(arrays.values())),
                labels=np.repeat([modulation for modulation, _ in arrays], counts),
                snrs=np.repeat([snr for _, snr in arrays], counts),
            )
        else:
            pickle.dump(arrays, file, protocol=2)


def _check_pairs(path, key, frames, frame_len) -> None:
    if frames.ndim != 3 or frames.shape[1] != 2 or frames.shape[2] < frame_len:
        raise ValueError(f"{path}: {key} has shape {frames.shape}, expected (n, 2, {frame_len} or more)")
    if frames.dtype.kind != "f":
        raise ValueError(f"{path}: {key} has dtype {frames.dtype}, expected float32")
