# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals made here, without GNU Radio."""

import numpy as np


def noise(n, power=1.0, seed=0):
    rng = np.random.default_rng(seed)
    return np.sqrt(power / 2) * (rng.standard_normal((n, 2)) @ [1, 1j])


def qpsk(n, sps, seed=1, roll_off=0.35):
    """Unit power, any samples a symbol: a raised-cosine-shaped sum of symbols."""
    rng = np.random.default_rng(seed)
    symbols = np.exp(1j * np.pi / 2 * rng.integers(0, 4, int(n / sps) + 40))
    t = np.arange(n) / sps + 20
    out = np.zeros(n, complex)
    for k in range(-8, 9):
        at = np.round(t).astype(int) + k
        d = t - at
        pulse = np.sinc(d) * np.cos(np.pi * roll_off * d) / (1 - (2 * roll_off * d) ** 2 + 1e-9)
        out += symbols[at] * pulse
    return out / np.sqrt(np.mean(np.abs(out) ** 2))


def fsk(n, sps, index, seed=2):
    rng = np.random.default_rng(seed)
    bits = np.repeat(rng.integers(0, 2, n // sps + 1) * 2 - 1, sps)[:n]
    return np.exp(1j * np.pi * index / sps * np.cumsum(bits))


def shifted(x, frequency):
    return x * np.exp(2j * np.pi * frequency * np.arange(len(x)))
