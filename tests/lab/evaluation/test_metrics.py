# SPDX-License-Identifier: GPL-3.0-or-later
"""Open-set figures against an example worked by hand, and the choice of λ1."""

import numpy as np
import pytest
from sr2cnn_learn.calibration import choose_discriminator
from sr2cnn_learn.discriminator import INVALID
from sr2cnn_learn.evaluation.metrics import open_set_f1, open_set_metrics


def test_by_hand():
    truth = ["A", "A", "A", "A", "B", "B", "X", "X", "X", "X", "Y", "Y"]
    ids = [0, 0, 1, -1, 1, 1, -1, -1, -2, 0, -3, -2]
    metrics = open_set_metrics(truth, ids, ["A", "B"])
    assert metrics == dict(
        known_accuracy=4 / 6,
        tkr=5 / 6,
        tur=5 / 6,
        wtr=pytest.approx(5 / 6),
        known_precision=4 / 6,
        # −1 holds A, X, X (2 X), −2 holds X, Y (1 each), −3 holds Y: dominant 2 + 1 + 1 of 6
        unknown_precision=4 / 6,
        # A: 2 right, 1 X taken for it, 2 missed: 4/7; B: 2 right, 1 A: 4/5; unknown: 5 right, 1 A, 1 X: 10/12
        f1=pytest.approx((4 / 7 + 4 / 5 + 10 / 12) / 3),
        new_classes=3,
        isotopic=2,
    )


def test_f1_leaves_out_what_could_not_be_judged():
    assert open_set_f1(["A", "B", "A"], [0, INVALID, 0], ["A", "B"]) == 1
    assert open_set_f1(["A"], [INVALID], ["A", "B"]) is None


def test_nothing_to_share_is_none():
    metrics = open_set_metrics(["X"], [-1], ["A", "B"])
    assert metrics["known_accuracy"] is metrics["tkr"] is metrics["known_precision"] is None
    assert metrics["wtr"] is None
    assert metrics["tur"] == metrics["unknown_precision"] == 1


def clusters(seed=0):
    """Two known classes and an unknown one, far apart in eight dimensions."""
    rng = np.random.default_rng(seed)
    centers = 40 * np.eye(3, 8)
    truth = rng.choice(["A", "B", "X"], 600)
    z = centers[["ABX".index(t) for t in truth]] + rng.standard_normal((600, 8))
    options = dict(centers=centers[:2], variances=np.ones((2, 8)))
    return options, z, truth


def test_lambda1_separates_what_can_be_separated():
    options, z, truth = clusters()
    chosen, admissible = choose_discriminator(options, ["A", "B"], z, truth, upper_bound=1.0)
    assert admissible
    threshold = chosen["lambda1"] * 3 * np.sqrt(8)  # all variances are 1: so are all distances
    assert 4 < threshold < 40


def test_distance_is_the_one_that_separates():
    """An unknown along the one dimension in which the known classes spread: variances hide it."""
    rng = np.random.default_rng(1)
    truth = rng.choice(["A", "B", "X"], 600)
    spread = np.array([10, 1, 1, 1.0])
    centers = np.array([[0, 20, 0, 0], [0, -20, 0, 0], [0, 20, 8, 0.0]])
    z = centers[["ABX".index(t) for t in truth]]
    noise = rng.standard_normal((600, 4))
    z = z + np.where((truth == "X")[:, None], 0.1 * noise, spread * noise)
    options = dict(centers=centers[:2], variances=np.tile(spread**2, (2, 1)))
    chosen, _ = choose_discriminator(options, ["A", "B"], z, truth, upper_bound=1.0)
    assert chosen["distance"] == "diagonal"


def test_lambda1_without_unknown_frames_keeps_95_percent():
    options, z, truth = clusters()
    known = truth != "X"
    chosen, admissible = choose_discriminator(options, ["A", "B"], z[known], truth[known], 1.0)
    assert admissible is None and chosen["distance"] == "diagonal"
    distance = np.linalg.norm(z[known] - options["centers"][(truth[known] == "B").astype(int)], axis=1)
    assert np.mean(distance < chosen["lambda1"] * 3 * np.sqrt(8)) == pytest.approx(0.95, abs=0.005)
