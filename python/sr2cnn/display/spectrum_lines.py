# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of a waterfall from a stream of any rate, at a bounded cost."""

import time

import numpy as np
from sr2cnn_learn.plots.spectrogram import mean_or_peak

BINS = 512  # of a line
PER_SECOND = 20  # lines, at most, in the stream's time and by the clock
MOST_SPECTRA = 128  # that a line is made of, whatever the rate
UNKNOWN_PERIOD = 1 << 15  # samples a line without a sample rate
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
        self._frames = np.empty((MOST_SPECTRA, BINS), np.complex64)
        self._part = self._next = 0  # samples of the last frame that are there; where the next begins
        self._n = self._start = 0
        self.set_sample_rate(sample_rate)

    def set_sample_rate(self, sample_rate):
        """Of the samples from now on, Hz, None where it is unknown."""
        self._period = max(BINS, int(sample_rate / PER_SECOND) if sample_rate else UNKNOWN_PERIOD)
        self._apart = max(BINS, self._period // MOST_SPECTRA)  # from frame to frame that is looked at

    def _begin(self):
        self._start = self._end
        if self._part:
            self._frames[0] = self._frames[self._n]
        self._n = 0

    def push(self, samples):
        """Take samples, complex64; give the lines that are full.

        Yields:
            index of the first sample, number of samples, dB (BINS,) float32 from the lowest frequency up
        """
        while len(samples):
            room = self._start + self._period - self._end
            piece = samples if room <= 0 else samples[:room]
            samples = samples[len(piece) :]
            self._look(piece)
            self._end += len(piece)
            if self._end - self._start >= self._period and self._n and self._clock() >= self._due:
                self._due = self._clock() + 1 / PER_SECOND
                yield self._start, self._end - self._start, self._level()
                self._begin()

    def _look(self, samples):
        """Keep the frames that begin within these samples, as far as there is room."""
        if self._part:  # of a frame, from before
            more = samples[: BINS - self._part]
            self._frames[self._n, self._part : self._part + len(more)] = more
            self._advance(len(more))
        while self._n < MOST_SPECTRA and self._next < self._end + len(samples):
            frame = samples[max(0, self._next - self._end) :][:BINS]
            self._frames[self._n, : len(frame)] = frame
            self._next = max(self._next, self._end) + self._apart
            self._advance(len(frame))

    def _advance(self, n):
        self._part += n
        if self._part == BINS:
            self._part, self._n = 0, self._n + 1

    def _level(self):
        from scipy.fft import fft

        with np.errstate(invalid="ignore", over="ignore"):  # of samples that are no numbers, or huge
            spectra = fft(self._frames[: self._n] * self._window, axis=1)
            power = spectra.real**2 + spectra.imag**2
        power = np.where(np.isfinite(power), power, 0)
        power = mean_or_peak(power.sum(axis=0), power.max(axis=0), self._n)
        return (10 * np.log10(np.maximum(power, QUIETEST))).astype(np.float32)
