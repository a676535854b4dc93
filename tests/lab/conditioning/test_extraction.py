# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of a band at a lower rate, against an oscillator and a filter in the time domain."""

import numpy as np
import pytest
from scipy import signal
from signals import noise, shifted
from sr2cnn_learn.conditioning.block_spectra import BlockSpectra
from sr2cnn_learn.conditioning.extraction import PASSED, decimation, extract

N = 120_000
BANDS = [(0.2, 0.4), (-0.31, 0.12), (0.49, 0.05), (0.0, 0.011), (-0.123, 0.002)]


def taken(x, start, stop, center, bandwidth):
    return extract(BlockSpectra(lambda a, b: x[a:b]), start, stop, center, bandwidth)


@pytest.mark.parametrize("center, bandwidth", BANDS)
@pytest.mark.parametrize("start", [0, 12_345])
def test_is_what_a_mixer_and_a_filter_give(center, bandwidth, start):
    x = noise(N).astype(np.complex64)
    found = taken(x, start, N - 777, center, bandwidth)
    down = found.down
    assert down == decimation(bandwidth)
    start = found.first
    assert start == found.first // down * down
    assert len(found.samples) == -(-(N - 777 - start) // down)
    # In the passband they agree whatever the filters are: both are compared behind a third one.
    mixed = shifted(x, -found.center)
    if down > 1:
        mixed = signal.oaconvolve(
            mixed, signal.firwin(64 * down + 1, 1 / down, window=("kaiser", 8.0)), "same"
        )
    expected = mixed[start : N - 777 : down]
    narrow = signal.firwin(65, 0.5, window=("kaiser", 8.0))
    found, expected = (np.convolve(one, narrow, "valid")[40:-40] for one in (found.samples, expected))
    assert np.abs(found - expected).max() < 2e-3 * np.abs(expected).max()


@pytest.mark.parametrize("center, bandwidth", BANDS[1:])
def test_what_the_lower_rate_would_fold_is_50_db_down(center, bandwidth):
    down = decimation(bandwidth)
    for offset in 0.51, 0.7, 1.0, 1.3:
        tone = shifted(np.ones(N), center + offset / down).astype(np.complex64)
        steady = taken(tone, 0, N, center, bandwidth).samples[40:-40]
        assert np.abs(steady).max() < 10**-2.5


@pytest.mark.parametrize("center, bandwidth", BANDS)
def test_passband_is_flat_and_of_linear_phase(center, bandwidth):
    for offset in -PASSED, 0.0, 0.2, PASSED:
        found = taken(np.zeros(N, np.complex64), 5000, N, center, bandwidth)
        frequency = found.center + offset / found.down
        tone = shifted(np.ones(N), frequency).astype(np.complex64)
        found = taken(tone, 5000, N, center, bandwidth)
        places = found.first + found.down * np.arange(len(found.samples))
        expected = np.exp(2j * np.pi * ((frequency - found.center) * places % 1))
        assert np.abs(found.samples - expected)[:-40].max() < 2e-3


def test_edges_of_the_stream_and_what_is_not_finite_are_silence():
    x = np.ones(5000, np.complex64)
    x[1000:1010] = np.nan, np.inf, -np.inf, 1e30, np.nan, np.inf, 1j * np.inf, 1e20, 0, 0
    found = taken(x, -500, 9000, 0.0, 0.01)
    assert found.first == 0
    assert len(found.samples) == -(-5000 // found.down)
    assert np.isfinite(found.samples).all()
    assert np.abs(found.samples).max() < 1.2
    assert len(taken(x, 6000, 9000, 0.0, 0.01).samples) == 0
    assert len(taken(x, 320, 320, 0.0, 0.01).samples) == 0


def test_long_and_short_pieces_agree():
    x = noise(700_000).astype(np.complex64)
    down = decimation(0.01)
    whole = taken(x, 20 * down, 700_000, 0.3, 0.01).samples
    part = taken(x, 9020 * down, 9120 * down, 0.3, 0.01).samples
    assert np.allclose(whole[9000:9100], part, atol=1e-4)


def test_what_has_not_come_yet_is_read_again_and_the_last_blocks_are_kept():
    x, reads = noise(400_000).astype(np.complex64), []
    held = 100_000

    def read(start, stop):
        reads.append((start, stop))
        return x[start : min(stop, held)]

    spectra = BlockSpectra(read, kept=200_000)
    early = extract(spectra, 0, 300_000, 0.1, 0.02).samples
    held = len(x)
    late = extract(spectra, 0, 300_000, 0.1, 0.02).samples
    expected = taken(x, 0, 300_000, 0.1, 0.02).samples
    down = decimation(0.02)
    assert len(early) == -(-100_000 // down) and np.array_equal(late, expected)
    reads.clear()
    again = extract(spectra, 200_000, 300_000, -0.3, 0.02)
    assert len(reads) <= 2  # whether the stream has come so far
    assert np.array_equal(again.samples, taken(x, 200_000, 300_000, -0.3, 0.02).samples)
    assert spectra._held <= 200_000
