# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the symbols of a signal come: from the lines that they leave in what is made of its samples.

Symbols at a rate R make a signal cyclic: what lies in it at a frequency goes with what lies R further. Which
trace shows it best depends on the modulation; the clearest line of all traces counts.
"""

import numpy as np
from scipy import fft, signal
from scipy.ndimage import maximum_filter1d

FALSE_ALARM = 1e-5  # of a trace of Gaussian noise
LONGEST = 1 << 13  # samples that are looked at, from the middle
FEWEST = 24  # symbols, about, that show a rate
LOWEST = 1 / 9  # of the bandwidth, in which a rate is looked for; FSK of index 1 and eight tones is at 0.13
HIGHEST = 1.1  # linear modulations of the least roll-off are at 1
WHOLE = 0.6  # of the bandwidth, on each side of the center
# Parts of it whose products are looked at. Little roll-off shows at its very edges, more of it, OOK and FSK further in.
EDGES = (0.33, WHOLE), (0.2, WHOLE), (0.05, WHOLE)
LAGS = 0.25, 1.0  # over the bandwidth; the symbols of four tones and more are longer
SQUARE = 0.3, 0.8  # of the signal's square, where binary CPFSK of index 0.5, and GMSK, have lines
SURE = 1.25  # height of a line at a part of the rate
SHARE = 0.1  # of the height of the highest line, too
AROUND = 64  # bins, at least, that the noise at a line is taken from
TAPER = 0.2  # share of the samples
BESIDE = 4, 16  # bins from a line, and their number
CONTRAST = 3.0  # of a line to what is there
SAME = 0.01  # two lines are at one rate, or at a multiple of it


def symbol_rate(samples, band):
    """Symbols a sample, where a line shows them.

    Args:
        samples: complex (n,)
        band: of the signal in them: its ``center`` and ``bandwidth``, cycles a sample

    Returns:
        the rate, or None where no line stands out
    """
    samples = samples[max(0, len(samples) - LONGEST) // 2 :][:LONGEST]
    if len(samples) * min(band.bandwidth, 1.0) < FEWEST:
        return None
    lines = [_Lines(trace, *limits) for trace, limits in _traces(samples, band.center, band.bandwidth)]
    height, rate = max((one.highest() for one in lines), key=lambda line: line[0])
    if height < 1:
        return None
    return _fundamental(height, rate, lines)


def _fundamental(height, rate, lines):
    """A harmonic may be the strongest line, of the tones of FSK above all: the lowest rate that a line shows."""
    for divisor in 2, 3:
        for one in lines:
            lower_height, lower = one.near(rate / divisor)
            if lower_height > max(SURE, SHARE * height) and abs(lower * divisor / rate - 1) < SAME:
                return _fundamental(height, lower, lines)
    return rate


def _traces(samples, center, bandwidth):
    """What may show a line: (trace, (lowest, highest frequency at which to look for it)) for each."""
    n = len(samples)
    length = fft.next_fast_len(n + 256)
    frequencies = fft.fftfreq(length) / bandwidth

    def part(spectrum, low, high):
        return fft.ifft(np.where((frequencies > low) & (frequencies < high), spectrum, 0))[:n]

    tapered = samples * signal.windows.tukey(n, TAPER)  # a carrier that breaks off would be everywhere
    spectrum = fft.fft(tapered * np.exp(-2j * np.pi * center * np.arange(n)), length)
    whole = part(spectrum, -WHOLE, WHOLE)
    limits = LOWEST * bandwidth, HIGHEST * bandwidth
    yield np.abs(whole) ** 2, limits
    for share in LAGS:
        yield _changes_of_frequency(whole, max(1, round(share / bandwidth))), limits
    for low, high in EDGES:
        lowest = max(LOWEST, 2.1 * low) * bandwidth  # nothing lies closer together
        yield part(spectrum, low, high) * part(spectrum, -high, -low).conj(), (lowest, limits[1])
    square = fft.fft(whole**2, length)
    low, high = SQUARE
    lines = part(square, low, high) * part(square, -high, -low).conj()
    yield lines, (2.1 * low * bandwidth, 1.5 * bandwidth)


def _changes_of_frequency(samples, lag):
    """Squared, from one stretch of samples to the next."""
    turns = np.cumsum(np.r_[0, samples[1:] * samples[:-1].conj()])
    frequency = np.angle(turns[lag:] - turns[:-lag])
    return (frequency[lag:] - frequency[:-lag]) ** 2


class _Lines:
    """The spectrum of a trace over what is around; heights are over what noise reaches with ``FALSE_ALARM``."""

    def __init__(self, trace, lowest, highest):
        trace = trace - trace.mean()
        self._length = fft.next_fast_len(2 * len(trace))
        highest = min(highest, 0.49 if np.isrealobj(trace) else 0.98)
        self._first, last = int(lowest * self._length) + 1, int(highest * self._length)
        power = np.abs(fft.fft(trace * np.hanning(len(trace)), self._length)[self._first : last]) ** 2
        around = max(AROUND, len(power) // 16)
        n = len(power) // around
        self._power = np.empty(0)
        if n:
            medians = np.median(power[: n * around].reshape(n, around), axis=1)
            places = around * (np.arange(n) + 0.5)
            noise = np.interp(np.arange(len(power)), places, medians) / np.log(2)  # exponentially distributed
            self._power = np.where(
                _stands_out(power), power / np.maximum(noise, np.finfo(np.float32).tiny), 0
            )

    def highest(self):
        """(height of the highest line, its frequency)."""
        return self._highest(0, len(self._power))

    def near(self, frequency):
        """(height of what is at a frequency, or beside it, that frequency)."""
        k = round(frequency * self._length) - self._first
        return self._highest(max(0, k - 2), max(0, k + 3))

    def _highest(self, first, last):
        power = self._power[first:last]
        if not len(power):
            return 0.0, None
        k = int(np.argmax(power))
        return power[k] / np.log(len(power) / FALSE_ALARM), (self._first + first + k) / self._length


def _stands_out(power):
    """Where a line is, and no slope: a few times what is on either side of it."""
    gap, reach = BESIDE
    shift = gap + reach // 2
    highest = np.pad(maximum_filter1d(power, reach + 1, mode="constant"), shift)
    return power > CONTRAST * np.maximum(highest[: len(power)], highest[2 * shift :])
