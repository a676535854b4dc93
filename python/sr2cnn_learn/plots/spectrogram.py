# SPDX-License-Identifier: GPL-3.0-or-later
"""The spectrogram of a recording of any length, of the size of a picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..recordings import Recording

COLUMNS, ROWS = 1600, 1024  # of a picture
SHORTEST, LONGEST = 16, 1 << 16  # FFT
UNDER_FLOOR = 4  # dB that the darkest level lies below the noise
SPAN = 18, 42  # dB from the noise to the brightest level, at least and at most
BRIGHTEST = 0.999  # quantile of the levels
FREE = 0.3  # quantile over time that counts as noise, as long as no emission pauses for less


@dataclass(frozen=True)
class Spectrogram:
    """Power over time and frequency.

    Attributes:
        level: dB, float32 (rows, columns), the lowest frequency first; finite
        floor: dB, of the noise
        span: darkest and brightest level that a picture shows
        start, stop: samples that it covers
        low, high: frequencies that it covers, cycles a sample from the middle of the band
    """

    level: np.ndarray
    floor: float
    start: int
    stop: int
    low: float
    high: float

    @property
    def span(self) -> tuple[float, float]:
        return span_of(self.level, self.floor)

    def shares(self) -> np.ndarray:
        """The levels as a picture shows them, float32 (rows, columns): 0 the darkest, 1 the brightest."""
        darkest, brightest = self.span
        return np.clip((self.level - darkest) / (brightest - darkest), 0, 1)


def span_of(level: np.ndarray, floor: float) -> tuple[float, float]:
    """Darkest and brightest level, dB, of a picture of such levels over such a noise."""
    above = np.clip(np.quantile(level, BRIGHTEST) - floor, *SPAN)
    return floor - UNDER_FLOOR, floor + float(above)


def mean_or_peak(total: np.ndarray, peak: np.ndarray, counts) -> np.ndarray:
    """Of powers by their sum and peak: the mean, or the peak over what that is in noise alone, if that is more."""
    # The highest of n powers of noise is this many times their mean.
    highest = np.cumsum(1 / np.arange(1, np.max(counts) + 1))[np.asarray(counts) - 1]
    return np.maximum(total / counts, peak / highest)


def spectrogram(
    recording: Recording,
    start: int = 0,
    stop: int | None = None,
    low: float = -0.5,
    high: float = 0.5,
    size: tuple[int, int] = (COLUMNS, ROWS),
    progress: Callable[[int], None] = lambda samples: None,
) -> Spectrogram:
    """Read a recording, or a part of it, piece by piece; memory does not grow with its length.

    A column is the mean of the power in its time, or the peak over what that is in noise alone, whichever is
    more: what is weak and long is seen, and what is short in the hours. Samples that are no numbers count as 0.

    Args:
        recording: as from `open_recording`
        start, stop: samples, None: to its end
        low, high: cycles a sample from the middle of the band
        size: most columns and rows
        progress: called now and then with the samples read so far

    Raises:
        ValueError: There are no samples between `start` and `stop`, or the file became shorter.
    """
    stop = recording.n_samples if stop is None else min(stop, recording.n_samples)
    n = stop - start
    if n < 1 or start < 0:
        raise ValueError(f"samples {start} to {stop} of {recording.n_samples}: there are none")
    n_fft = _fft_length(n, high - low, size[1])
    columns = min(size[0], n)
    hop = max(1, min(n_fft // 2, n // columns))
    first, last = _rows(low, high, n_fft)
    total, peak = np.zeros((2, columns, last - first), np.float32)
    counts = np.zeros(columns, int)
    column = np.arange(n // hop) * columns // (n // hop)
    for k, power in _spectra(recording.read_between(start, stop), n_fft, hop, n // hop, progress):
        power = power[:, first:last]
        within = column[k : k + len(power)]
        at = np.flatnonzero(np.diff(within, prepend=-1))
        total[within[at]] += np.add.reduceat(power, at)
        peak[within[at]] = np.maximum(peak[within[at]], np.maximum.reduceat(power, at))
        counts[within[at]] += np.diff(at, append=len(within))
    level, floor = _decibels(mean_or_peak(total, peak, counts[:, None]).T)
    return Spectrogram(level, floor, start, stop, first / n_fft - 0.5, last / n_fft - 0.5)


def _fft_length(n, width, rows):
    """As many bins in the width as spectra in the time, about, but no more than rows."""
    wanted = min(np.sqrt(n / width), rows / width)
    return int(np.clip(2 ** round(np.log2(wanted)), SHORTEST, LONGEST))


def _rows(low, high, n_fft):
    first = int(np.clip(np.floor((low + 0.5) * n_fft), 0, n_fft - 1))
    return first, int(np.clip(np.ceil((high + 0.5) * n_fft), first + 1, n_fft))


def _spectra(pieces, n_fft, hop, n_spectra, progress):
    """Pairs of the number of the first of some spectra, and their power, float32 (some, n_fft).

    Spectrum k has its middle at sample k · hop; beyond the ends there are zeros.
    """
    from scipy.fft import fft
    from scipy.signal.windows import blackmanharris

    window = blackmanharris(n_fft, sym=False).astype(np.float32)
    window /= np.linalg.norm(window)
    window *= np.where(np.arange(n_fft) % 2, -1, 1).astype(np.float32)  # frequency 0 in the middle
    held, read, k = np.zeros(n_fft // 2, np.complex64), 0, 0

    def transformed():
        nonlocal held, k
        n = min(max(0, (len(held) - n_fft) // hop + 1), n_spectra - k)
        if n:
            frames = np.lib.stride_tricks.sliding_window_view(held, n_fft)[: n * hop : hop]
            spectra = fft(frames * window, axis=1, overwrite_x=True)
            yield k, spectra.real**2 + spectra.imag**2
            held, k = held[n * hop :], k + n

    for piece in pieces:
        read += len(piece)
        held = np.concatenate([held, np.nan_to_num(piece, nan=0, posinf=0, neginf=0)])
        yield from transformed()
        progress(read)
    held = np.concatenate([held, np.zeros(n_fft, np.complex64)])
    yield from transformed()


def _decibels(power):
    """Power in dB, that of nothing at all as the noise, and the noise."""
    heard = power[:, power.any(axis=0)]
    if not heard.size:
        return np.zeros_like(power), 0.0
    quiet = np.quantile(heard, FREE, axis=1)
    quiet = quiet[quiet > 0] if quiet.any() else heard[heard > 0]
    floor = np.median(quiet)
    return 10 * np.log10(np.maximum(power, floor / 10)), 10 * float(np.log10(floor))
