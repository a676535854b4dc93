# SPDX-License-Identifier: GPL-3.0-or-later
"""The seeded split: train, validation and test by (label, SNR), unknown classes held out whole."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .dataset import Dataset

#: In place of a class's index, of a frame whose label is not known; as in scikit-learn.
UNLABELLED = -1
#: In place of a class's index, of a frame of a class that is held out: unknown to the network.
HELD_OUT = -2


@dataclass(frozen=True)
class Split:
    """Sorted indices into a data set; no frame is in two of them.

    Frames of ``unlabelled`` are to be trained on without their labels; ``train`` has those with.
    """

    train: np.ndarray
    unlabelled: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    unknown_validation: np.ndarray
    unknown_test: np.ndarray


def split(
    dataset: Dataset,
    unknown: Iterable[str] = (),
    seed: int = 0,
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15),
    unlabelled: float = 0.0,
) -> Split:
    """Divide each (label, SNR) by the fractions; of an unknown class no frame is trained on.

    A key's division depends on the seed, the key and its number of frames, not on what else was
    read from the file. `unlabelled` is the share of the training frames of each key that lose their
    labels, but for one at least; those of a smaller share are among those of a larger one.

    Raises:
        ValueError: a class in `unknown` is not in the data set, the fractions do not sum to 1, or `unlabelled` is
            no share below 1
    """
    unknown = set(unknown)
    absent = sorted(unknown - set(dataset.modulations))
    if absent:
        raise ValueError(
            f"unknown class {absent[0]!r} is not in the data set; it has {', '.join(dataset.modulations)}"
        )
    if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-9:
        raise ValueError(f"fractions {fractions}, expected three that sum to 1")
    if not 0 <= unlabelled < 1:
        raise ValueError(f"unlabelled is {unlabelled}, expected a share, 0 or more and below 1")

    parts = {name: [] for name in Split.__annotations__}
    start = 0
    for (label, snr), count in dataset.keys.items():  # the frames lie in the order of the keys
        rng = np.random.default_rng([seed, zlib.crc32(label.encode()), snr % 2**32])
        shuffled = start + rng.permutation(count)
        start += count
        first = round(fractions[0] * count)
        second = first + round(fractions[1] * count)
        if label in unknown:
            parts["unknown_validation"].append(shuffled[first:second])
            parts["unknown_test"].append(shuffled[second:])
        else:
            dropped = min(round(unlabelled * first), max(first - 1, 0))
            parts["unlabelled"].append(shuffled[:dropped])
            parts["train"].append(shuffled[dropped:first])
            parts["validation"].append(shuffled[first:second])
            parts["test"].append(shuffled[second:])
    nothing = np.empty(0, np.int64)
    return Split(**{name: np.sort(np.concatenate([nothing, *p])) for name, p in parts.items()})
