# SPDX-License-Identifier: GPL-3.0-or-later
"""Data sets by the recipe of RML2016.10a."""

import numpy as np
import pytest
from gnuradio.sr2cnn.synthesis.radioml import (
    FRAME_LEN,
    conditioned,
    noise_amplitude,
    radioml2016,
    spread_signal,
    streams,
    synthesize,
)
from gnuradio.sr2cnn.synthesis.speech import SpeechSource
from gnuradio.sr2cnn.synthesis.transmitters import TRANSMITTERS
from sr2cnn_learn.iq import as_complex


@pytest.mark.parametrize("spread", [False, True])
@pytest.mark.parametrize("modulation", TRANSMITTERS)
def test_frames_are_normalised_and_the_seeds(modulation, spread):
    frames = synthesize(modulation, 10, 50, seed=1, spread=spread)
    assert frames.shape == (50, 128, 2) and frames.dtype == np.float32
    assert np.allclose(np.abs(as_complex(frames)).sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(synthesize(modulation, 10, 50, seed=1, spread=spread), frames)


@pytest.mark.parametrize("spread", [False, True])
def test_a_key_does_not_depend_on_what_is_built_along_with_it(spread):
    alone = synthesize("QPSK", -4, 60, seed=3, spread=spread)
    dataset = radioml2016(60, (-4, 18), seed=3, modulations=("BPSK", "QPSK"), spread=spread, jobs=2)
    assert list(dataset) == [("BPSK", -4), ("BPSK", 18), ("QPSK", -4), ("QPSK", 18)]
    assert np.array_equal(dataset["QPSK", -4], alone)
    assert not np.array_equal(synthesize("QPSK", -4, 60, seed=4, spread=spread), alone)
    assert not np.array_equal(synthesize("QPSK", -4, 60, seed=3, spread=not spread), alone)


def test_progress_counts_every_frame():
    counted = []
    radioml2016(10, (0, 2), modulations=("BPSK",), jobs=1, progress=counted.append)
    assert counted == [10, 10]


def complex_frames(modulation, n, seed=1):
    frames = synthesize(modulation, 18, n, seed)
    return as_complex(frames)


def instantaneous_frequency(x):
    """rad a sample."""
    return np.angle(x[:, 1:] * x[:, :-1].conj())


@pytest.mark.parametrize("modulation", ["8PSK", "BPSK", "PAM4", "QAM16", "QAM64", "QPSK"])
def test_linear_symbol_rate_is_an_eighth(modulation):
    """The phase turns most between symbols: a line of the squared frequency, at 128 / 8."""
    squared = instantaneous_frequency(complex_frames(modulation, 300)) ** 2
    squared -= squared.mean(1, keepdims=True)
    power = np.mean(np.abs(np.fft.rfft(squared * np.hanning(127), 128)) ** 2, 0)
    assert 12 + power[12:21].argmax() == 16
    assert power[16] > 1.5 * np.mean(power[[12, 13, 19, 20]])


@pytest.mark.parametrize("modulation", ["CPFSK", "GFSK"])
def test_fsk_symbol_rate_is_an_eighth(modulation):
    """The frequency changes its sign at distances of multiples of 8 samples."""
    periods = np.arange(5.5, 12, 0.25)
    coherence = []
    for frequency in instantaneous_frequency(complex_frames(modulation, 300)):
        at = np.flatnonzero(np.diff(np.sign(frequency)))
        at = at + frequency[at] / (frequency[at] - frequency[at + 1])
        if len(at) >= 5:
            coherence.append(np.abs(np.mean(np.exp(2j * np.pi * at[:, None] / periods), 0)))
    assert len(coherence) > 100
    coherence = np.mean(coherence, 0)
    assert periods[coherence.argmax()] == 8 and coherence.max() > 0.8


@pytest.mark.parametrize(
    "modulation, low, high",
    [
        *((m, 0.065, 0.09) for m in ("8PSK", "BPSK", "PAM4", "QAM16", "QAM64", "QPSK")),
        ("CPFSK", 0.06, 0.11),
        ("GFSK", 0.03, 0.065),
        ("AM-DSB", 0, 0.03),
        ("WBFM", 0.25, 0.5),
    ],
)
def test_occupied_bandwidth(modulation, low, high):
    """Half of the band that holds 99 % of the power, over the sample rate; (1 + 0.35) / 16 by the RRC."""
    power = np.mean(np.abs(np.fft.fft(complex_frames(modulation, 400) * np.hanning(128))) ** 2, 0)
    frequency = np.abs(np.fft.fftfreq(128))
    order = np.argsort(frequency)
    inside = np.cumsum(power[order]) / power.sum()
    assert low < frequency[order][np.searchsorted(inside, 0.99)] < high


def test_am_ssb_has_the_upper_sideband():
    power = np.mean(np.abs(np.fft.fft(complex_frames("AM-SSB", 400))) ** 2, 0)
    assert power[1:64].sum() > 1.5 * power[65:].sum()


def test_silence_share():
    """In pauses of speech AM-DSB and WBFM are both a bare carrier."""
    envelope = np.abs(complex_frames("AM-DSB", 1000))
    frequency = instantaneous_frequency(complex_frames("WBFM", 1000))
    assert 0.2 < np.mean(envelope.std(1) < 0.014 * envelope.mean(1)) < 0.65
    assert 0.2 < np.mean(frequency.std(1) < 0.025) < 0.65


def test_spread_of_symbol_rate_and_carrier_offset():
    """Of passes without a channel: the cyclic line of |x|², that of the fourth power's spectrum."""
    rng, speech = streams("QPSK", 18, 1)
    symbol_rates, offsets = [], []
    for _ in range(30):
        x = spread_signal("QPSK", rng, speech)
        frequency = np.fft.fftfreq(len(x))
        above = frequency > 0.09
        cyclic = np.abs(np.fft.fft(np.abs(x) ** 2))[above]
        symbol_rates.append(frequency[above][cyclic.argmax()])
        fourth = np.abs(np.fft.fft(x**4))
        near = np.abs(frequency) < 0.045
        offsets.append(frequency[near][fourth[near].argmax()] / 4)
    assert 1 / 10.001 < min(symbol_rates) < 0.11 and 0.145 < max(symbol_rates) < 1 / 6.399
    assert -0.01 <= min(offsets) < -0.006 and 0.006 < max(offsets) <= 0.01


def spectral_flatness(frames):
    power = np.mean(np.abs(np.fft.fft(as_complex(frames))) ** 2, 0)
    return np.exp(np.mean(np.log(power))) / np.mean(power)


def test_am_ssb_noise_is_white_and_signal_is_not():
    noise = synthesize("AM-SSB", 18, 300, seed=1, am_ssb="noise")
    signal = synthesize("AM-SSB", 18, 300, seed=1, am_ssb="signal")
    assert spectral_flatness(noise) > 0.97
    assert spectral_flatness(signal) < 0.9


def channel_responses(channel_seeds):
    """Spectrum of BPSK over the frames of several passes, one row a pass."""
    frames = synthesize("BPSK", 18, 400, seed=5, channel_seeds=channel_seeds)
    power = np.abs(np.fft.fft(as_complex(frames))) ** 2
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


def test_conditioned_frames_of_linear_modulations_are_at_eight_samples_a_symbol():
    """Received at any rate and frequency they come back centered, their band an eighth of the rate wide."""
    frames = synthesize("QPSK", 18, 60, 3, condition=1.0)
    assert np.allclose(np.abs(as_complex(frames)).sum(1), 1, atol=1e-5)
    spectra = np.abs(np.fft.fft(as_complex(frames), axis=1)) ** 2
    places = np.fft.fftfreq(FRAME_LEN)
    share = spectra[:, np.abs(places) < 0.13].sum(1) / spectra.sum(1)
    assert np.median(share) > 0.9 and np.mean(share > 0.8) > 0.9


def test_what_the_conditioner_leaves():
    rng = np.random.default_rng(0)
    n = 40_000
    hiss = 1e-3 * (rng.standard_normal((n, 2)) @ [1, 1j])
    taps = np.sinc(0.3 * np.arange(-32, 33)) * np.hanning(65)
    wide = np.convolve(rng.standard_normal((20_000, 2)) @ [1, 1j], taps, "same")
    samples = hiss + np.pad(wide, 10_000)  # band noise has no symbol rate
    assert len(conditioned(samples)) > 10_000 and len(conditioned(samples, at_its_rate=True)) == 0
    assert len(conditioned(hiss)) == 0
