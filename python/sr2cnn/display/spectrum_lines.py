# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of a waterfall from a stream of any rate, at a bounded cost."""

import time

import numpy as np
from sr2cnn_learn.plots.spectrogram import mean_or_peak

BINS = 512  # of a line
PER_SECOND = 20  # lines, at most, in the stream's time and by the clock
MOST_SPECTRA = 128  # that a line is made of: 3 % of a core, whatever the rate
UNKNOWN_PERIOD = 1 << 15  # samples a line without a sample rate
OVERDUE = 4  # periods after which a line that waits for the clock is not looked at further
QUIETEST = 1e-30  # power


class SpectrumLines:
    """Takes samples, gives lines: the power over frequency of a stretch of the stream.

    Args:
        sample_rate: Hz, None where it is unknown
        clock: gives seconds
    """

    def __init__(self, sample_rate=None, clock=time.monotonic):
        self._clock = clock
        self._due = -np.inf
        self._end = 0
        self._window = np.blackman(BINS).astype(np.float32)
        self._window /= np.linalg.norm(self._window)
        self._window *= np.where(np.arange(BINS) % 2, -1, 1).astype(np.float32)  # frequency 0 in the middle
        self.set_sample_rate(sample_rate)
        self._begin()

    def set_sample_rate(self, sample_rate):
        """Of the samples from now on, Hz, None where it is unknown."""
        self._period = max(BINS, int(sample_rate / PER_SECOND) if sample_rate else UNKNOWN_PERIOD)

    def _begin(self):
        self._start = self._end
        self._held = np.empty(0, np.complex64)
        self._total, self._peak, self._n = np.zeros(BINS), np.zeros(BINS), 0

    def push(self, samples):
        """Take samples, complex64; give the lines that are full.

        Yields:
            index of the first sample, number of samples, dB (BINS,) float32 from the lowest frequency up
        """
        while len(samples):
            room = self._start + self._period - self._end
            piece = samples if room <= 0 else samples[:room]
            samples = samples[len(piece) :]
            self._end += len(piece)
            self._look(piece)
            if self._end - self._start >= self._period and self._n and self._clock() >= self._due:
                self._due = self._clock() + 1 / PER_SECOND
                power = mean_or_peak(self._total, self._peak, self._n)
                level = 10 * np.log10(np.maximum(power, QUIETEST))
                yield self._start, self._end - self._start, level.astype(np.float32)
                self._begin()

    def _look(self, samples):
        if self._n >= OVERDUE * MOST_SPECTRA:
            return
        held = np.concatenate([self._held, samples])
        n = len(held) // BINS
        self._held = held[n * BINS :]
        step = max(1, self._period // (BINS * MOST_SPECTRA))
        frames = held[: n * BINS].reshape(n, BINS)[::step]
        if not len(frames):
            return
        from scipy.fft import fft

        frames = np.nan_to_num(frames, nan=0, posinf=0, neginf=0)
        spectra = fft(frames * self._window, axis=1)
        power = spectra.real**2 + spectra.imag**2
        self._total += power.sum(axis=0)
        self._peak = np.maximum(self._peak, power.max(axis=0))
        self._n += len(frames)
