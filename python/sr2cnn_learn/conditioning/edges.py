# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an emission begins and ends."""

import numpy as np
from scipy import signal
from scipy.ndimage import uniform_filter1d

NARROWEST = 1 / 128  # of a filter, share of the rate
FEWEST = 8  # samples that show an edge
SURE = 8.0  # gain in log-likelihood of a step over none, for independent samples
CONTRAST = 1.6  # power inside over that outside, at least
QUIET = 0.2  # share of what is outside that is surely noise
TINY = np.finfo(np.float32).tiny


def edge_near(piece, band, near, limits, noise_density, falling):
    """Where the power in a band steps between two levels.

    Args:
        piece: ``Extracted``
        band: ``Band`` of the emission at its rate
        near: index in the stream that is kept where there is no step
        limits: first and last index in the stream to look at
        noise_density: noise power per cycle a sample of the stream
        falling: whether the emission ends there, or begins

    Returns:
        index in the stream of its first sample, or of the first one behind it
    """
    half = min(0.6 * max(band.bandwidth, NARROWEST), 0.45)
    taps = signal.firwin(2 * round(1 / half) + 1, 2 * half)
    low, middle, high = (piece.index(at) for at in (limits[0], near, limits[1]))
    if min(middle - low, high - middle) < FEWEST:  # the stream begins or ends there, and not the emission
        return near
    before = min(low, len(taps))
    samples = piece.samples[low - before : high + len(taps)]
    mixed = samples * np.exp(-2j * np.pi * band.center * np.arange(len(samples)))
    power = np.abs(signal.convolve(mixed, taps, "same")[before:][: high - low]) ** 2
    noise = noise_density / piece.down * np.sum(taps**2)
    step = _step(power, noise, min(1.0, 2 * half), falling)
    if step is None:
        return near
    return piece.first + piece.down * (low + _reached(power, step, noise, max(1, round(0.5 / half)), falling))


def _step(power, noise, independent, falling):
    """Index of the first sample behind the likeliest step; None where there is none.

    Args:
        power: float (n,), of a signal and what is around it
        noise: mean power of the noise: a step between two levels that are far above it is one of the signal's own
        independent: share of the samples that are independent of each other
        falling: whether it steps down
    """
    n = len(power)
    before, k = np.cumsum(power)[:-1], np.arange(1, n)
    total = power.sum()
    levels = np.maximum([before / k, (total - before) / (n - k)], TINY)
    inside, outside = levels if falling else levels[::-1]
    none = -n * np.log(max(total / n, TINY))
    gain = -k * np.log(levels[0]) - (n - k) * np.log(levels[1]) - none
    gain[(inside < CONTRAST * outside) | (outside**2 > inside * max(noise, TINY))] = -np.inf
    best = int(np.argmax(gain))
    return int(k[best]) if gain[best] * independent > SURE else None


def _reached(power, step, noise, smooth, falling):
    """Outwards from a step, as transmitters take their time: while louder than halfway, in dB, to the noise."""
    power = np.maximum(uniform_filter1d(power, smooth, mode="nearest"), 0)  # it rounds to below 0
    inside, outside = (power[:step], power[step:]) if falling else (power[step:], power[:step][::-1])
    halfway = np.sqrt(np.median(inside) * max(noise, np.quantile(outside, QUIET)))
    outwards = int(np.argmin(np.append(outside > halfway, False)))
    return step + outwards if falling else step - outwards
