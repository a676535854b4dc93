# SPDX-License-Identifier: GPL-3.0-or-later
"""Symbol rates and frequency deviations, on signals made here."""

import numpy as np
import pytest
from scipy import signal
from signals import keyed, linear, noise, switched
from sr2cnn_learn.conditioning.band import Band, band_around
from sr2cnn_learn.conditioning.symbol_rate import frequency_deviation, symbol_rate, unevenness

QPSK = np.exp(1j * np.pi / 4 * np.arange(1, 8, 2))
PSK8 = np.exp(1j * np.pi / 4 * np.arange(8))
LEVELS = np.arange(-7, 8, 2)
QAM64 = (LEVELS[:, None] + 1j * LEVELS).ravel()

# What it is, its samples a symbol, its bandwidth over the symbol rate, about
SIGNALS = {
    "BPSK": (lambda: linear([-1, 1], 600, 3.4), 3.4, 1.2),
    "QPSK": (lambda: linear(QPSK, 400, 3.4), 3.4, 1.2),
    "QPSK, little roll-off": (lambda: linear(QPSK, 1000, 3.4, 0.2), 3.4, 1.1),
    "8PSK": (lambda: linear(PSK8, 400, 3.7), 3.7, 1.2),
    "QAM64, little roll-off": (lambda: linear(QAM64, 1500, 3.1, 0.2), 3.1, 1.1),
    "OOK": (lambda: switched(500, 9), 9, 3),
    "2FSK": (lambda: keyed(500, 6, 1), 6, 2),
    "wide 2FSK": (lambda: keyed(500, 14, 3.7), 14, 5),
    "GMSK": (lambda: keyed(2000, 4, 0.5, bt=0.3), 4, 0.9),
    "GFSK": (lambda: keyed(500, 6, 1, bt=0.5), 6, 1.8),
    "4FSK": (lambda: keyed(800, 11, 1, tones=4), 11, 4),
    "8FSK": (lambda: keyed(800, 22, 1, tones=8), 22, 8),
}


def seen(samples, bandwidth, snr):
    """(rate, deviation) of samples, in noise of an SNR in a bandwidth."""
    density = np.mean(np.abs(samples) ** 2) / 10 ** (snr / 10) / bandwidth
    samples = (samples + noise(len(samples), density)).astype(np.complex64)
    band = band_around([samples], density, Band(0.0, min(0.9, bandwidth), snr))
    band.unevenness = unevenness(samples, band)
    band.symbol_rate = symbol_rate(samples, band)
    return band.symbol_rate, frequency_deviation(samples, band)


@pytest.mark.parametrize("name", SIGNALS)
def test_rate_of(name):
    make, sps, width = SIGNALS[name]
    rate, _ = seen(make(), width / sps, 20)
    assert rate == pytest.approx(1 / sps, rel=5e-3)


@pytest.mark.parametrize("name", ["QPSK", "8PSK", "2FSK", "GFSK", "4FSK"])
def test_rate_in_noise(name):
    make, sps, width = SIGNALS[name]
    rate, _ = seen(make(), width / sps, 10)
    assert rate == pytest.approx(1 / sps, rel=5e-3)


def test_a_preamble_that_repeats_does_not_hide_the_rate():
    symbols = np.r_[np.tile([1, -1, -1, 1], 150), np.random.default_rng(1).choice([-1, 1], 300)]
    samples = np.convolve(np.repeat(symbols, 6), np.hanning(12), "same") + 0j
    rate, _ = seen(samples, 1.4 / 6, 20)
    assert rate == pytest.approx(1 / 6, rel=5e-3)


def filled(n, width, seed=0):
    return signal.oaconvolve(noise(n + 200, seed=seed), signal.firwin(201, width), "valid")


@pytest.mark.parametrize("n", [100, 300, 1000, 4000, 20_000])
def test_none_of_noise(n):
    """Nor of OFDM, which is like it: of sixty tries, none."""
    assert not [seed for seed in range(12) if seen(filled(n, 0.36, seed), 0.36, 30)[0]]


@pytest.mark.parametrize("blocks", [1, 3, 6])
def test_none_of_ofdm_with_frequent_preambles(blocks):
    """Wi-Fi's kind: what repeats in each preamble shows as lines, but tells no symbols."""
    rng = np.random.default_rng(2)

    def block(carriers, n):
        spectrum = np.zeros(64, complex)
        spectrum[carriers] = rng.choice(QPSK, len(carriers))
        return np.resize(np.fft.ifft(spectrum) * 64, n)

    used = np.r_[1:27, -26:0]
    preamble = 1.5 * block(used[used % 4 == 0], 160)
    packets = [np.r_[preamble, *(block(used, 80) for _ in range(blocks))] for _ in range(100 // (blocks + 2))]
    rate, _ = seen(np.concatenate(packets), 53 / 64, 20)
    assert rate is None


@pytest.mark.parametrize("index, tones, bt", [(1, 2, None), (2, 2, 0.5), (1, 4, None), (0.5, 2, None)])
def test_deviation_of_fsk(index, tones, bt):
    sps = 20
    rate, deviation = seen(keyed(1500, sps, index, tones, bt), 2.5 * index * (tones - 1) / sps, 20)
    assert rate == pytest.approx(1 / sps, rel=5e-3)
    assert deviation == pytest.approx(index * (tones - 1) / 2 / sps, rel=0.12)


def test_no_deviation_of_what_is_no_fsk():
    assert seen(linear(QPSK, 600, 3.4), 1.2 / 3.4, 20)[1] is None
    assert seen(filled(4000, 0.3), 0.3, 20)[1] is None


@pytest.mark.parametrize("n", [0, 1, 2, 7, 30, 64])
def test_few_samples_show_none(n):
    band = Band(0.0, 0.3, 20.0)
    band.unevenness = unevenness(np.ones(n, np.complex64), band)
    assert symbol_rate(np.ones(n, np.complex64), band) is None
