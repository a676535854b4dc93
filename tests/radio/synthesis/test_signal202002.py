# SPDX-License-Identifier: GPL-3.0-or-later
"""Data sets after SIGNAL-202002."""

import numpy as np
import pytest

pytest.importorskip("gnuradio")

from gnuradio.sr2cnn.synthesis.signal202002 import SNRS, add_noise, signal202002, synthesize
from sr2cnn_learn.iq import as_complex
from sr2cnn_learn.modulations import RADIOML2016


def spectrum(modulation, snr, n_frames, seed=1):
    """Frequency, mean power density of many frames."""
    frames = synthesize(modulation, snr, n_frames, seed)
    samples = as_complex(frames) * np.hanning(128)
    return np.fft.fftfreq(128), np.mean(np.abs(np.fft.fft(samples)) ** 2, 0)


@pytest.mark.parametrize("modulation", RADIOML2016)
def test_frames_have_unit_power(modulation):
    frames = synthesize(modulation, 10, 20, seed=1)
    assert frames.shape == (20, 128, 2) and frames.dtype == np.float32
    np.testing.assert_allclose(np.mean(frames**2, (1, 2)), 0.5, rtol=1e-5)


def test_snrs_are_the_papers():
    assert SNRS == (2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40)


@pytest.mark.parametrize("snr", [2, 10, 40])
def test_noise_lies_below_each_frames_own_power(snr):
    rng = np.random.default_rng(1)
    frames = np.exp(1j * np.arange(20_000)) * np.array([[0.1], [7]])
    noise = add_noise(frames, snr, rng) - frames
    measured = 10 * np.log10(np.mean(np.abs(frames) ** 2, 1) / np.mean(np.abs(noise) ** 2, 1))
    np.testing.assert_allclose(measured, snr, atol=0.1)
    # as much of it in I as in Q
    np.testing.assert_allclose(np.var(noise.real, 1), np.var(noise.imag, 1), rtol=0.05)


@pytest.mark.parametrize("snr", [2, 10, 20])
def test_snr_measured_from_the_frames_alone(snr):
    """QPSK leaves most of the band to the noise: its floor gives the noise, the rest the signal."""
    frequency, power = spectrum("QPSK", snr, 500)
    noise = np.mean(power[np.abs(frequency) > 0.2]) * 128
    assert 10 * np.log10((np.sum(power) - noise) / noise) == pytest.approx(snr, abs=0.5)


def test_eight_samples_a_symbol():
    """The squared envelope of a linear modulation has a line at its symbol rate."""
    frames = synthesize("QPSK", 30, 500, seed=2)
    envelope = np.sum(frames.astype(float) ** 2, 2)
    envelope -= envelope.mean(1, keepdims=True)
    power = np.mean(np.abs(np.fft.rfft(envelope)) ** 2, 0)
    high = power[10:]  # above the envelope's own band
    assert 10 + np.argmax(high) == 128 // 8
    assert high.max() > 5 * np.median(high)


def test_each_frame_has_a_channel_of_its_own():
    """Clock offset: bare carriers lie anywhere within 5e-6 × 902 MHz of the center."""
    frames = synthesize("AM-DSB", 40, 200, seed=3)
    samples = as_complex(frames)
    turn = np.angle(np.sum(samples[:, 1:] * samples[:, :-1].conj(), 1)) / (2 * np.pi) * 200e3
    assert np.abs(turn).max() < 5e-6 * 902e6 + 100
    counts, _ = np.histogram(turn, 4, (-4510, 4510))
    assert counts.min() > 25


def test_multipath_fades():
    """Rayleigh: from frame to frame the paths cancel, or add, some part of a wide band."""
    frames = synthesize("WBFM", 40, 200, seed=3)
    power = np.abs(np.fft.fft(as_complex(frames))) ** 2
    halves = power[:, 5:45].sum(1) / power[:, -45:-5].sum(1)
    assert np.std(10 * np.log10(halves)) > 3


def test_no_frame_of_silence():
    """Speech pauses leave AM-SSB without a signal; no frame is noise alone."""
    frequency, power = spectrum("AM-SSB", 20, 300)
    floor = np.mean(power[np.abs(frequency) > 0.2]) * 128
    assert 10 * np.log10((np.sum(power) - floor) / floor) == pytest.approx(20, abs=0.5)


def test_a_key_does_not_depend_on_processes_or_on_other_keys():
    alone = synthesize("QPSK", 4, 20, seed=3)
    dataset = signal202002(20, (4, 40), seed=3, modulations=("BPSK", "QPSK"), jobs=2)
    assert list(dataset) == [("BPSK", 4), ("BPSK", 40), ("QPSK", 4), ("QPSK", 40)]
    assert np.array_equal(dataset["QPSK", 4], alone)
    assert not np.array_equal(synthesize("QPSK", 4, 20, seed=4), alone)


@pytest.mark.parametrize(
    "arguments, message", [(("QPSK7", 2, 10, 0), "QPSK7"), (("QPSK", 2, 0, 0), "n_frames is 0")]
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        synthesize(*arguments)
