# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the symbols of a signal come: from the lines that they leave in what is made of its samples.

Symbols at a rate R make a signal cyclic: what lies in it at a frequency goes with what lies R further. Which
trace shows it best depends on the modulation; the clearest line of all traces counts.
"""

import numpy as np
from scipy import fft, signal
from scipy.ndimage import maximum_filter1d, uniform_filter1d

FALSE_ALARM = 1e-5  # of a trace of Gaussian noise
LONGEST = 1 << 13  # samples that are looked at, from the middle
FEWEST = 24  # symbols, about, that show a rate
TAPER = 0.2  # share of the samples
# Variance of the power over its squared mean.
STEADY = 0.15  # FSK stays below, linear modulations above
KEYED = 0.35  # OOK, whose carrier is a peak, is above, AM and FM with speech below
GAUSSIAN = 0.62  # all of these stay below, but OOK; OFDM and noise are above
SOME = 16  # symbols, about
# Rates that are looked for, over the bandwidth.
LOWEST = 1 / 9  # FSK of index 1 and eight tones is at 0.13, OOK with steep edges at a third and less
LOWEST_LINEAR = 0.5  # of large roll-off
HIGHEST = 1.1  # linear modulations of little roll-off are at 1
HIGHEST_SQUARE = 1.5  # GMSK is at 1.15
# What is looked at, on each side of the center, over the bandwidth.
WHOLE = 0.6
EDGES = 0.33, 0.2, 0.05  # inner ends: little roll-off shows at the very edges, OOK and FSK further in
SQUARE = 0.3, 0.8  # of the signal's square: lines of binary CPFSK of index 0.5, and GMSK
OUTER = 0.97  # share of the time that FSK is below its highest tone, or in it
LAGS = 0.25, 1.0  # between frequencies, over the inverse bandwidth: the symbols of more tones are longer
# Lines.
AROUND = 64  # bins, at least, that the noise at a line is taken from
BESIDE = 4, 16  # bins from a line, and their number
CONTRAST = 3.0  # of a line to what is there
PARTS, MOST = 16, 0.62  # of the samples, and share of a line in a quarter of them
SURE = 1.25  # height of one at a part of the rate
SHARE = 0.1  # of the height of that at the rate, too
SAME = 0.01  # a part of the rate, and what is found there


def symbol_rate(samples, band):
    """Symbols a sample, where a line shows them.

    Args:
        samples: complex (n,)
        band: ``Band`` of the signal in them, its unevenness known

    Returns:
        the rate, or None where no line stands out
    """
    samples = _middle(samples)
    if len(samples) * min(band.bandwidth, 1.0) < FEWEST:
        return None
    if band.unevenness < KEYED if band.peaked else band.unevenness > GAUSSIAN:  # speech; OFDM
        return None
    whole = _Centered(samples, band.center, band.bandwidth)
    steady = band.unevenness < STEADY
    lowest = LOWEST if steady or band.peaked else LOWEST_LINEAR
    lines = [
        _Lines(trace, max(low, lowest) * band.bandwidth, high * band.bandwidth)
        for trace, low, high in _traces(whole, steady)
    ]
    highest = [(one, *one.highest()) for one in lines]
    rates = [rate for one, height, rate in highest if height > 1 and one.lasts(rate)]
    if not rates:
        return None
    rate = max(rates, key=lambda rate: sum(one.near(rate)[0] for one in lines))
    if steady:  # symbols that repeat, in a preamble, show in the others
        lines = lines[1 : 1 + len(LAGS)]
    return _fundamental(rate, lines)


def frequency_deviation(samples, band):
    """How far the outer tones of FSK are from the middle of all.

    Args:
        samples: complex (n,)
        band: ``Band`` of the signal in them, its symbol rate and unevenness known

    Returns:
        cycles a sample; None where no symbol rate shows, or the power is not steady, so that it is no FSK
    """
    if not band.symbol_rate or band.unevenness > STEADY:
        return None
    whole = _Centered(_middle(samples), band.center, band.bandwidth).part(-WHOLE, WHOLE)
    symbol = max(1, round(1 / band.symbol_rate))
    turns = np.cumsum(np.r_[0, whole[1:] * whole[:-1].conj()], dtype=complex)
    tones = np.quantile(np.angle(turns[symbol:] - turns[:-symbol]), [1 - OUTER, OUTER])
    return float(np.diff(tones)[0] / (4 * np.pi))


def unevenness(samples, band):
    """Variance of a signal's power within some symbols over its squared mean, without that of the noise in it.

    Args:
        samples: complex (n,)
        band: ``Band`` of the signal in them
    """
    samples = _Centered(_middle(samples), band.center, band.bandwidth).part(-WHOLE, WHOLE)
    ends = int(np.ceil(TAPER / 2 * len(samples)))
    power = np.abs(samples[ends : len(samples) - ends]) ** 2
    mean = uniform_filter1d(power, max(1, min(len(power), round(SOME / band.bandwidth))))
    noise = 2 * WHOLE * 10 ** (-band.snr / 10)
    variance = np.sum((power - mean) ** 2) / max(np.sum(mean**2), np.finfo(float).tiny)
    return float(variance * (1 + noise) ** 2 - 2 * noise - noise**2)


def _middle(samples):
    return samples[max(0, len(samples) - LONGEST) // 2 :][:LONGEST]


def _fundamental(rate, lines):
    """A harmonic may be the strongest line, of the tones of FSK above all: the lowest rate that a line shows."""
    for divisor in 2, 3, 5:
        for one in lines:
            height, lower = one.near(rate / divisor)
            if height > max(SURE, SHARE * one.near(rate)[0]) and abs(lower * divisor / rate - 1) < SAME:
                return _fundamental(lower, lines)
    return rate


def _traces(whole, steady):
    """What may show a line: (trace, lowest and highest frequency of that over the bandwidth) for each."""
    samples = whole.part(-WHOLE, WHOLE)
    yield np.abs(samples) ** 2, 0, HIGHEST
    for lag in LAGS:
        yield _changes_of_frequency(samples, max(1, round(lag / whole.bandwidth))), 0, HIGHEST
    for low in EDGES:
        yield whole.product(low, WHOLE), 2.1 * low, HIGHEST
    if steady:
        yield _Centered(samples**2, 0, whole.bandwidth).product(*SQUARE), 2.1 * SQUARE[0], HIGHEST_SQUARE


def _changes_of_frequency(samples, lag):
    """Squared, from one stretch of samples to the next."""
    turns = np.cumsum(np.r_[0, samples[1:] * samples[:-1].conj()], dtype=complex)
    frequency = np.angle(turns[lag:] - turns[:-lag]).astype(np.float32)
    return (frequency[lag:] - frequency[:-lag]) ** 2


class _Centered:
    """Samples of a signal, its center at 0, to be split at frequencies over its bandwidth."""

    def __init__(self, samples, center, bandwidth):
        self.bandwidth, self._n = bandwidth, len(samples)
        # A carrier that breaks off would be everywhere.
        tapered = samples * signal.windows.tukey(self._n, TAPER)
        turned = tapered * np.exp(-2j * np.pi * center * np.arange(self._n))
        self._spectrum = fft.fft(turned.astype(np.complex64), fft.next_fast_len(self._n + 256))
        self._frequencies = fft.fftfreq(len(self._spectrum)) / bandwidth

    def part(self, low, high):
        """What lies between two frequencies."""
        inside = (self._frequencies > low) & (self._frequencies < high)
        return fft.ifft(np.where(inside, self._spectrum, np.complex64(0)))[: self._n]

    def product(self, low, high):
        """What lies above the center times what lies below it: at the distance between them."""
        return self.part(low, high) * self.part(-high, -low).conj()


class _Lines:
    """The spectrum of a trace over what is around; heights are over what noise reaches with ``FALSE_ALARM``."""

    def __init__(self, trace, lowest, highest):
        self._trace = trace = trace - trace.mean()
        transform = fft.rfft if np.isrealobj(trace) else fft.fft
        self._length = fft.next_fast_len(2 * len(trace))
        highest = min(highest, 0.49 if np.isrealobj(trace) else 0.98)
        self._first, last = int(lowest * self._length) + 1, int(highest * self._length)
        windowed = trace * np.hanning(len(trace)).astype(np.float32)
        power = np.abs(transform(windowed, self._length)[self._first : last]) ** 2
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

    def lasts(self, frequency):
        """Whether a line is there all along, and not only in the preambles of what has no symbols else, as OFDM."""
        turned = self._trace * np.exp(-2j * np.pi * frequency * np.arange(len(self._trace)))
        strengths = np.sort([np.abs(np.sum(part)) for part in np.array_split(turned, PARTS)])
        return np.sum(strengths[-PARTS // 4 :]) < MOST * np.sum(strengths)

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
