# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenMax against the formulas of Bendale and Boult, worked by hand."""

import math

import numpy as np
import pytest
from sr2cnn_learn.evaluation.openmax import OpenMax


def by_hand(alpha):
    """Means (10, 0) and (0, 10), both with the distribution function 1 − exp(−(d/5)²)."""
    openmax = OpenMax(alpha=alpha)
    openmax.means = np.array([[10.0, 0.0], [0.0, 10.0]])
    openmax.shapes, openmax.scales = np.full(2, 2.0), np.full(2, 5.0)
    return openmax


def test_revised_logits_by_hand():
    # v = (6, 3): ‖v − μ1‖ = 5, ‖v − μ2‖ = √85
    near, far = 1 - math.exp(-1), 1 - math.exp(-85 / 25)
    # α = 2: the largest logit has the weight 2/2, the next 1/2
    expected = [6 * near + 3 * far / 2, 6 * (1 - near), 3 * (1 - far / 2)]
    assert by_hand(2).revised([[6.0, 3.0]])[0] == pytest.approx(expected)
    # α = 1: only the largest is revised
    assert by_hand(1).revised([[6.0, 3.0]])[0] == pytest.approx([6 * near, 6 * (1 - near), 3])
    e = np.exp(expected)
    assert by_hand(2).probabilities([[6.0, 3.0]])[0] == pytest.approx(e / e.sum())


def test_at_a_class_mean_nothing_is_unknown():
    revised = by_hand(1).revised([[10.0, 0.0], [0.0, 10.0]])
    assert revised.tolist() == [[0, 10, 0], [0, 0, 10]]


def test_fit_uses_the_tail_of_right_frames_alone():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 3000)
    logits = 8 * np.eye(2)[labels] + rng.standard_normal((6000, 2))
    wrong = logits.argmax(1) != labels
    logits[:50] = [-30, 30]  # of class 0, taken for class 1
    openmax = OpenMax(tail=200).fit(logits, labels)
    right = logits[50:3000][~wrong[50:3000]]
    assert openmax.means[0] == pytest.approx(right.mean(0))
    distances = np.sort(np.linalg.norm(right - right.mean(0), axis=1))[-200:]
    # a Weibull distribution's maximum likelihood: scale^shape is the mean of d^shape
    shape, scale = openmax.shapes[0], openmax.scales[0]
    assert scale**shape == pytest.approx(np.mean(distances**shape), rel=1e-3)
    assert distances[0] < scale < distances[-1]
    near, between = openmax.probabilities([[8.0, 0.0], [4.0, 4.0]])
    assert near.argmax() == 1 and near[0] < 0.01
    assert between.argmax() == 0


def test_errors():
    with pytest.raises(ValueError, match="alpha is 0"):
        OpenMax(alpha=0)
    with pytest.raises(ValueError, match="tail is 2"):
        OpenMax(tail=2)
    with pytest.raises(ValueError, match="class 1 has 0"):
        OpenMax().fit(np.eye(2)[[0, 0, 0]], [0, 0, 0])
