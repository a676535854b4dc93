# SPDX-License-Identifier: GPL-3.0-or-later
"""One interface to every data file: `load_dataset`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .arrays import PickledArrays
from .making import read_making
from .reader import READERS, check_label
from .sigmf_folder import SigMFFolder

FRAME_LEN = 128
_HEAD = 16  # bytes of a file that tell its kind


@dataclass(frozen=True)
class Dataset:
    """Frames with their truth, grouped by (label, SNR) in sorted order.

    Attributes:
        frames: float32 (N, frame_len, 2), I and Q of each sample beside each other: the layout that networks take,
            and of which `iq.as_complex` gives complex64 (N, frame_len) without a copy. Files may have another
        labels: (N,) str
        snrs: (N,) int64, dB; `SNR_NOT_STATED` where the file states none
        sha256: of the file; of a folder, see `SigMFFolder.sha256`
        skipped: frames of the selection left out because they hold NaN or Inf
        samples_per_symbol: None where neither the file nor what lies beside it says
    """

    frames: np.ndarray
    labels: np.ndarray
    snrs: np.ndarray
    sha256: str
    skipped: int = 0
    samples_per_symbol: float | None = None

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def modulations(self) -> list[str]:
        return np.unique(self.labels).tolist()

    @property
    def keys(self) -> dict[tuple[str, int], int]:
        """(modulation, SNR) -> number of frames, in order."""
        pairs, counts = np.unique(np.rec.fromarrays([self.labels, self.snrs]), return_counts=True)
        return {(str(m), int(s)): int(n) for (m, s), n in zip(pairs, counts)}

    def summary(self) -> dict:
        """What is in it, as JSON has it: counts, and what the file says of itself."""
        return {
            "sha256": self.sha256,
            "frames": len(self),
            "skipped": self.skipped,
            "samples_per_symbol": self.samples_per_symbol,
            "modulations": self.modulations,
            "snrs": sorted(set(self.snrs.tolist())),
            "keys": [
                {"modulation": modulation, "snr": snr, "frames": n}
                for (modulation, snr), n in self.keys.items()
            ],
        }


def load_dataset(
    path: str | Path,
    modulations: Iterable[str] | None = None,
    snrs: Iterable[int] | None = None,
    frame_len: int = FRAME_LEN,
    classes: Iterable[str] | None = None,
    max_per_key: int | None = None,
) -> Dataset:
    """Read labelled frames; what a file holds is told from its content, not its name.

    Args:
        path: of a kind that one of `READERS` reads:

            - a pickle, of Python 2 or 3, of ``{(modulation, snr): (n, 2, L) float}``: RML2016.10a, 10b, 04C,
              SIGNAL-202002. Nothing that it holds is run (see `safe_pickle`);
            - an ``.npz`` with ``frames`` (N, 2, L), ``labels`` (N,) and ``snrs`` (N,);
            - RML2018.01A, HDF5 (see `RadioML2018`), of which only what is asked for is read;
            - a folder of labelled SigMF recordings, or one ``.sigmf-meta`` (see `SigMFFolder`)
        modulations, snrs: read these only; None reads all
        frame_len: samples a frame. Of a longer frame of the file its first are taken and the others left out:
            neighbours of one frame, on both sides of a split, would inflate a test's figures. Recordings are cut
            into frames back to back
        classes: of RML2018.01A, the class names in the order of its one-hot columns
        max_per_key: at most so many frames of each (modulation, SNR), evenly spread over those that the file has;
            None reads all

    Raises:
        FileNotFoundError: there is no such file
        ValueError: ``"<path>: reason"``: the file is empty, damaged, of another layout, or has none of a modulation
            or SNR asked for; an argument is out of range
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    for name, value in (("frame_len", frame_len), ("max_per_key", max_per_key)):
        if value is not None and value < 1:
            raise ValueError(f"{name} is {value}, expected at least 1")
    source = _open(path, frame_len, classes)
    for label, _ in source.counts:
        check_label(path, label)
    chosen = _select(path, set(source.counts), modulations, snrs)
    if not chosen:
        raise ValueError(f"{path}: no frames")

    rows = [_spread(source.counts[key], max_per_key) for key in chosen]
    counts = [len(of_key) for of_key in rows]
    frames = np.empty((sum(counts), frame_len, 2), np.float32)
    start = 0
    for key, of_key in zip(chosen, rows):
        source.read(key, of_key, frames[start : start + len(of_key)])
        start += len(of_key)
    labels = np.repeat([label for label, _ in chosen], counts)
    snr_of = np.repeat(np.array([snr for _, snr in chosen], np.int64), counts)
    finite = np.isfinite(frames).all(axis=(1, 2))
    skipped = int(np.count_nonzero(~finite))
    if skipped:
        frames, labels, snr_of = frames[finite], labels[finite], snr_of[finite]
    if not len(frames):
        raise ValueError(f"{path}: no frame without NaN or Inf")
    sha256 = source.sha256()
    making = read_making(path, sha256) or {}
    samples_per_symbol = making.get("samples_per_symbol", source.samples_per_symbol)
    return Dataset(frames, labels, snr_of, sha256, skipped, samples_per_symbol)


def _open(path: Path, frame_len: int, classes):
    """The `Reader` of a file or folder."""
    if path.is_file():
        with open(path, "rb") as file:
            head = file.read(_HEAD)
        unmarked = PickledArrays
    elif path.is_dir():
        head, unmarked = b"", SigMFFolder
    else:
        raise ValueError(f"{path}: neither a file nor a folder")
    kind = next((kind for kind in READERS if kind.reads(path, head)), unmarked)
    if classes is None:
        return kind(path, frame_len)
    if not kind.takes_classes:
        raise ValueError(f"{path}: classes are for RML2018.01A; this file names its own")
    return kind(path, frame_len, classes)


def _select(path, present, modulations, snrs) -> list[tuple[str, int]]:
    def wanted(asked, present, what):
        if asked is None:
            return present
        asked = set(asked)
        absent = sorted(asked - present)
        if absent:
            raise ValueError(f"{path}: no {what} {absent[0]}; it has {', '.join(map(str, sorted(present)))}")
        return asked

    names = wanted(modulations, {m for m, _ in present}, "modulation")
    levels = wanted(snrs, {s for _, s in present}, "SNR of")
    return sorted(key for key in present if key[0] in names and key[1] in levels)


def _spread(count: int, most: int | None) -> np.ndarray:
    """Indices below `count`, in order: all, or `most` of them evenly spread."""
    if most is None or most >= count:
        return np.arange(count)
    return np.arange(most) * count // most
