# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of a band at a lower rate, by fast convolution."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft, signal

ROOM = 2.75  # rate over the bandwidth that is asked for, at least
PASSED = 0.36  # of the rate, on each side of the center, comes through as it is
ATTENUATION = 70.0  # dB, of what the lower rate would fold
LEAST_BINS = 256  # of the inverse transform
LEAST_BLOCK = 8192  # samples of the forward one
AT_ONCE = 1 << 18  # samples that are looked at together
LARGEST = 1e12  # what is larger, or not finite, no receiver gives: its power would overflow


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


def extract(read, start, stop, center, bandwidth):
    """What a stream holds in a band, and as much again around that, at a lower rate.

    Of each block's spectrum the bins around the center are taken, and transformed back with as many points.

    Args:
        read: gives the samples of the stream from its first argument up to its second one, complex (n,); fewer
            where the stream has ended
        start, stop: indices in the stream
        center, bandwidth: cycles a sample

    Returns:
        ``Extracted``; it ends where the stream does
    """
    start = max(0, start)
    down = decimation(bandwidth)
    bins = max(LEAST_BINS, 1 << (LEAST_BLOCK // down - 1).bit_length())
    block = bins * down
    response, margin = _filter(down, bins)
    hop = block - 2 * margin
    middle = round(center * block)
    chosen = (middle + np.r_[: bins // 2, -bins // 2 : 0]) % block
    out = [np.empty(0, np.complex64)]
    for at in range(start, stop, max(1, AT_ONCE // hop) * hop):
        n = min(max(1, AT_ONCE // hop) * hop, stop - at)
        rows = -(-n // hop)
        samples, there = _padded(read, at - margin, (rows - 1) * hop + block)
        n = min(n, there - margin)
        if n <= 0:
            break
        spectra = fft.fft(np.lib.stride_tricks.sliding_window_view(samples, block)[::hop], axis=1)
        # Each block is turned as if one oscillator ran through the stream.
        turns = middle * ((at - margin + hop * np.arange(rows)) % block) / block
        spectra = spectra[:, chosen] * response * np.exp(-2j * np.pi * turns).astype(np.complex64)[:, None]
        pieces = fft.ifft(spectra, axis=1)[:, margin // down : (margin + hop) // down]
        out.append(pieces.reshape(-1)[: -(-n // down)])
    return Extracted(np.concatenate(out), start, down, middle / block)


def decimation(bandwidth):
    """Samples of the stream for one of the lower rate: 1, 2, 3, 4, 6, 8, 12, 16, …"""
    most = 1 / (ROOM * bandwidth)
    if most < 2:
        return 1
    power = 1 << int(np.log2(most))
    return power * 3 // 2 if 1.5 * power <= most else power


@lru_cache(maxsize=32)
def _filter(down, bins):
    """(response for the bins of the inverse transform, float32, in FFT order; half the filter's length).

    The length is that of a filter in time, so that nothing wraps around within a block.
    """
    if down == 1:
        return np.ones(bins, np.float32), 0
    n_taps, beta = signal.kaiserord(ATTENUATION, 2 * (0.5 - PASSED) / down)
    margin = -(-n_taps // (2 * down)) * down
    taps = signal.firwin(2 * margin + 1, (0.5 + PASSED) / down, window=("kaiser", beta))
    centered = np.zeros(bins * down)
    centered[: margin + 1], centered[-margin:] = taps[margin:], taps[:margin]
    response = fft.fft(centered).real / down
    return np.r_[response[: bins // 2], response[-bins // 2 :]].astype(np.float32), margin


def _padded(read, start, n):
    """(n samples from ``start`` on, with zeros before and behind the stream; how many come before its end)."""
    before = min(n, max(0, -start))
    samples = np.zeros(n, np.complex64)
    found = np.asarray(read(start + before, start + n))
    there = min(n, before + len(found))
    samples[before:there] = found[: there - before]
    usable = np.abs(samples) < LARGEST  # False for NaN, too
    if not usable.all():
        samples[~usable] = 0
    return samples, there
