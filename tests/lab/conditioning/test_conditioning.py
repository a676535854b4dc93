# SPDX-License-Identifier: GPL-3.0-or-later
"""Noise floor, band, tuner and the bursts that come of them, on signals made here."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal
from signals import fsk, noise, qpsk, shifted
from sr2cnn_learn.conditioning import Conditioner, Tuner, find_band, ratio_near
from sr2cnn_learn.conditioning.conditioner import BINS, HOP, WINDOW
from sr2cnn_learn.conditioning.noise_floor import NoiseFloor


def powers(x):
    frames = np.lib.stride_tricks.sliding_window_view(x, BINS)[::HOP]
    return np.abs(np.fft.fft(frames * WINDOW, axis=1)) ** 2 / np.sum(WINDOW**2)


def run(x, cut=None):
    """(bursts, samples of each) of a stream that is pushed in pieces of ``cut``."""
    conditioner, pieces = Conditioner(), []
    for k in range(0, len(x), cut or len(x)):
        pieces += conditioner.push(x[k : k + (cut or len(x))])
    pieces += conditioner.finish()
    bursts, samples = {}, {}
    for piece in pieces:
        number = piece.burst.number
        assert piece.first == (number not in bursts)
        bursts[number] = piece.burst
        samples.setdefault(number, []).append(piece.samples)
    return list(bursts.values()), [np.concatenate(parts) for parts in samples.values()]


# ---------------------------------------------------------------------------- noise floor


def test_floor_is_the_mean_power_of_noise():
    floor = NoiseFloor(BINS, 1000)
    floor.add(powers(noise(200_000, 0.25)))
    assert np.median(floor.level) == pytest.approx(0.25, rel=0.1)
    assert floor.live.all()


def test_floor_does_not_follow_a_signal_that_pauses():
    x = noise(300_000)
    x[20_000:280_000] += 10 * qpsk(260_000, 8)  # there for 87 % of the time
    floor = NoiseFloor(BINS, 100_000)
    floor.add(powers(x))
    assert floor.level.max() < 4


def test_floor_under_a_signal_that_never_pauses_is_that_beside_it():
    floor = NoiseFloor(BINS, 1000)
    floor.add(powers(noise(100_000) + 10 * shifted(qpsk(100_000, 8), 0.2)))
    assert floor.level.max() < 4


def test_floor_sees_what_a_receivers_filter_lets_through():
    low_pass = signal.firwin(301, 0.5)
    floor = NoiseFloor(BINS, 1000)
    floor.add(powers(signal.oaconvolve(noise(100_000), low_pass, "same")))
    assert 0.45 < floor.live.mean() < 0.6
    assert floor.live[:50].all() and not floor.live[BINS // 2]


def test_floor_forgets_after_its_span():
    floor = NoiseFloor(BINS, 2000)
    floor.add(powers(noise(2500 * HOP)))
    floor.add(powers(noise(2500 * HOP, 100.0)))
    assert np.median(floor.level) == pytest.approx(100, rel=0.15)


# ---------------------------------------------------------------------------- band


@pytest.mark.parametrize("sps, center", [(8, 0.0), (4.7, -0.31), (33, 0.11), (3.1, 0.49)])
def test_band_of_qpsk(sps, center):
    x = shifted(qpsk(16384, sps), center) + noise(16384, 0.01)
    band = find_band(x, np.full(BINS, 0.01 / BINS))
    off = (band.center - center + 0.5) % 1 - 0.5
    assert abs(off) < 0.05 * band.bandwidth
    assert band.bandwidth == pytest.approx(1.17 / sps, rel=0.15)  # 99 % of the power at roll-off 0.35
    assert band.symbol_rate == pytest.approx(1 / sps, rel=0.01)
    in_band = 0.01 * band.bandwidth
    assert band.snr == pytest.approx(10 * np.log10(1 / in_band), abs=1.5)


@pytest.mark.parametrize("index", [0.5, 1.0, 1.4])
def test_band_of_fsk(index):
    x = shifted(fsk(16384, 20, index), 0.05) + noise(16384, 0.003)
    band = find_band(x, np.full(BINS, 0.003 / BINS))
    truth = shifted(fsk(16384, 20, index), 0.05)
    spectrum = np.abs(np.fft.fft(truth)) ** 2
    share = np.cumsum(np.fft.fftshift(spectrum)) / spectrum.sum()
    low, high = np.interp([0.005, 0.995], share, np.arange(16384) / 16384 - 0.5)
    assert band.bandwidth == pytest.approx(high - low, rel=0.25)
    assert band.center == pytest.approx(0.05, abs=0.1 * band.bandwidth)
    assert band.symbol_rate == pytest.approx(1 / 20, rel=0.01)


def test_the_strongest_of_several_is_taken():
    x = shifted(qpsk(16384, 8), 0.2) + 0.3 * shifted(qpsk(16384, 8, seed=5), -0.2) + noise(16384, 0.01)
    assert find_band(x, np.full(BINS, 0.01 / BINS)).center == pytest.approx(0.2, abs=0.01)


def test_no_band_without_power():
    assert find_band(np.zeros(1000, complex), np.ones(BINS)) is None


# ---------------------------------------------------------------------------- tuner


@given(st.floats(1 / 200, 16))
def test_ratio_is_near(value):
    up, down = ratio_near(value)
    assert up / down == pytest.approx(value, rel=0.07)


@pytest.mark.parametrize("up, down", [(1, 1), (1, 5), (8, 5), (13, 5), (3, 40), (16, 3)])
def test_tuner_moves_and_resamples(up, down):
    ratio = up / down
    bandwidth = min(0.3, 0.3 * ratio)
    inside = 0.1 * bandwidth
    n = np.arange(20_000)
    x = np.exp(2j * np.pi * (0.21 + inside) * n) + np.exp(2j * np.pi * (0.21 - 1.3 * bandwidth) * n)
    tuner = Tuner(0.21, bandwidth, up, down)
    y = np.concatenate([tuner.push(x), tuner.finish()])
    assert len(y) == -(-len(x) * up // down)
    middle = slice(len(y) // 4, 3 * len(y) // 4)
    # Sample k of the output is at sample k·down/up of the input: also the phase is that of the input.
    expected = np.exp(2j * np.pi * inside * np.arange(len(y)) / ratio)
    assert np.abs(y - expected)[middle].max() < 0.01


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 700), min_size=1, max_size=12), st.sampled_from([(1, 3), (7, 4), (16, 5)]))
def test_tuner_does_not_care_how_the_stream_is_cut(cuts, ratio):
    x = noise(sum(cuts) + 100)
    whole, pieces = (Tuner(0.1, 0.2, *ratio) for _ in range(2))
    expected = np.concatenate([whole.push(x), whole.finish()])
    parts = [pieces.push(part) for part in np.split(x, np.cumsum(cuts))]
    got = np.concatenate([*parts, pieces.finish()])
    np.testing.assert_allclose(got, expected, atol=1e-4)


# ---------------------------------------------------------------------------- bursts


@pytest.fixture(scope="module")
def two_bursts():
    """(stream, [(start, length, center)]): QPSK of 8, FSK of 20 samples a symbol, 15 dB over white noise."""
    truth = [(60_000, 30_011, 0.13), (130_500, 50_000, -0.22)]
    x = noise(220_000)
    level = np.sqrt(10**1.5)
    for (start, n, center), burst in zip(truth, (qpsk(30_011, 8), fsk(50_000, 20, 1.0))):
        x[start : start + n] += level * shifted(burst, center)
    return x, truth


def test_bursts_are_found_where_they_are(two_bursts):
    x, truth = two_bursts
    bursts, samples = run(x)
    assert len(bursts) == len(truth)
    for burst, out, (start, n, center), sps in zip(bursts, samples, truth, (8, 20)):
        assert abs(burst.start - start) <= HOP // 2
        assert abs(burst.start + burst.n_samples - start - n) <= HOP // 2
        assert burst.center == pytest.approx(center, abs=0.05 * burst.bandwidth)
        assert burst.symbol_rate == pytest.approx(1 / sps, rel=0.01)
        assert burst.up / burst.down == pytest.approx(8 / sps, rel=0.03)
        assert len(out) == pytest.approx(burst.n_samples * burst.up / burst.down, abs=2)
        assert np.mean(np.abs(out) ** 2) == pytest.approx(1, rel=0.1)
    assert bursts[1].out_start == len(samples[0])


@pytest.mark.parametrize("cut", [997, 8192])
def test_nothing_depends_on_how_the_stream_is_cut(two_bursts, cut):
    x, _ = two_bursts
    (bursts, samples), (same, same_samples) = run(x), run(x, cut)
    assert bursts == same
    for a, b in zip(samples, same_samples):
        np.testing.assert_allclose(a, b, atol=1e-3)


def test_what_shows_no_symbol_rate_fills_the_band():
    x = noise(100_000)
    low_pass = signal.firwin(401, 0.2)  # noise of a tenth of the band on either side
    x[30_000:80_000] += 60 * shifted(signal.oaconvolve(noise(50_000, seed=9), low_pass, "same"), 0.15)
    (burst,), (out,) = run(x)
    assert burst.symbol_rate is None
    spectrum = np.fft.fftshift(signal.welch(out, nperseg=256, return_onesided=False)[1])
    share = np.cumsum(spectrum) / spectrum.sum()
    low, high = np.interp([0.005, 0.995], share, np.arange(256) / 256 - 0.5)
    assert high - low == pytest.approx(0.45, abs=0.06)


def test_noise_is_no_burst():
    bursts, _ = run(noise(2_000_000, seed=3), 65536)
    assert not bursts


def test_clicks_are_no_bursts():
    x = noise(500_000)
    x[::20_011] += 300
    assert not run(x, 65536)[0]


def test_a_signal_from_end_to_end_is_one_burst():
    x = shifted(qpsk(200_000, 5), 0.1) + noise(200_000, 0.003)
    bursts, _ = run(x, 65536)
    assert [(b.start, b.n_samples) for b in bursts] == [(0, 200_000)]


def test_a_long_signal_is_looked_at_anew_without_a_gap():
    n = 600_000
    x = shifted(qpsk(n, 5), 0.1) + noise(n, 0.003)
    bursts, _ = run(x, 65536)
    assert len(bursts) > 1 and [b.continues for b in bursts] == [False] + [True] * (len(bursts) - 1)
    assert sum(b.n_samples for b in bursts) == n
    assert [b.start for b in bursts[1:]] == [b.start + b.n_samples for b in bursts[:-1]]


@pytest.mark.parametrize("n", [0, 1, 127, 255, 256, 300, 5000])
def test_short_streams_end_quietly(n):
    conditioner = Conditioner()
    pieces = conditioner.push(noise(n)) + conditioner.finish()
    assert all(piece.burst.start + piece.burst.n_samples <= n for piece in pieces)


def test_silence_and_nan_are_no_bursts():
    x = noise(100_000)
    x[30_000:30_100] = np.nan
    assert not run(x)[0]
    assert not run(np.zeros(100_000, complex))[0]
    assert not run(np.full(100_000, np.inf + 0j))[0]


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_any_bytes_as_samples_do_no_harm(seed):
    """As of a file read as a wrong datatype: NaN, infinity and numbers whose squares overflow."""
    raw = np.random.default_rng(seed).bytes(8 * 40_000)
    with np.errstate(invalid="ignore", over="ignore"):
        bursts, samples = run(np.frombuffer(raw, np.complex64), 7000)
    assert all(np.isfinite(out).all() for out in samples)


def test_a_burst_is_found_after_a_retune():
    conditioner = Conditioner()
    assert not conditioner.push(noise(100_000)) + conditioner.retune()
    x = noise(200_000, 400.0)  # another gain
    x[100_000:150_000] += 100 * qpsk(50_000, 8)
    pieces = conditioner.push(x) + conditioner.finish()
    (start,) = {piece.burst.start for piece in pieces}
    assert abs(start - 200_000) <= HOP // 2


def test_memory_stays_bounded():
    conditioner = Conditioner()
    x = shifted(qpsk(1 << 20, 5), 0.1) + noise(1 << 20, 0.003)
    for k in range(0, len(x), 4096):
        conditioner.push(x[k : k + 4096])
        assert len(conditioner._samples) < 1 << 17


def test_memory_stays_bounded_where_nothing_is_made_out():
    conditioner = Conditioner()
    conditioner.push(noise(1 << 17))
    loud = noise(1 << 20, 1.9, seed=5)  # a step of the noise: loud, but below its own noise in any band
    for k in range(0, len(loud), 4096):
        conditioner.push(loud[k : k + 4096])
        assert len(conditioner._samples) < 1 << 17


@pytest.mark.parametrize("sps", [0, 1.9, np.nan, np.inf])
def test_constructor_refuses(sps):
    with pytest.raises(ValueError, match="samples_per_symbol is .*, expected at least 2"):
        Conditioner(sps)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(-3, 6), st.floats(0.3, 60), st.integers(1, 4))
def test_any_stream_is_cut_into_bursts_that_fit(seed, log_level, sps, bursts):
    rng = np.random.default_rng(seed)
    x = noise(60_000, seed=seed) * 10 ** rng.uniform(-6, 3)
    for _ in range(bursts):
        start, n = rng.integers(0, 50_000), rng.integers(10, 30_000)
        burst = shifted(qpsk(n, max(1.1, sps)), rng.uniform(-0.5, 0.5))
        x[start : start + n] += 10**log_level * burst[: len(x) - start]
    found, samples = run(x, int(rng.integers(500, 20_000)))
    end = 0
    for burst, out in zip(found, samples):
        assert burst.start >= end and burst.n_samples > 0
        end = burst.start + burst.n_samples
        assert np.isfinite(out).all() and 0 < burst.bandwidth <= 1
    assert end <= len(x)
