# SPDX-License-Identifier: GPL-3.0-or-later
"""Emissions cut out of a stream, on signals made here."""

from types import SimpleNamespace

import numpy as np
import pytest
from signals import fsk, noise, qpsk, shifted
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


@pytest.mark.parametrize(
    "start, n_samples", [(0, 5000), (15_000, 5000), (0, 20_000), (19_999, 1), (5, 0), (0, 1)]
)
@pytest.mark.parametrize("bandwidth", [0.0, 1e-4, 0.1, 1.0])
@pytest.mark.parametrize("center", [0.0, -0.5, 0.499])
def test_no_box_raises(start, n_samples, bandwidth, center):
    x = stream(20_000, (0, shifted(qpsk(20_000, 10), 0.1), 20))
    x[7000:7005] = np.nan
    for density in 0.0, 1.0, 1e9:
        found = cut(x, box(start, n_samples, center, bandwidth, noise_density=density))
        assert np.isfinite(found.frames).all()
        assert (found.reason is None) == (len(found.frames) > 0)
        assert found.start >= 0 and found.n_samples >= 0
