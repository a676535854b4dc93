# SPDX-License-Identifier: GPL-3.0-or-later
"""Emissions cut out of a stream, on signals made here."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import fsk, keyed, noise, qpsk, shifted, switched
from sr2cnn_learn.conditioning import SampleRing, cut_out


def box(start, n_samples, center, bandwidth, snr=20.0, noise_density=1.0):
    return SimpleNamespace(
        number=1,
        start=start,
        n_samples=n_samples,
        center=center,
        bandwidth=bandwidth,
        snr=snr,
        noise_density=noise_density,
        cut_off=False,
        continues=False,
    )


def stream(n, *emissions, noise_power=1.0):
    """Noise, and (start, samples, dB over the noise in 1 cycle a sample)."""
    x = noise(n, noise_power)
    for start, samples, power in emissions:
        x[start : start + len(samples)] += 10 ** (power / 20) * samples
    return x.astype(np.complex64)


def cut(x, one, **kwargs):
    return cut_out(lambda start, stop: x[start:stop], one, 8.0, **kwargs)


@pytest.mark.parametrize("sps, center", [(5.3, 0.0), (20, -0.31), (133, 0.11), (400, 0.49)])
def test_qpsk_comes_whole_centered_and_at_its_samples_a_symbol(sps, center):
    n = int(1000 * sps)
    x = stream(n + 20_000, (10_000, shifted(qpsk(n, sps), center), 20 - 10 * np.log10(sps)))
    found = cut(x, box(10_000 + 60, n - 200, center + 0.1 / sps, 1.6 / sps))
    assert found.reason is None
    assert abs(found.start - 10_000) < 3 * sps and abs(found.start + found.n_samples - 10_000 - n) < 3 * sps
    assert found.center == pytest.approx(center, abs=0.05 / sps)
    assert found.bandwidth == pytest.approx(1.2 / sps, rel=0.15)
    assert found.snr == pytest.approx(20, abs=1.5)
    assert found.symbol_rate == pytest.approx(1 / sps, rel=1e-3)
    assert found.ratio == pytest.approx(8 / sps, rel=0.03)
    assert found.frames.dtype == np.complex64 and found.frames.shape == (len(found.frames), 128)
    assert np.mean(np.abs(found.frames) ** 2) == pytest.approx(1, rel=1e-3)
    assert len(found.frames) == int(found.n_samples * found.ratio) // 128
    assert np.allclose(
        found.positions, found.start + np.arange(len(found.frames)) * 128 / found.ratio, atol=1
    )


def test_frames_are_the_signal():
    sps, start = 16, 10_000
    clean = qpsk(16_000, sps)
    x = stream(40_000, (start, shifted(clean, 0.2), 20))
    found = cut(x, box(start, 16_000, 0.2, 1.3 / sps))
    for frame, position in list(zip(found.frames, found.positions))[1:-1]:
        places = position - start + np.arange(128) / found.ratio
        turned = np.exp(2j * np.pi * (0.2 - found.center) * places)
        expected = np.interp(places, np.arange(16_000), clean) * turned
        likeness = abs(np.vdot(expected, frame)) / np.linalg.norm(expected) / np.linalg.norm(frame)
        assert likeness > 0.99


def test_a_neighbour_is_not_taken_for_it():
    strong, faint = qpsk(40_000, 30, seed=3), qpsk(40_000, 30, seed=4)
    x = stream(60_000, (10_000, shifted(strong, 0.26), 20), (10_000, shifted(faint, 0.2), 0))
    found = cut(x, box(10_000, 40_000, 0.2, 0.045))
    assert found.center == pytest.approx(0.2, abs=0.005)
    assert found.bandwidth == pytest.approx(0.04, rel=0.25)


def test_no_frame_of_silence():
    """Morse's kind: on and off, each longer than a frame."""
    keyed = np.repeat(np.tile([1, 0, 1, 0, 0, 1], 8), 3000)
    x = stream(len(keyed) + 20_000, (10_000, shifted(keyed * qpsk(len(keyed), 20), 0.1), 10))
    found = cut(x, box(10_000, len(keyed), 0.1, 0.065))
    assert len(found.frames) > 20
    for position in found.positions:
        there = keyed[max(0, position - 10_000) :][: int(128 / found.ratio)]
        assert there.mean() > 0.08
    assert len(found.frames) < 0.75 * len(keyed) * found.ratio / 128


def test_most_frames_bounds_them():
    x = stream(60_000, (10_000, shifted(qpsk(40_000, 10), 0.1), 10))
    found = cut(x, box(10_000, 40_000, 0.1, 0.13), most_frames=16)
    assert len(found.frames) == len(found.positions) == 16
    assert np.all(np.diff(found.positions) > 0)


def test_too_short_says_so():
    x = stream(20_000, (10_000, shifted(fsk(1000, 100, 1), 0.1), 20))
    found = cut(x, box(10_000, 1000, 0.1, 0.025))
    assert len(found.frames) == len(found.positions) == 0
    assert found.reason.startswith("shorter than a frame of 128 samples")


def test_overwritten_says_so():
    ring = SampleRing(20_000)
    ring.push(stream(60_000, (10_000, shifted(qpsk(10_000, 10), 0.1), 20)))
    found = cut_out(ring.read, box(10_000, 10_000, 0.1, 0.13), 8)
    assert found.frames.shape == (0, 128) and found.reason == "its samples are no longer held"


def test_of_a_long_one_beginning_middle_and_end_are_read():
    n, asked = 3_000_000, []
    x = stream(n + 40_000, (20_000, shifted(qpsk(n, 12), 0.1), 10))

    def read(start, stop):
        asked.append((start, stop))
        return x[start:stop]

    found = cut_out(read, box(20_000, n, 0.1, 0.11), 8, most_frames=24)
    assert len(found.frames) == 24
    assert abs(found.start - 20_000) < 100 and abs(found.start + found.n_samples - 20_000 - n) < 100
    assert found.symbol_rate == pytest.approx(1 / 12, rel=1e-3)
    assert sum(stop - start for start, stop in asked) < 0.2 * n
    thirds = np.histogram(found.positions, [20_000 + k * n // 3 for k in range(4)])[0]
    assert np.array_equal(thirds, [6, 12, 6])


def test_steep_pulses_come_as_models_know_pulses():
    """On-off keying whose spectrum goes far beyond the symbol rate."""
    sps = 20
    x = stream(60_000, (10_000, shifted(switched(1800, sps), 0.1), 20))
    found = cut(x, box(10_000, 36_000, 0.1, 5 / sps))
    assert found.symbol_rate == pytest.approx(1 / sps, rel=1e-3)
    assert found.bandwidth > 2 / sps
    spectrum = np.mean(
        np.abs(np.fft.fftshift(np.fft.fft(found.frames * np.hanning(128)), axes=1)) ** 2, axis=0
    )
    beyond = np.abs(np.arange(128) / 128 - 0.5) > 1.1 / 8  # in symbol rates
    assert spectrum[beyond].sum() < 1e-3 * spectrum.sum()


def test_what_is_wider_than_the_frames_band_fills_part_of_it():
    """8FSK of index 1 is as wide as eight symbol rates."""
    sps = 60
    x = stream(120_000, (10_000, shifted(keyed(1500, sps, 1, tones=8), 0.1), 20))
    found = cut(x, box(10_000, 90_000, 0.1, 8.5 / sps))
    assert found.symbol_rate == pytest.approx(1 / sps, rel=5e-3)
    assert found.frequency_deviation == pytest.approx(3.5 / sps, rel=0.12)
    assert found.bandwidth / found.ratio == pytest.approx(0.45, rel=0.1)


KINDS = {
    "noise": lambda n: noise(n),
    "zeros": lambda n: np.zeros(n),
    "tone": lambda n: shifted(np.ones(n), 0.1),
    "impulse": lambda n: np.where(np.arange(n) == n // 2, 1e9, 0),
    "denormal": lambda n: np.full(n, 1e-44),
    "huge": lambda n: 1e11 * noise(n),
    "nan": lambda n: np.full(n, np.nan),
    "real": lambda n: (-1.0) ** np.arange(n),
}
SAMPLES = {name: make(30_000).astype(np.complex64) for name, make in KINDS.items()}


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(sorted(SAMPLES)),
    start=st.sampled_from([0, 1, 29_999, 30_000, 30_100]) | st.integers(0, 30_000),
    n_samples=st.sampled_from([0, 1, 15, 16, 64, 300_000]) | st.integers(0, 40_000),
    center=st.sampled_from([-0.5, 0.0, 0.4999, 0.5]) | st.floats(-1, 1),
    bandwidth=st.sampled_from([0.0, 1e-9, 1e-4, 1.0, 2.0, -0.1]) | st.floats(0, 1),
    snr=st.sampled_from([-100.0, 0.0, 300.0]),
    noise_density=st.sampled_from([0.0, 1e-30, 1.0, 1e30]),
    most_frames=st.sampled_from([0, 1, 3, 32]),
)
def test_any_box_of_any_samples_gives_a_cut(kind, most_frames, **described):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = cut(SAMPLES[kind], box(**described), most_frames=most_frames)
    assert np.isfinite(found.frames).all() and found.frames.shape[1:] == (128,)
    assert len(found.frames) == len(found.positions)
    assert (found.reason is None) == (len(found.frames) > 0)
    assert not most_frames or len(found.frames) <= most_frames
    assert found.start >= 0 and found.n_samples >= 0
    assert np.isfinite([found.center, found.bandwidth, found.snr, found.ratio]).all()
    assert (np.diff(found.positions) > 0).all()


def test_a_box_of_the_main_lobe_alone_leaves_steep_pulses_as_they_are_known():
    """As the detector has it where the sidelobes are faint: the filter is that of the symbol rate, not of the box."""
    sps = 20
    x = stream(60_000, (10_000, shifted(switched(1800, sps), 0.1), 5))
    found = cut(x, box(10_000, 36_000, 0.1, 1.2 / sps))
    assert found.symbol_rate == pytest.approx(1 / sps, rel=1e-3)
    spectrum = np.mean(
        np.abs(np.fft.fftshift(np.fft.fft(found.frames * np.hanning(128)), axes=1)) ** 2, axis=0
    )
    beyond = np.abs(np.arange(128) / 128 - 0.5) > 1.1 / 8  # in symbol rates
    assert spectrum[beyond].sum() < 1e-3 * spectrum.sum()
