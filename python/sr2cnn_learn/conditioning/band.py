# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in the spectrum a signal lies, and how fast its symbols come."""

from dataclasses import dataclass

import numpy as np
from scipy import signal
from scipy.ndimage import binary_closing, uniform_filter1d

from .symbol_rate import symbol_rate, unevenness

OCCUPIED = 0.99  # share of the power in the occupied bandwidth, as ITU-R SM.443 has it
DEPTHS = 10**-1.7, 10**-1.0  # of the band's edges under the smoothed peak
WIDEST = 2.6  # the bandwidth of linear modulations and of most FSK, in symbol rates, is below
LINE_BINS = 20  # of a carrier, which is no signal of its own, in the smoothed spectrum
LONGEST = 1024  # bins of the spectrum
FINE = 256  # bins that show the edges of a band well
SMOOTH = 5  # bins
SURE = 0.2  # of the noise, that stands out from it, of many spectra
FAINTEST = 1e-6  # of the peak: further down lies what the window leaks
CARRIER = 6  # bins, about what the window makes of one
PEAKED = (
    0.15  # of the bandwidth: half of the power of a carrier with speech on it lies in less, of data in more
)
ROOM = 0.5  # of the given bandwidth on each side, in which the edges are looked for
VALLEY = 2.0  # factor that the power rises by again where another signal begins


@dataclass
class Band:
    """Attributes:
    center, bandwidth: of 99 % of the power, cycles a sample
    snr: power of the signal over the noise in its band, dB
    symbol_rate: symbols a sample, None where no line shows it
    carrier: whether it is as narrow as a bare carrier's
    peaked: whether half of the power lies in a small part of it, as that of a carrier with speech on it does
        unevenness: variance of its power over its squared mean: 0 of FSK, 0.2 of QPSK, 0.5 of QAM, 1 of noise
    """

    center: float
    bandwidth: float
    snr: float
    symbol_rate: float | None = None
    carrier: bool = False
    peaked: bool = False
    unevenness: float = 0.0


def find_band(samples, noise):
    """The strongest signal in some samples.

    Args:
        samples: complex (n,), n at least 256
        noise: float (bins,), noise power per bin of a spectrum of any number of bins whose sum is the noise
            power; FFT order

    Returns:
        ``Band``, or None where nothing stands above the noise
    """
    n = min(LONGEST, 1 << (len(samples) // 4).bit_length() - 1)
    n = max(n, 128)
    _, psd = signal.welch(
        samples, window="blackmanharris", nperseg=n, return_onesided=False, detrend=False, scaling="density"
    )
    psd = psd / n  # power per bin
    floor = np.interp(np.arange(n) / n, np.arange(len(noise)) / len(noise), noise * len(noise) / n, period=1)
    excess = uniform_filter1d(np.maximum(psd - floor, 0), 5, mode="wrap")
    quietest = int(np.argmin(uniform_filter1d(excess, max(3, n // 16), mode="wrap")))
    excess, floor = np.roll(excess, -quietest), np.roll(floor, -quietest)
    frequencies = (quietest + np.arange(n)) / n

    region = _strongest_region(excess, floor)
    if region is None:
        return None
    band = _occupied(frequencies, excess, floor, region)
    band.unevenness = unevenness(samples, band)
    rate = symbol_rate(samples, band)
    band.symbol_rate = rate if rate and band.bandwidth < WIDEST * rate else None
    band.center = (band.center + 0.5) % 1 - 0.5
    return band


def band_around(parts, noise_density, given):
    """The band of a signal of which it is known where about it lies.

    Args:
        parts: list of complex (n,), parts of the signal; n of the longest is at least 64
        noise_density: noise power per cycle a sample
        given: ``Band``; the signal's own begins and ends within it or near it, and goes as far as power stands
            out from the noise, but not beyond a valley

    Returns:
        ``Band``; None where nothing stands out
    """
    power, spectra = _mean_spectrum(parts)
    n = len(power)
    floor = noise_density / n
    excess = power - floor
    smooth = uniform_filter1d(excess, SMOOTH)
    sure = max(SURE, 3 / np.sqrt(spectra * SMOOTH / 2.5))  # its bins are not independent
    above = smooth > max(sure * floor, FAINTEST * smooth.max())

    def bin_of(frequency):
        return int(np.clip(np.floor((frequency + 0.5) * n), 0, n - 1))

    low, high = bin_of(given.center - given.bandwidth / 2), bin_of(given.center + given.bandwidth / 2)
    if not above[low : high + 1].any():
        return None
    room = max(SMOOTH, int(ROOM * (high - low + 1)))
    first = low - _beyond(
        smooth[max(0, low - room) : low + 1][::-1], above[max(0, low - room) : low + 1][::-1]
    )
    last = high + _beyond(smooth[high : high + room + 1], above[high : high + room + 1])
    there = first + np.flatnonzero(above[first : last + 1])
    region = slice(there[0], there[-1] + 1)
    strength = np.maximum(excess[region], np.finfo(float).tiny)
    low, high = occupied(strength)
    bins = high - low
    half = np.diff(occupied(strength, 0.5))[0]
    power = max(excess[region].sum(), np.finfo(float).tiny)
    return Band(
        center=(region.start + (low + high) / 2) / n - 0.5,
        bandwidth=bins / n,
        snr=10 * np.log10(max(power / (floor * bins), 1e-10)),
        carrier=bins < CARRIER,
        peaked=half < PEAKED * bins,
    )


def _mean_spectrum(parts):
    """(power per bin in rising order of frequency, number of spectra) of some parts together."""
    longest, total = max(map(len, parts)), sum(map(len, parts))
    n = max(min(LONGEST, total // 16), min(FINE, longest // 4))
    n = 1 << n.bit_length() - 1
    parts = [part for part in parts if len(part) >= n]
    spectra = [
        signal.welch(part, window="blackmanharris", nperseg=n, return_onesided=False, detrend=False)[1]
        for part in parts
    ]
    lengths = np.array([len(part) for part in parts])
    power = np.average(spectra, axis=0, weights=lengths) / n
    return np.fft.fftshift(power), np.sum(2 * lengths / n - 1)


def _beyond(power, above):
    """How many bins further than the first one a signal goes, before it is no more or another one begins."""
    ends = np.flatnonzero(~above | (power > VALLEY * np.minimum.accumulate(power)))
    return max(0, ends[0] - 1) if len(ends) else len(power) - 1


def _strongest_region(excess, floor):
    """Slice of the bins around the signal that has the most power."""
    above = excess > np.maximum(DEPTHS[0] * excess.max(), 0.3 * floor)
    if not above.any():
        return None
    widest = int(np.diff(_runs(above)).max())
    wide = _best_run(above, excess, max(3, widest // 5, min(widest, len(excess) // 32)))
    # Harmonics and splatter lie around some signals, spread wide but weak.
    inside = np.zeros_like(above)
    inside[wide] = excess[wide] > DEPTHS[1] * excess[wide].max()
    n = wide.stop - wide.start
    narrow = _best_run(inside, excess, max(3, n // 3))
    slim = LINE_BINS < narrow.stop - narrow.start < 0.5 * n
    return narrow if slim and excess[narrow].sum() > 0.75 * excess[wide].sum() else wide


def _best_run(mask, excess, bridge):
    """Slice of the bins, gaps narrower than a bridge closed, that hold the most power."""
    closed = binary_closing(np.pad(mask, bridge), np.ones(bridge))[bridge:-bridge]
    return max((slice(*run) for run in _runs(closed)), key=lambda run: excess[run].sum())


def _runs(mask):
    """First index, and the one behind the last, of each run of True: (n, 2)."""
    return np.flatnonzero(np.diff(np.r_[0, mask.view(np.int8), 0])).reshape(-1, 2)


def _occupied(frequencies, excess, floor, region):
    step = frequencies[1] - frequencies[0]
    low, high = frequencies[region.start] + step * (occupied(excess[region]) - 0.5)
    power, noise = excess[region].sum(), max(floor[region].sum(), np.finfo(float).tiny)
    return Band((low + high) / 2, high - low, 10 * np.log10(max(power / noise, 1e-10)))


def occupied(power, share=OCCUPIED):
    """Where a share of the power lies, half of the rest on each side: two edges in bins, 0 that before the first.

    Args:
        power: float (bins,), in rising order of frequency
        share: of the power
    """
    below = np.cumsum(np.r_[0, power])
    return np.interp([(1 - share) / 2, (1 + share) / 2], below / below[-1], np.arange(len(below)))
