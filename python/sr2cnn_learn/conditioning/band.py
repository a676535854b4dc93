# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in the spectrum a signal lies, and how fast its symbols come."""

from dataclasses import dataclass

import numpy as np
from scipy import fft, signal
from scipy.ndimage import binary_closing, uniform_filter1d

OCCUPIED = 0.99  # share of the power in the occupied bandwidth, as ITU-R SM.443 has it
DEPTHS = 10**-1.7, 10**-1.0  # of the band's edges under the smoothed peak
LINE = 30.0  # power of a symbol-rate line over the median around it
WIDEST = 2.6  # the bandwidth of linear modulations and of most FSK, in symbol rates, is below
LINE_BINS = 20  # of a carrier, which is no signal of its own, in the smoothed spectrum
LONGEST = 1024  # bins of the spectrum


@dataclass
class Band:
    """Attributes:
    center, bandwidth: of 99 % of the power, cycles a sample
    snr: power of the signal over the noise in its band, dB
    symbol_rate: symbols a sample, None where no line shows it
    """

    center: float
    bandwidth: float
    snr: float
    symbol_rate: float | None = None


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
    rate = symbol_rate(samples, band)
    band.symbol_rate = rate if rate and band.bandwidth < WIDEST * rate else None
    band.center = (band.center + 0.5) % 1 - 0.5
    return band


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


def occupied(power):
    """Where 99 % of the power lies, half of the rest on each side: two edges in bins, 0 that before the first.

    Args:
        power: float (bins,), in rising order of frequency
    """
    share = np.cumsum(np.r_[0, power])
    return np.interp([(1 - OCCUPIED) / 2, (1 + OCCUPIED) / 2], share / share[-1], np.arange(len(share)))


def symbol_rate(samples, band):
    """Symbols a sample, from the line that they leave in the power or in the changes of frequency.

    Args:
        samples: complex (n,)
        band: ``Band`` of the signal

    Returns:
        the rate, or None where no line stands out
    """
    n = np.arange(len(samples))
    half = min(0.49, 0.6 * band.bandwidth)
    base = samples * np.exp(-2j * np.pi * band.center * n)
    taps = signal.firwin(2 * round(2 / half) + 1, 2 * half) if half < 0.45 else [1.0]
    base = signal.oaconvolve(base, taps, "same")
    lag = max(1, round(0.25 / band.bandwidth))
    turn = base[1:] * base[:-1].conj()
    frequency = np.angle(signal.oaconvolve(turn, np.ones(lag), "same"))
    lowest, highest = band.bandwidth / 4, min(1.2 * band.bandwidth, 0.49)
    traces = np.abs(base) ** 2, (frequency[lag:] - frequency[:-lag]) ** 2
    lines = [found for trace in traces if (found := _line(trace, lowest, highest))[0] > LINE]
    if not lines:
        return None
    _, rate = max(lines)
    halves = [low for _, low in lines if abs(2 * low / rate - 1) < 0.02]
    return halves[0] if halves else rate  # a harmonic may be the strongest


def _line(trace, lowest, highest):
    """(power of the strongest line over the median of what is around it, its frequency)."""
    trace = trace - trace.mean()
    length = fft.next_fast_len(2 * len(trace), real=True)
    power = np.abs(fft.rfft(trace * np.hanning(len(trace)), length)) ** 2
    first, last = int(lowest * length) + 1, int(highest * length)
    if last - first < 8:
        return 0.0, None
    reach = max(16, (last - first) // 8)

    def strength(k):
        around = power[max(first, k - reach) : k + reach]
        return power[k] / max(np.median(around), np.finfo(float).tiny)

    k = first + int(np.argmax(power[first:last]))
    half = k // 2 - 2 + int(np.argmax(power[k // 2 - 2 : k // 2 + 3])) if k // 2 - 2 > first else 0
    if half and strength(half) > LINE:  # the stronger one is its harmonic
        k = half
    return strength(k), k / length
