# SPDX-License-Identifier: GPL-3.0-or-later
"""The leak check against what it must and must not find."""

import numpy as np
import pytest
from sr2cnn_learn.datasets import nearest_correlation
from sr2cnn_learn.iq import interleaved


@pytest.fixture
def noise():
    rng = np.random.default_rng(0)
    return rng.standard_normal((40, 256)) + 1j * rng.standard_normal((40, 256))


def test_a_copy_is_found_whatever_its_scale_and_phase(noise):
    train, test = noise[:30, :128], 7 * np.exp(0.3j) * noise[20:22, :128]
    np.testing.assert_allclose(nearest_correlation(interleaved(train), interleaved(test)), 1, atol=1e-5)


@pytest.mark.parametrize("shift", [-96, -32, 32, 64])
def test_an_overlap_correlates_by_its_share(noise, shift):
    begin = 128 if shift < 0 else 0
    train = noise[:1, begin : begin + 128]
    test = noise[:1, begin + shift : begin + shift + 128]
    common = train[:, max(shift, 0) : 128 + min(shift, 0)]
    expected = np.sum(np.abs(common) ** 2) / (np.linalg.norm(train) * np.linalg.norm(test))
    found = nearest_correlation(interleaved(train), interleaved(test))
    assert found[0] == pytest.approx(expected, abs=1e-4)


def test_independent_noise_stays_low(noise):
    found = nearest_correlation(interleaved(noise[:20, :128]), interleaved(noise[20:, :128]))
    assert found.max() < 0.5


def test_against_numpy_s_own_correlation(noise):
    train, test = noise[:3, :17], noise[3:5, :17]
    expected = [
        max(np.abs(np.correlate(x, y, "full")).max() / np.linalg.norm(x) / np.linalg.norm(y) for y in train)
        for x in test
    ]
    found = nearest_correlation(interleaved(train), interleaved(test))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_silence_and_bad_shapes():
    zeros, ones = np.zeros((2, 16, 2), np.float32), np.ones((1, 16, 2), np.float32)
    assert nearest_correlation(ones, zeros).tolist() == [0, 0]
    with pytest.raises(ValueError, match="at least one training frame"):
        nearest_correlation(zeros[:0], ones)
    with pytest.raises(ValueError, match="one L"):
        nearest_correlation(np.ones((1, 8, 2), np.float32), ones)
