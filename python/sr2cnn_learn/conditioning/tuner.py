# SPDX-License-Identifier: GPL-3.0-or-later
"""One signal out of a stream: to the middle of the band, through its filter, at another sample rate."""

import numpy as np
from scipy import signal

MOST_UP = 16  # largest interpolation: a ratio is met to a few percent or better
MOST_RATIO = 16  # output samples for an input sample
FILLED = 0.45  # of the band that comes out, by a signal that shows no symbol rate
ATTENUATION = 60.0  # dB


def ratio_near(value, most_up=MOST_UP):
    """(up, down), small whole numbers with up/down near a value; ``up`` is at most ``most_up``."""
    ups = np.arange(1, most_up + 1)
    downs = np.maximum(1, np.round(ups / value)).astype(int)
    best = int(np.argmin(np.abs(np.log(ups / downs / value))))
    return int(ups[best]), int(downs[best])


class Tuner:
    """Shifts, filters and resamples a stream piece by piece; sample 0 of the output is at that of the input.

    Args:
        center: cycles a sample, comes to 0
        bandwidth: cycles a sample, of what passes
        up, down: output samples for input samples
    """

    def __init__(self, center, bandwidth, up, down):
        self.up, self.down = up, down
        edge = min(0.6 * bandwidth, 0.45, 0.45 * up / down)
        width = min(0.5 * bandwidth, 0.2, 0.2 * up / down)
        taps, beta = signal.kaiserord(ATTENUATION, 2 * width / up)
        delay = -(-taps // (2 * down)) * down  # a multiple, so that outputs fall on the grid
        cutoff = min(edge + width / 2, 0.5, 0.5 * up / down)
        self._taps = signal.firwin(2 * delay + 1, 2 * cutoff / up * (1 - 1e-9), window=("kaiser", beta))
        self._taps = (self._taps * up).astype(np.float32)
        self._first = delay // down
        self._margin = -(-(delay // up + 1) // down) * down
        self._center = center
        self._mixed = np.zeros(self._margin, np.complex64)
        self._taken = 0

    def push(self, samples):
        """The output, complex64, that the next samples complete."""
        n = self._taken + np.arange(len(samples))
        self._taken += len(samples)
        turned = samples * np.exp(-2j * np.pi * (self._center * n % 1))
        self._mixed = np.concatenate([self._mixed, turned.astype(np.complex64)])
        return self._resample(len(self._mixed) - 2 * self._margin)

    def finish(self):
        """The output of the samples that are left."""
        left = len(self._mixed) - self._margin
        wanted = max(0, -(-left * self.up // self.down))
        self._mixed = np.concatenate([self._mixed, np.zeros(2 * self._margin + self.down, np.complex64)])
        return self._resample(left + self.down)[:wanted]

    def _resample(self, n):
        n = n // self.down * self.down
        if n <= 0:
            return np.empty(0, np.complex64)
        segment = self._mixed[: n + 2 * self._margin]
        out = signal.upfirdn(self._taps, segment, self.up, self.down)
        first = self._margin * self.up // self.down + self._first
        self._mixed = self._mixed[n:]
        return out[first : first + n * self.up // self.down].astype(np.complex64)
