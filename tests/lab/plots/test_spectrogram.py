# SPDX-License-Identifier: GPL-3.0-or-later
"""The spectrogram of a recording: what is where, however long, weak or short."""

import numpy as np
import pytest
from sr2cnn_learn.plots.spectrogram import spectrogram
from sr2cnn_learn.recordings import BLOCK, open_recording

RNG = np.random.default_rng(7)


def noise(n, scale=0.01):
    return scale * (RNG.standard_normal((n, 2)) @ [1, 1j])


def recorded(tmp_path, samples, **options):
    path = tmp_path / "a.cf32"
    path.write_bytes(np.asarray(samples, np.complex64).tobytes())
    return open_recording(path, **options)


def above(seen, start, stop, low, high):
    """dB over the floor, the median within a box."""
    rows, columns = seen.level.shape
    down, up = ((f - seen.low) / (seen.high - seen.low) * rows for f in (low, high))
    left, right = ((t - seen.start) / (seen.stop - seen.start) * columns for t in (start, stop))
    return np.median(seen.level[round(down) : round(up), round(left) : round(right)]) - seen.floor


@pytest.mark.parametrize("n", [3000, 200_000, 3_000_000])
def test_an_emission_is_where_it_is(tmp_path, n):
    samples = noise(n)
    start, stop = n // 3, n // 2
    band = np.fft.ifft(
        np.fft.fft(noise(stop - start, 1)) * (np.abs(np.fft.fftfreq(stop - start) - 0.2) < 0.1)
    )
    samples[start:stop] += 0.05 * band
    told = []
    seen = spectrogram(recorded(tmp_path, samples), progress=told.append)
    assert above(seen, start, stop, 0.12, 0.28) > 8
    for elsewhere in ((0, 0.9 * start), (1.1 * stop, n)):
        assert abs(above(seen, *elsewhere, 0.12, 0.28)) < 3
    assert abs(above(seen, start, stop, -0.4, 0)) < 3
    assert told[-1] == n and told == sorted(told) and max(np.diff([0, *told])) <= BLOCK
    darkest, brightest = seen.span
    assert darkest < seen.floor < brightest - 15


def test_weak_and_long_and_short_and_strong(tmp_path):
    """In two million samples a tone at -16 dB for half of the time, and a burst of 300 samples."""
    n = 2_000_000
    samples = noise(n)
    samples[: n // 2] += 0.002 * np.exp(2j * np.pi * 0.3001 * np.arange(n // 2))
    samples[1_500_000:1_500_300] += 0.05 * np.exp(-2j * np.pi * 0.25 * np.arange(300))
    seen = spectrogram(recorded(tmp_path, samples), size=(500, 1024))
    assert np.median(seen.level[round(0.8001 * 1024), :250]) - seen.floor > 6
    assert seen.level[256 - 4 : 256 + 4, 375].max() - seen.floor > 10


@pytest.mark.parametrize(
    "samples",
    [[1j], np.ones(15), np.zeros(5000), np.full(5000, np.nan), [1, np.inf] * 4000, np.full(99, 1e18)],
)
def test_odd_samples(tmp_path, samples):
    seen = spectrogram(recorded(tmp_path, samples))
    assert np.isfinite(seen.level).all() and np.isfinite(seen.span).all()
    assert seen.shares().min() >= 0 and seen.shares().max() <= 1


def test_a_part(tmp_path):
    samples = noise(400_000)
    samples[100_000:110_000] += 0.1 * np.exp(2j * np.pi * 0.1 * np.arange(10_000))
    recording = recorded(tmp_path, samples)
    seen = spectrogram(recording, 90_000, 120_000, 0.05, 0.15, size=(300, 100))
    assert (seen.start, seen.stop) == (90_000, 120_000) and seen.low <= 0.05 and seen.high >= 0.15
    assert seen.level.shape[0] <= 110 and seen.level.shape[1] <= 300
    assert (
        above(seen, 101_000, 109_000, 0.095, 0.105) > 20 and abs(above(seen, 90_000, 99_000, 0.05, 0.15)) < 3
    )
    for start, stop in ((400_000, None), (10, 10)):
        with pytest.raises(ValueError, match="there are none"):
            spectrogram(recording, start, stop)


def test_noise_is_as_bright_in_a_long_recording_as_in_a_short_one(tmp_path):
    """The peak of many spectra is no signal."""
    for n, most in ((5000, 9), (2_000_000, 6)):
        seen = spectrogram(recorded(tmp_path, noise(n)), size=(100, 1024))
        assert abs(seen.floor - 10 * np.log10(2e-4)) < 5  # of single spectra the quantile is -4.5 dB
        assert np.quantile(seen.level, 0.9) - seen.floor < most
