# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of a band at a lower rate, by fast convolution."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft, signal

from .block_spectra import SHORTEST

ROOM = 2.75  # rate over the bandwidth that is asked for, at least
PASSED = 0.36  # of the rate, on each side of the center, comes through as it is
ATTENUATION = 70.0  # dB, of what the lower rate would fold


@dataclass
class Extracted:
    """Attributes:
    samples: complex64 (n,), the part of the band around ``center``, brought to 0, as strong as it was
    first: index in the stream of the first of them
    down: samples of the stream for one of them
    center: cycles a sample of the stream
    """

    samples: np.ndarray
    first: int
    down: int
    center: float

    def index(self, at):
        """Of the first sample at index ``at`` of the stream, or behind it; the nearest where there is none."""
        return min(max(0, -(-(at - self.first) // self.down)), len(self.samples))

    def within(self, start, stop):
        """The samples from one index of the stream up to another one."""
        return self.samples[self.index(start) : self.index(stop)]


def extract(spectra, start, stop, center, bandwidth):
    """What a stream holds in a band, and as much again around that, at a lower rate.

    Of each block's spectrum the bins around the center are taken, and transformed back with as many points.

    Args:
        spectra: `BlockSpectra` of the stream
        start, stop: indices in the stream
        center, bandwidth: cycles a sample

    Returns:
        ``Extracted``; it begins at a multiple of its decimation and ends where the stream does
    """
    down = decimation(bandwidth)
    block = _block(down)
    hop, bins = block // 2, block // down
    start = max(0, start) // down * down
    stop = min(stop, spectra.end(stop))
    middle = round(center * block)
    first = start // hop
    rows = spectra.rows(block, first, -(-stop // hop)) if stop > start else []
    chosen = (middle + np.r_[: bins // 2, -(bins - bins // 2) : 0]) % block
    taken = np.empty((len(rows), bins), np.complex64)
    for row, spectrum in zip(taken, rows):
        np.take(spectrum, chosen, out=row)
    # Each block is turned as if one oscillator ran through the stream.
    turns = middle * (((first + np.arange(len(rows))) * hop - block // 4) % block) / block
    taken *= np.exp(-2j * np.pi * turns).astype(np.complex64)[:, None]
    taken *= _response(down)
    pieces = fft.ifft(taken, axis=1)[:, bins // 4 : bins // 4 + bins // 2]
    samples = pieces.reshape(-1)[(start - first * hop) // down :][: -(-(stop - start) // down)]
    return Extracted(samples.copy(), start, down, middle / block)


def decimation(bandwidth):
    """Samples of the stream for one of the lower rate: 1, 2, 3, 4, 6, 8, 12, 16, …"""
    most = 1 / (ROOM * bandwidth)
    if most < 2:
        return 1
    power = 1 << int(np.log2(most))
    return power * 3 // 2 if 1.5 * power <= most else power


def _block(down):
    """Samples of the blocks for a decimation: a quarter of them is as long as its filter, half, at least."""
    block = SHORTEST
    while _half_filter(down) > block // 4:
        block *= 2
    return block


def _half_filter(down):
    """Samples on each side of the filter's middle."""
    n_taps, _ = signal.kaiserord(ATTENUATION, 2 * (0.5 - PASSED) / down)
    return -(-n_taps // 2)


@lru_cache(maxsize=32)
def _response(down):
    """Of the filter, for the bins that are transformed back, in FFT order: float32.

    Its length is that of a filter in time, so that nothing wraps around within a block.
    """
    block = _block(down)
    bins = block // down
    if down == 1:
        return np.ones(bins, np.float32)
    _, beta = signal.kaiserord(ATTENUATION, 2 * (0.5 - PASSED) / down)
    half = _half_filter(down)
    taps = signal.firwin(2 * half + 1, (0.5 + PASSED) / down, window=("kaiser", beta))
    centered = np.zeros(block)
    centered[: half + 1], centered[-half:] = taps[half:], taps[:half]
    response = fft.fft(centered).real / down
    return np.r_[response[: bins // 2], response[-(bins - bins // 2) :]].astype(np.float32)
