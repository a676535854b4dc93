# SPDX-License-Identifier: GPL-3.0-or-later
"""Leak check: how alike are the frames that are trained on and those that are tested on?

Near-duplicates across a split (overlapping frames of one recording, a channel or a message used
twice) inflate every figure of a test.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import fft

from ..iq import as_complex
from .dataset import Dataset
from .split import split

BLOCK = 2**22  # correlation values held at a time, to bound memory


def nearest_correlation(
    train: np.ndarray,
    test: np.ndarray,
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Correlation of each test frame with the training frame most like it.

    The correlation of frames x and y is max over lags of |Σ x[n] y*[n − lag]| / (‖x‖ ‖y‖): 1 for
    copies up to scale and phase, about the share of common samples for frames that overlap.

    Args:
        train, test: float (N, L, 2)
        progress: called with the number of test frames done since the last call

    Returns:
        float64 (number of test frames,) in 0…1; a frame of zeros correlates with nothing

    Raises:
        ValueError: there are no training frames, or the frames differ in length
    """
    if not len(train) or train.shape[1:] != test.shape[1:]:
        raise ValueError(
            f"frames of shapes {train.shape} and {test.shape}, expected (N, L, 2) with one L and "
            "at least one training frame"
        )
    size = fft.next_fast_len(2 * train.shape[1] - 1)  # room for every lag

    def spectra(frames):
        x = as_complex(frames)
        norm = np.linalg.norm(x, axis=1, keepdims=True)
        return fft.fft(x / np.where(norm > 0, norm, 1), size, axis=1).astype(np.complex64)

    trained = spectra(train).conj()
    rows = max(BLOCK // size, 1)
    nearest = np.zeros(len(test))
    for i, spectrum in enumerate(spectra(test)):
        for start in range(0, len(trained), rows):
            lags = fft.ifft(spectrum * trained[start : start + rows], axis=1, workers=-1)
            nearest[i] = max(nearest[i], np.abs(lags).max())
        if progress:
            progress(1)
    return np.minimum(nearest, 1.0)


def leakage(
    dataset: Dataset,
    seed: int = 0,
    test_frames: int = 500,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, dict]:
    """How alike test frames of the seeded split are to its training frames.

    Args:
        dataset: looked into
        seed: of the split, and of the test frames that are looked at
        test_frames: at most so many, drawn at random
        progress: called with the number of test frames done since the last call, and of all

    Returns:
        dict from ``"all"`` and each modulation that has test frames to ``frames``, and of their
        `nearest_correlation` ``median``, ``p95`` and ``share_above_0.95``
    """
    parts = split(dataset, seed=seed)
    tested = np.random.default_rng(seed).permutation(parts.test)[:test_frames]
    nearest = nearest_correlation(
        dataset.frames[parts.train],
        dataset.frames[tested],
        progress=progress and (lambda n: progress(n, len(tested))),
    )
    rows = {"all": nearest}
    rows.update({m: nearest[dataset.labels[tested] == m] for m in dataset.modulations})
    return {
        name: {
            "frames": len(values),
            "median": float(np.median(values)),
            "p95": float(np.quantile(values, 0.95)),
            "share_above_0.95": float(np.mean(values > 0.95)),
        }
        for name, values in rows.items()
        if len(values)
    }
