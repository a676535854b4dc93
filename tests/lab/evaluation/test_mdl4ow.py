# SPDX-License-Identifier: GPL-3.0-or-later
"""MDL4OW against the formulas of Liu et al., worked by hand."""

import numpy as np
import pytest
from sr2cnn_learn.evaluation.mdl4ow import MDL4OW, reconstruction_losses


def test_losses_are_sums_of_absolute_errors():
    frames = np.zeros((2, 3, 2))
    assert reconstruction_losses(frames + [[[1, -2]], [[0, 0.5]]], frames).tolist() == [9, 1.5]


def test_scores_by_hand():
    model = MDL4OW(tail=3).fit([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    assert model.thresholds.tolist() == [7]
    model.shapes, model.scales = np.array([0.5]), np.array([2.0])
    # above w = 7, which 3 of 10 exceed: 1 − 0.3 (1 + 0.5 (ℓ − 7)/2)^−2; below, the shares themselves
    scores = model.scores([0, 4.5, 7, 11, 19])
    assert scores == pytest.approx([0, 0.4, 0.6, 1 - 0.3 / 2**2, 1 - 0.3 / 4**2])


def test_fit_finds_the_distribution_of_the_excess():
    rng = np.random.default_rng(1)
    model = MDL4OW(tail=5000).fit(rng.exponential(3.0, 20000))
    assert model.shapes[0] == pytest.approx(0, abs=0.05)  # an exponential tail is one of ζ = 0, μ = 3
    assert model.scales[0] == pytest.approx(3, rel=0.05)
    ordered = model.scores(np.linspace(0, 60, 200))
    assert np.all(np.diff(ordered) >= 0) and ordered[-1] > 0.999


def test_a_distribution_for_each_class():
    losses, labels = np.arange(200.0), np.repeat([0, 1], 100)
    model = MDL4OW().fit(losses, labels)
    assert model.thresholds.tolist() == [79, 179]
    scores = model.scores([110, 110], [0, 1])
    assert scores[0] > 0.95 and scores[1] == pytest.approx(0.1)


def test_errors():
    with pytest.raises(ValueError, match="tail is 1"):
        MDL4OW(tail=1)
    with pytest.raises(ValueError, match="class 1 has 2 frames"):
        MDL4OW().fit(np.arange(12.0), [0] * 10 + [1] * 2)
