# SPDX-License-Identifier: GPL-3.0-or-later
"""The RadioML 2016 layout: frames of 128 complex samples, keyed by (modulation, SNR)."""

from __future__ import annotations

import hashlib
import os
import pickle
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .safe_pickle import read_arrays

FRAME_LEN = 128
_NPZ_MEMBERS = ("frames", "labels", "snrs")
_MAX_COMPRESSION = 200  # no recording compresses so well; a zip bomb does


@dataclass(frozen=True)
class RadioML:
    """Frames with their truth, grouped by (label, SNR) in sorted order.

    Attributes
    ----------
    frames : (N, 2, 128) float32; row 0 is I, row 1 is Q
    labels : (N,) str
    snrs : (N,) int64, dB
    sha256 : of the file
    skipped : frames of the selection left out because they hold NaN or Inf
    """

    frames: np.ndarray
    labels: np.ndarray
    snrs: np.ndarray
    sha256: str
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def modulations(self) -> list[str]:
        return np.unique(self.labels).tolist()

    @property
    def keys(self) -> dict[tuple[str, int], int]:
        """(modulation, SNR) -> number of frames, in order."""
        pairs, counts = np.unique(
            np.rec.fromarrays([self.labels, self.snrs]), return_counts=True
        )
        return {(str(m), int(s)): int(n) for (m, s), n in zip(pairs, counts)}


def load_radioml(
    path: str | Path,
    modulations: Iterable[str] | None = None,
    snrs: Iterable[int] | None = None,
) -> RadioML:
    """Read RML2016.10a, 10b, 04C, or a file that `save_radioml` wrote.

    Parameters
    ----------
    path : a pickle, of Python 2 or 3, of ``{(modulation, snr): (n, 2, 128) float}``, or an
        ``.npz`` with ``frames`` (N, 2, 128), ``labels`` (N,) and ``snrs`` (N,). Nothing that the
        file holds is run (see `safe_pickle`).
    modulations, snrs : read these only; None reads all.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        ``"<path>: reason"``: the file is empty, damaged, of another layout, or has none of a
        modulation or SNR asked for.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    if not path.is_file():
        raise ValueError(f"{path}: not a file")
    arrays = _read_npz(path) if path.suffix == ".npz" else _read_pickle(path)
    chosen = _select(path, arrays, modulations, snrs)
    if not chosen:
        raise ValueError(f"{path}: no frames")

    frames = np.empty((sum(len(arrays[key]) for key in chosen), 2, FRAME_LEN), np.float32)
    start = 0
    for key in chosen:
        frames[start : start + len(arrays[key])] = arrays[key]
        start += len(arrays[key])
    counts = [len(arrays[key]) for key in chosen]
    labels = np.repeat([label for label, _ in chosen], counts)
    snr_of = np.repeat(np.array([snr for _, snr in chosen], np.int64), counts)
    finite = np.isfinite(frames).all(axis=(1, 2))
    skipped = int(np.count_nonzero(~finite))
    if skipped:
        frames, labels, snr_of = frames[finite], labels[finite], snr_of[finite]
    if not len(frames):
        raise ValueError(f"{path}: no frame without NaN or Inf")
    with open(path, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return RadioML(frames, labels, snr_of, sha256, skipped)


def save_radioml(path: str | Path, mapping: Mapping[tuple[str, int], np.ndarray]) -> None:
    """Write ``{(modulation, snr): (n, 2, 128)}``: plain arrays to ``.npz``, else a pickle.

    The pickle has the layout of RML2016.10a and protocol 2. The file appears whole or not at all.
    """
    path = Path(path)
    arrays = {}
    for (modulation, snr), frames in sorted(mapping.items()):
        frames = np.ascontiguousarray(frames, np.float32)
        _check_shape(path, (modulation, snr), frames)
        arrays[str(modulation), int(snr)] = frames
    if not arrays:
        raise ValueError(f"{path}: no frames to write")
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
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
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _check_shape(path, key, frames) -> None:
    if frames.ndim != 3 or frames.shape[1:] != (2, FRAME_LEN):
        raise ValueError(f"{path}: {key} has shape {frames.shape}, expected (n, 2, {FRAME_LEN})")
    if frames.dtype.kind != "f":
        raise ValueError(f"{path}: {key} has dtype {frames.dtype}, expected float32")


def _read_pickle(path: Path) -> dict:
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
        _check_shape(path, (modulation, snr), frames)
        arrays[modulation, int(snr)] = frames
    return arrays


def _read_npz(path: Path) -> dict:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > _MAX_COMPRESSION * path.stat().st_size:
            raise ValueError(f"it would unpack to {size} bytes")
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in _NPZ_MEMBERS if name not in archive]
            if missing:
                raise ValueError(f"no array {missing[0]!r}, expected {', '.join(_NPZ_MEMBERS)}")
            frames, labels, snrs = (archive[name] for name in _NPZ_MEMBERS)
    except Exception as error:  # zipfile, zlib and numpy each have their own for a damaged file
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path}: not a data set in .npz, or damaged: {reason}") from None
    _check_shape(path, "frames", frames)
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
    return arrays


def _select(path, arrays, modulations, snrs) -> list[tuple[str, int]]:
    def wanted(asked, present, what):
        if asked is None:
            return present
        absent = sorted(set(asked) - present)
        if absent:
            raise ValueError(
                f"{path}: no {what} {absent[0]}; it has {', '.join(map(str, sorted(present)))}"
            )
        return set(asked)

    names = wanted(modulations, {m for m, _ in arrays}, "modulation")
    levels = wanted(snrs, {s for _, s in arrays}, "SNR of")
    return sorted(key for key in arrays if key[0] in names and key[1] in levels)
