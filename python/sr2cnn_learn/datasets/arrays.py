# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames keyed by (modulation, SNR): the pickles of RML2016 and SIGNAL-202002, and `.npz`."""

from __future__ import annotations

import hashlib
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..atomic import whole_file
from ..names import check_name
from ..npz import members, read_header, read_numbers
from .safe_pickle import read_arrays

_NPZ_MEMBERS = ("frames", "labels", "snrs")
MAX_COMPRESSION = 200  # no recording compresses so well; a bomb does


class KeyedArrays:
    """``{(modulation, snr): (n, 2, L) float}`` in memory, read as `dataset.load_dataset` asks."""

    def __init__(self, path: Path, arrays: dict, frame_len: int):
        self._path, self._arrays, self._frame_len = path, arrays, frame_len
        for key, frames in arrays.items():
            check_label(path, key[0])
            _check_frames(path, key, frames, frame_len)
        self.counts = {key: len(frames) for key, frames in arrays.items()}

    def read(self, key, rows, out) -> None:
        out[:] = self._arrays[key][rows, :, : self._frame_len]

    def sha256(self) -> str:
        return file_sha256(self._path)


def check_label(path: Path, label: str) -> None:
    """Raise ValueError, naming the file, unless its label is a class name."""
    try:
        check_name(label)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def file_sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_pickle(path: Path, frame_len: int) -> KeyedArrays:
    """The pickled dict of RML2016.10a, 10b, 04C and SIGNAL-202002."""
    arrays = {}
    for key, frames in read_arrays(path).items():
        try:
            modulation, snr = key
            modulation = modulation.decode() if isinstance(modulation, bytes) else modulation
            named = isinstance(modulation, str) and bool(modulation) and int(snr) == snr
        except (TypeError, ValueError, OverflowError):
            named = False
        if not named:
            # an integer of many digits, or a long text, is not worth printing
            raise ValueError(f"{path}: key {repr(key)[:60]}, expected (modulation, snr)")
        arrays[modulation, int(snr)] = frames
    return KeyedArrays(path, arrays, frame_len)


def read_npz(path: Path, frame_len: int) -> KeyedArrays:
    """An ``.npz`` that `save_radioml` wrote."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = members(archive)
            size = sum(member.file_size for member in found.values())
            if size > MAX_COMPRESSION * path.stat().st_size:
                raise ValueError(f"it would unpack to {size} bytes")
            frames, labels, snrs = (_array(archive, found, name) for name in _NPZ_MEMBERS)
    except Exception as error:  # zipfile, zlib and numpy each have their own for a damaged file
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path}: not a data set in .npz, or damaged: {reason}") from None
    _check_frames(path, "frames", frames, frame_len)
    if labels.shape != frames.shape[:1] or labels.dtype.kind != "U":
        raise ValueError(
            f"{path}: labels has shape {labels.shape} and dtype {labels.dtype}, "
            f"expected ({len(frames)},) str"
        )
    if snrs.shape != frames.shape[:1] or snrs.dtype.kind not in "iu":
        raise ValueError(
            f"{path}: snrs has shape {snrs.shape} and dtype {snrs.dtype}, "
            f"expected ({len(frames)},) int"
        )
    arrays = {}
    for modulation in np.unique(labels):
        of_label = labels == modulation
        for snr in np.unique(snrs[of_label]):
            arrays[str(modulation), int(snr)] = frames[of_label & (snrs == snr)]
    return KeyedArrays(path, arrays, frame_len)


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
    """Write ``{(modulation, snr): (n, 2, L)}``: plain arrays to ``.npz``, else a pickle.

    The pickle has the layout of RML2016.10a and protocol 2. The file appears whole or not at all.
    """
    path = Path(path)
    arrays = {}
    for (modulation, snr), frames in sorted(mapping.items()):
        frames = np.ascontiguousarray(frames, np.float32)
        _check_frames(path, (modulation, snr), frames, 1)
        arrays[str(modulation), int(snr)] = frames
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


def _check_frames(path, key, frames, frame_len) -> None:
    if frames.ndim != 3 or frames.shape[1] != 2 or frames.shape[2] < frame_len:
        raise ValueError(
            f"{path}: {key} has shape {frames.shape}, expected (n, 2, {frame_len} or more)"
        )
    if frames.dtype.kind != "f":
        raise ValueError(f"{path}: {key} has dtype {frames.dtype}, expected float32")
