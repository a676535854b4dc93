# Copyright 2026 the gr-sr2cnn authors.
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data sets by the recipe of RML2016.10a."""

import numpy as np
import pytest
from gnuradio.sr2cnn.speech import SpeechSource
from gnuradio.sr2cnn.synthesis import noise_amplitude, radioml2016, synthesize
from gnuradio.sr2cnn.transmitters import TRANSMITTERS


@pytest.mark.parametrize("modulation", TRANSMITTERS)
def test_frames_are_normalised(modulation):
    frames = synthesize(modulation, 10, 50, seed=1)
    assert frames.shape == (50, 2, 128) and frames.dtype == np.float32
    assert np.allclose(np.abs(frames[:, 0] + 1j * frames[:, 1]).sum(1), 1, atol=1e-5)


def test_a_key_does_not_depend_on_what_is_built_along_with_it():
    alone = synthesize("QPSK", -4, 60, seed=3)
    dataset = radioml2016(60, (-4, 18), seed=3, modulations=("BPSK", "QPSK"), jobs=2)
    assert list(dataset) == [("BPSK", -4), ("BPSK", 18), ("QPSK", -4), ("QPSK", 18)]
    assert np.array_equal(dataset["QPSK", -4], alone)
    assert not np.array_equal(synthesize("QPSK", -4, 60, seed=4), alone)


def test_progress_counts_every_frame():
    counted = []
    radioml2016(10, (0, 2), modulations=("BPSK",), jobs=1, progress=counted.append)
    assert counted == [10, 10]


def spectral_flatness(frames):
    power = np.mean(np.abs(np.fft.fft(frames[:, 0] + 1j * frames[:, 1])) ** 2, 0)
    return np.exp(np.mean(np.log(power))) / np.mean(power)


def test_am_ssb_noise_is_white_and_signal_is_not():
    noise = synthesize("AM-SSB", 18, 300, seed=1, am_ssb="noise")
    signal = synthesize("AM-SSB", 18, 300, seed=1, am_ssb="signal")
    assert spectral_flatness(noise) > 0.97
    assert spectral_flatness(signal) < 0.9


def channel_responses(channel_seeds):
    """Spectrum of BPSK over the frames of several passes, one row a pass."""
    frames = synthesize("BPSK", 18, 400, seed=5, channel_seeds=channel_seeds)
    power = np.abs(np.fft.fft(frames[:, 0] + 1j * frames[:, 1])) ** 2
    return power.reshape(10, 40, 128).mean(1)[:, :8]


def test_fixed_channel_seeds_repeat_the_channel():
    fixed, fresh = channel_responses("fixed"), channel_responses("fresh")
    spread = [np.mean(r.std(0) / r.mean(0)) for r in (fixed, fresh)]
    assert spread[0] < 0.7 * spread[1]


def test_noise_amplitude_is_the_release_s():
    assert noise_amplitude(20) == pytest.approx(0.01)
    assert noise_amplitude(-10) == pytest.approx(10)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("QPSK7", 0, 10, 0), "QPSK7"),
        (("QPSK", 0, 0, 0), "n_frames is 0"),
        (("QPSK", 0, 10, 0, "on"), "'on'"),
        (("QPSK", 0, 10, 0, "noise", "new"), "'new'"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        synthesize(*arguments)


def test_speech_has_silences_and_does_not_depend_on_the_cuts():
    rate = 44.1e3
    whole = SpeechSource(7, rate).take(int(20 * rate))
    assert whole.dtype == np.float32 and np.abs(whole).max() <= 0.5
    windows = np.abs(whole).reshape(-1, int(0.02 * rate)).max(1)
    assert 0.1 < np.mean(windows < 0.005) < 0.6
    cut = SpeechSource(7, rate)
    assert np.array_equal(np.concatenate([cut.take(1000) for _ in range(50)]), whole[:50_000])
    spectrum = np.abs(np.fft.rfft(whole)) ** 2
    frequency = np.fft.rfftfreq(len(whole), 1 / rate)
    assert spectrum[(frequency > 80) & (frequency < 4000)].sum() > 0.8 * spectrum.sum()
