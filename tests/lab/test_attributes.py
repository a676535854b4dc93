# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes of frames: measured on signals whose attributes are known, and read back from vectors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sr2cnn_learn.attributes import (
    ATTRIBUTES,
    FAMILIES,
    R2_LIMIT,
    fit_attributes,
    frame_attributes,
    in_words,
    look,
    read_attributes,
)
from sr2cnn_learn.iq import as_complex

N = np.arange(128)


def noise(n, seed=0, frame_len=128):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, frame_len, 2)) @ [1, 1j]) / np.sqrt(2)


def measured(frames):
    """Median of each attribute, by name."""
    return dict(zip(ATTRIBUTES, np.median(frame_attributes(frames), axis=0)))


def test_a_tone():
    tone = np.exp(2j * np.pi * np.linspace(-0.4, 0.4, 9)[:, None] * N)
    values = measured(tone)
    assert values["envelope_variation"] == pytest.approx(0, abs=1e-9)
    assert values["frequency_deviation"] == pytest.approx(0, abs=1e-9)
    assert values["bandwidth"] < 0.04
    assert values["square_line"] == pytest.approx(1, abs=0.01)
    assert look(values)["family"] == "carrier"


@pytest.mark.parametrize("tone, peak", [(4 / 128, 0.05), (8 / 128, 0.1)])
def test_frequency_modulation_by_a_tone(tone, peak):
    """Its instantaneous frequency is a sine of the peak deviation, to the chord of a sample."""
    phases = np.random.default_rng(0).uniform(0, 2 * np.pi, (20, 1))
    values = measured(np.exp(1j * peak / tone * np.sin(2 * np.pi * tone * N + phases)))
    assert values["envelope_variation"] == pytest.approx(0, abs=1e-9)
    assert values["frequency_deviation"] == pytest.approx(peak / np.sqrt(2), rel=0.02)
    assert values["frequency_share"] == pytest.approx(1, abs=1e-6)
    carson = 2 * (peak + tone)
    assert 0.6 * carson < values["bandwidth"] < 1.2 * carson
    assert look(values)["family"] == "FM/FSK" and look(values)["envelope"] == "constant"


def test_amplitude_modulation_by_a_tone():
    values = measured((1 + 0.5 * np.cos(2 * np.pi * 2 / 128 * N))[None] * np.exp(0.3j * N))
    assert values["envelope_variation"] == pytest.approx(0.5 / np.sqrt(2), rel=1e-3)
    assert values["frequency_deviation"] == pytest.approx(0, abs=1e-6)
    assert look(values)["family"] == "AM"


def test_gaussian_noise():
    values = measured(noise(300))
    assert values["envelope_variation"] == pytest.approx(np.sqrt(4 / np.pi - 1), rel=0.05)  # Rayleigh
    assert values["bandwidth"] > 0.9
    assert look(values)["family"] == "OFDM/noise"


@pytest.mark.parametrize("band", [0.15, 0.3, 0.6])
def test_bandwidth_of_a_band_under_a_noise_floor(band):
    spectrum = np.fft.fft(noise(100, frame_len=4096))
    spectrum[:, np.abs(np.fft.fftfreq(4096)) > band / 2] = 0
    signal = np.fft.ifft(spectrum)[:, :128]
    signal /= np.sqrt(np.mean(np.abs(signal) ** 2))
    values = measured(signal + 0.03 * noise(100, seed=1))
    assert values["bandwidth"] == pytest.approx(band, rel=0.1, abs=2 / 128)


def synthesized(modulation, n=60):
    pytest.importorskip("gnuradio")
    from gnuradio.sr2cnn.synthesis.radioml import synthesize

    frames = np.concatenate([synthesize(modulation, 18, n // 3, seed) for seed in range(3)])
    return as_complex(frames)


@pytest.mark.parametrize("modulation", ["BPSK", "8PSK", "QAM16", "QAM64"])
def test_linear_modulations_at_8_samples_a_symbol(modulation):
    values = measured(synthesized(modulation))
    assert values["symbol_rate"] == pytest.approx(1 / 8, rel=0.06)
    assert values["bandwidth"] == pytest.approx(0.155, abs=0.02)  # Rs up to Rs·(1 + roll-off) = 0.169
    if modulation == "BPSK":
        assert values["square_line"] > 0.95 > 2 * values["frequency_share"]
    else:
        assert values["square_line"] < 0.6
    seen = look(values)
    assert (seen["family"], seen["envelope"]) == ("PSK/QAM", "varying")
    assert seen["symbol_rate"] == values["symbol_rate"]


@pytest.mark.parametrize(
    "modulation, family",
    [
        ("CPFSK", "FM/FSK"),
        ("GFSK", "FM/FSK"),
        ("4FSK", "FM/FSK"),
        ("OOK", "PSK/QAM"),
        ("OQPSK", "PSK/QAM"),
        ("OFDM", "OFDM/noise"),
        ("BAND-NOISE", "OFDM/noise"),
        ("AM-DSB", "AM"),
        ("TONE", "carrier"),
    ],
)
def test_families_of_modulations(modulation, family):
    mean = frame_attributes(synthesized(modulation)).mean(axis=0)
    assert look(dict(zip(ATTRIBUTES, mean)))["family"] == family


def test_the_symbol_rate_of_wide_fsk():
    assert measured(synthesized("4FSK"))["symbol_rate"] == pytest.approx(1 / 8, abs=1 / 512)


finite = st.complex_numbers(allow_nan=False, allow_infinity=False)
shapes = st.tuples(st.integers(0, 3), st.integers(8, 140))


@given(hnp.arrays(np.complex128, shapes, elements=finite))
def test_never_nan_whatever_is_finite(frames):
    values = frame_attributes(frames)
    assert values.shape == (len(frames), len(ATTRIBUTES))
    assert np.all(np.isfinite(values)) and np.all(values >= 0)
    for row in values:
        assert look(dict(zip(ATTRIBUTES, row)))["family"] in (*FAMILIES, "unsure")


@pytest.mark.parametrize("value", [0, 1, 5e-324, 1.7e308, 1e-30j])
def test_constant_frames(value):
    values = frame_attributes(np.full((2, 128), value, dtype=complex))
    assert np.all(np.isfinite(values))
    assert np.all(values == 0) == (value == 0)


def test_scale_does_not_matter():
    frames = noise(5)
    for scale in (1e-150, 1e-3, 1e150):
        np.testing.assert_allclose(frame_attributes(scale * frames), frame_attributes(frames), rtol=1e-6)


def test_more_frames_than_one_chunk_and_none():
    frames = np.tile(noise(3), (1500, 1))
    assert np.array_equal(frame_attributes(frames), np.tile(frame_attributes(frames[:3]), (1500, 1)))
    assert frame_attributes(np.empty((0, 128), complex)).shape == (0, len(ATTRIBUTES))


@pytest.mark.parametrize("frames", [np.zeros((2, 128)), np.zeros(128, complex), np.zeros((2, 7), complex)])
def test_other_frames_are_refused(frames):
    with pytest.raises(ValueError, match=r"frames are .*expected complex \(N, frame_len\)"):
        frame_attributes(frames)


@pytest.fixture(scope="module")
def mixed():
    """Frames of many kinds: tones, FM and linear mixtures of them with noise."""
    rng = np.random.default_rng(1)
    frequency, level = rng.uniform(-0.3, 0.3, (600, 1)), rng.uniform(0, 1, (600, 1))
    turned = np.exp(2j * np.pi * frequency * N + 3j * level[::-1] * np.sin(0.2 * N))
    return (turned + level * noise(600, seed=2)).astype(np.complex64)


def test_attributes_that_vectors_hold_are_read_back(mixed):
    truth = frame_attributes(mixed)
    rng = np.random.default_rng(3)
    mixing = rng.normal(size=(len(ATTRIBUTES), 12))
    z = (truth @ mixing + 5).astype(np.float32)
    weights, card = fit_attributes(z, mixed)
    assert weights.shape == (13, len(ATTRIBUTES)) and weights.dtype == np.float32
    assert card["names"] == list(ATTRIBUTES) and min(card["r2"]) > 0.95
    read = read_attributes(z[7], weights, card["names"], card["r2"])
    for name, value in zip(ATTRIBUTES, truth[7]):
        assert read[name] == pytest.approx(value, abs=0.1)


def test_attributes_that_vectors_do_not_hold_are_left_out(mixed):
    truth = frame_attributes(mixed)
    z = np.random.default_rng(4).normal(size=(600, 12))
    z[:, 0] = truth[:, 0]
    weights, card = fit_attributes(z, mixed)
    assert card["r2"][0] > 0.95
    read = read_attributes(z[0], weights, card["names"], card["r2"])
    assert set(read) == {name for name, r2 in zip(card["names"], card["r2"]) if r2 >= R2_LIMIT}
    assert "envelope_variation" in read and "fourth_line" in set(ATTRIBUTES) - set(read)
    seen = look(read)
    assert seen["family"] == "unsure" and seen["fourth_line"] is None


def test_fit_refuses(mixed):
    with pytest.raises(ValueError, match=r"z has shape \(5, 2\)"):
        fit_attributes(np.zeros((5, 2)), mixed)
    with pytest.raises(ValueError, match="at least 50"):
        fit_attributes(np.zeros((49, 2)), mixed[:49])


def test_in_words():
    nearest = {"label": "GFSK", "distance": 1.25}
    values = dict(envelope_variation=0.05, bandwidth=0.2, frequency_deviation=0.03, frequency_share=0.95)
    seen = {**look(values), "nearest_known": nearest}
    assert in_words(seen) == "FM/FSK, constant envelope, 0.2 fs wide, near GFSK (1.2 Θ)"
    for hertz, words in ((40e3, "40 kHz"), (1.25e6, "1.25 MHz"), (12.5, "12.5 Hz")):
        assert f", {words} wide, " in in_words({**seen, "bandwidth_hz": hertz})
    assert in_words({"nearest_known": nearest}) == "near GFSK (1.2 Θ)"
    assert in_words({**look({}), "nearest_known": nearest}) == "near GFSK (1.2 Θ)"
