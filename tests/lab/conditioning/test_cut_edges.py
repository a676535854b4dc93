# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an emission that is cut out begins and ends, and how wide it is."""

from types import SimpleNamespace

import numpy as np
import pytest
from signals import keyed, linear, noise, shifted
from sr2cnn_learn.conditioning import cut_out, occupied

QPSK = np.exp(1j * np.pi / 4 * np.arange(1, 8, 2))
BEFORE = 60_000


def cut(emission, center, bandwidth, snr, early=0, late=0, around=BEFORE):
    """What is cut out of unit noise by a box that is ``early`` and ``late`` samples too long."""
    gain = np.sqrt(10 ** (snr / 10) * bandwidth / np.mean(np.abs(emission) ** 2))
    samples = noise(len(emission) + 2 * around)
    samples[around : around + len(emission)] += gain * shifted(emission, center)
    samples = samples.astype(np.complex64)
    box = SimpleNamespace(
        start=around - early,
        n_samples=len(emission) + early + late,
        center=center,
        bandwidth=max(bandwidth, 5 / 4096),
        snr=snr,
        noise_density=1.0,
    )
    found = cut_out(lambda start, stop: samples[start:stop], box, 8)
    return found.start - around, found.start + found.n_samples - around - len(emission), found


@pytest.mark.parametrize("early, late", [(-100, 120), (120, -100), (100, 100), (-100, -100)])
@pytest.mark.parametrize("snr", [10, 20])
def test_to_a_millisecond_of_what_is_wide(snr, early, late):
    """100 kHz in 1 MS/s: a millisecond is 1000 samples."""
    start, stop, _ = cut(linear(QPSK, 4000, 12.0), 0.2, 0.1, snr, early, late)
    assert abs(start) < 100 and abs(stop) < 100


@pytest.mark.parametrize("early, late", [(-1500, 2000), (2000, -1500), (2000, 2000), (-1500, -1500)])
def test_of_what_is_narrow_by_a_coarse_box(early, late):
    """5 kHz in 2 MS/s, 10 dB: a millisecond is 2000 samples."""
    start, stop, _ = cut(linear(QPSK, 300, 480.0), -0.31, 0.0025, 10, early, late)
    assert abs(start) < 2000 and abs(stop) < 2000


def test_a_piece_of_what_goes_on_stays_as_it_is():
    samples = (noise(200_000) + 3 * shifted(linear(QPSK, 20_000, 10.0), 0.1)).astype(np.complex64)
    box = SimpleNamespace(
        start=70_000, n_samples=60_000, center=0.1, bandwidth=0.12, snr=18.0, noise_density=1.0
    )
    found = cut_out(lambda start, stop: samples[start:stop], box, 8)
    assert abs(found.start - 70_000) <= 4 and abs(found.start + found.n_samples - 130_000) <= 8


def test_a_packet_20_ms_behind_another_one_is_not_taken_for_it():
    """48 kS/s, 3 kHz wide: 960 samples of pause."""
    packet, pause = linear(QPSK, 300, 20.0), 960
    samples = np.concatenate([packet, np.zeros(pause), packet])
    start, stop, found = cut(samples, 0.1, 0.07, 15, early=0, late=-(len(packet) + pause))
    assert abs(start) < 48
    assert abs(found.n_samples - len(packet)) < 96


def psk31(n_symbols=400, sps=1536):
    signs = np.random.default_rng(1).choice([-1, 1], n_symbols + 1)
    k, t = np.divmod(np.arange(n_symbols * sps) / sps, 1)
    fall = np.cos(np.pi / 2 * t) ** 2
    return signs[k.astype(int)] * fall + signs[k.astype(int) + 1] * (1 - fall) + 0j


@pytest.mark.parametrize(
    "make, rate, deviation",
    [
        (psk31, 31.25, None),
        (lambda: keyed(450, 1056, 170 / 45.45), 45.45, 85),  # RTTY
        (lambda: keyed(79, 7680, 1, tones=8), 6.25, 21.9),  # as FT8
    ],
    ids=["psk31", "rtty", "ft8"],
)
def test_of_some_hertz_at_48_kilohertz(make, rate, deviation):
    """Found whole, the width within a quarter of that of 99 % of the power, its symbol rate seen."""
    emission, fs = make(), 48_000
    low, high = occupied(np.abs(np.fft.fftshift(np.fft.fft(emission))) ** 2)
    width = (high - low) / len(emission)
    start, stop, found = cut(emission, 0.1, width, 20, early=1500, late=1500)
    assert abs(start) < 4096 and abs(stop) < 4096
    assert found.bandwidth == pytest.approx(width, rel=0.25)
    assert found.snr == pytest.approx(20, abs=1.5)
    assert found.symbol_rate * fs == pytest.approx(rate, rel=0.01)
    if deviation:
        assert found.frequency_deviation * fs == pytest.approx(deviation, rel=0.12)
    else:
        assert found.frequency_deviation is None
