# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an emission begins and ends."""

import numpy as np
from scipy.ndimage import uniform_filter1d

SURE = 20.0  # gain in log-likelihood of a step over none, for each independent sample's worth
CONTRAST = 1.6  # power inside over that outside, at least


def step(power, independent, falling=False):
    """The index at which a power steps up, or down, between two levels.

    Args:
        power: float (n,), of a signal and what is around it
        independent: share of the samples that are independent of each other
        falling: whether it steps down

    Returns:
        index of the first sample behind the step; None where there is none
    """
    n = len(power)
    if n < 8:
        return None
    before, k = np.cumsum(power)[:-1], np.arange(1, n)
    total = power.sum()
    levels = np.maximum([before / k, (total - before) / (n - k)], np.finfo(np.float32).tiny)
    inside, outside = levels if falling else levels[::-1]
    none = -n * np.log(max(total / n, np.finfo(np.float32).tiny))
    gain = -k * np.log(levels[0]) - (n - k) * np.log(levels[1]) - none
    gain[inside < CONTRAST * outside] = -np.inf
    best = int(np.argmax(gain))
    return int(k[best]) if gain[best] * independent > SURE else None


def reached(power, step, noise, smooth, falling=False):
    """Outwards from a step, as transmitters take their time: while louder than halfway, in dB, to the noise.

    Args:
        power: float (n,)
        step: index of the first sample behind the step
        noise: mean power of the noise
        smooth: samples that are averaged
        falling: whether the signal is before the step

    Returns:
        index of the first sample of the signal, or of the first one behind it
    """
    power = np.maximum(uniform_filter1d(power, smooth, mode="nearest"), 0)  # it rounds to below 0
    inside, outside = (power[:step], power[step:]) if falling else (power[step:], power[:step][::-1])
    halfway = np.sqrt(np.median(inside) * noise)
    outwards = int(np.argmin(np.append(outside > halfway, False)))
    return step + outwards if falling else step - outwards
