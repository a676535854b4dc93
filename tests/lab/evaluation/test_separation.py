# SPDX-License-Identifier: GPL-3.0-or-later
"""Separation and discovery against examples worked by hand."""

import pytest
from sr2cnn_learn.evaluation.separation import (
    discovery_metrics,
    discrimination_interval,
    score_metrics,
)


def test_scores_by_hand():
    scores = [0.1, 0.2, 0.3, 0.9, 0.25, 0.8]
    unknown = [False, False, False, False, True, True]
    right = [True, False, True, True, False, False]
    figures = score_metrics(scores, unknown, right)
    # pairs (known, unknown) in the right order: 0.25 beats 2 of 4, 0.8 beats 3 of 4
    assert figures["auroc"] == pytest.approx(5 / 8)
    # falling scores: K 0.9, U 0.8, K 0.3, U 0.25: precision 1/2 at recall 1/2, 2/4 at recall 1
    assert figures["aupr"] == pytest.approx(0.5 * 1 / 2 + 0.5 * 2 / 4)
    # the 95 % quantile of four known scores is the largest, 0.9: no unknown is above
    assert figures["tur_at_tkr95"] == 0
    # unknown accepted 0, ½, 1 at 0.2, 0.25, 0.8; correct then 1/4, 1/4, 2/4: two trapezoids
    assert figures["oscr"] == pytest.approx(0.5 * (1 / 4 + 1 / 4) / 2 + 0.5 * (2 / 4 + 2 / 4) / 2)


def test_perfect_scores():
    figures = score_metrics([1, 2, 8, 9], [False, False, True, True], [True, True, False, False])
    assert figures == dict(auroc=1.0, aupr=1.0, tur_at_tkr95=1.0, oscr=1.0)


def test_scores_of_one_kind_are_none():
    assert set(score_metrics([1, 2], [True, True], [False, False]).values()) == {None}


def test_discrimination_interval_by_hand():
    needed = [0.1, 0.2, 0.7, 0.4, 0.9]
    unknown = [False, False, False, True, True]
    # accepted known and rejected unknown: (1/3, 1) from 0.1, (2/3, 1) from 0.2, (2/3, 1/2) from 0.4,
    # (1, 1/2) from 0.7, (1, 0) from 0.9: WTR 0.73, 0.87, 0.57, 0.7, 0.4
    assert discrimination_interval(needed, unknown) == pytest.approx(0.4 - 0.2)
    assert discrimination_interval([1, 2], [True, True]) is None


def test_discovery_by_hand():
    truth = ["X"] * 6 + ["Y"] * 4
    ids = [-1, -1, -1, -2, -2, 0, -1, -3, -3, -3]
    figures = discovery_metrics(truth, ids)
    # −1 to X (3 frames), −3 to Y (3 frames); −2 has no class left, one X is called known
    assert figures["hungarian_accuracy"] == pytest.approx(0.6)
    assert (figures["major_classes"], figures["true_classes"]) == (3, 2)
    assert 0 < figures["ari"] < figures["nmi"] < 1


def test_perfect_discovery_and_none_at_all():
    assert discovery_metrics(["X", "X", "Y"], [-2, -2, -1]) == dict(
        hungarian_accuracy=1.0, nmi=1.0, ari=1.0, major_classes=2, true_classes=2
    )
    assert discovery_metrics(["X", "Y"], [0, 1])["hungarian_accuracy"] == 0
    assert discovery_metrics([], [])["hungarian_accuracy"] is None
