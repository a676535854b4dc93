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


def linear(points, n_symbols, sps, roll_off=0.35, seed=3):
    """Symbols out of some points as root-raised cosines, unit power; at any samples a symbol."""
    rng = np.random.default_rng(seed)
    symbols = rng.choice(points, n_symbols + 40)
    out = np.zeros(int(n_symbols * sps), complex)
    t = np.arange(len(out)) / sps + 20
    for k in range(-10, 11):
        at = np.round(t).astype(int) + k
        out += symbols[at] * _root_raised_cosine(t - at, roll_off)
    return out / np.sqrt(np.mean(np.abs(out) ** 2))


def _root_raised_cosine(t, roll_off):
    t = t + 1e-6  # away from where it is 0 over 0
    width = 4 * roll_off * t
    upper = np.sin(np.pi * t * (1 - roll_off)) + width * np.cos(np.pi * t * (1 + roll_off))
    return upper / (np.pi * t * (1 - width**2))


def keyed(n_symbols, sps, index, tones=2, bt=None, seed=4):
    """FSK of continuous phase; behind a Gaussian filter where bt is given."""
    steps = np.random.default_rng(seed).integers(0, tones, n_symbols) * 2 - (tones - 1)
    frequency = np.repeat(steps, sps).astype(float)
    if bt:
        t = np.arange(-3 * sps, 3 * sps + 1) / sps
        pulse = np.exp(-2 * (np.pi * bt * t) ** 2 / np.log(2))
        frequency = np.convolve(frequency, pulse / pulse.sum(), "same")
    return np.exp(1j * np.pi * index / sps * np.cumsum(frequency))


def switched(n_symbols, sps, seed=5):
    """On-off keying with steep edges."""
    return np.repeat(np.random.default_rng(seed).integers(0, 2, n_symbols), sps) + 0j
