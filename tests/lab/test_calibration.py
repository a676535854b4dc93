# SPDX-License-Identifier: GPL-3.0-or-later
"""The choice of λ1 and distance, against cases worked by hand."""

import numpy as np
import pytest
from sr2cnn_learn.calibration import choose_discriminator, is_admissible, lambda1_for_tkr
from sr2cnn_learn.discriminator import Discriminator

#: Θ1 = λ1 · 3 · √4 = 6 λ1
OPTIONS = dict(centers=[[0.0, 0, 0, 0], [1000, 0, 0, 0]], distance="euclidean")


def frames_at(*distances):
    """Frames so far from the first center."""
    return np.array([[0, d, 0, 0] for d in distances], dtype=float)


@pytest.mark.parametrize(("tkr", "lambda1"), [(0.0, 1), (0.25, 2), (0.5, 3), (0.625, 3.5), (1.0, 5)])
def test_lambda1_for_tkr_by_hand(tkr, lambda1):
    """Frames at 6, 12, … 30 need λ1 of 1, 2, … 5; quantiles in between are interpolated."""
    assert lambda1_for_tkr(OPTIONS, frames_at(18, 6, 30, 12, 24), tkr) == pytest.approx(lambda1)


@pytest.mark.parametrize("distance", ["diagonal", "isotropic", "euclidean"])
def test_lambda1_keeps_the_share(distance):
    rng = np.random.default_rng(0)
    options = dict(centers=np.eye(3, 8), variances=rng.uniform(0.5, 2, (3, 8)), distance=distance)
    z = rng.standard_normal((400, 8))
    lambda1 = lambda1_for_tkr(options, z, 0.985)
    ids = Discriminator(**options, lambda1=lambda1).predict(z)
    assert np.mean(ids >= 0) == pytest.approx(0.985, abs=1 / 400)


def test_without_unknown_frames_the_diagonal_distance_keeps_95_percent():
    rng = np.random.default_rng(1)
    options = dict(centers=np.eye(2, 4), variances=np.ones((2, 4)))
    z, truth = rng.standard_normal((200, 4)), np.array(["A", "B"] * 100)
    chosen, admissible = choose_discriminator(options, ["A", "B"], z, truth, 0.5)
    assert chosen["distance"] == "diagonal" and admissible is None
    ids = Discriminator(**options, **chosen).predict(z)
    assert np.mean(ids >= 0) == pytest.approx(0.95, abs=1 / 200)


def test_with_unknown_frames_the_distance_that_tells_them_apart_wins():
    """The unknown lie where the known have no spread: the diagonal distance alone sees it."""
    rng = np.random.default_rng(2)
    spread = np.array([30.0, 0.1])
    centers = np.array([[0.0, 0], [0, 500], [0, 4]])
    kinds = np.repeat([0, 1, 2], [100, 100, 60])
    z, truth = centers[kinds] + spread * rng.standard_normal((260, 2)), np.array(list("ABU"))[kinds]
    options = dict(centers=centers[:2], variances=[spread**2] * 2)
    chosen, admissible = choose_discriminator(options, ["A", "B"], z, truth, 1.0)
    assert chosen["distance"] == "diagonal" and admissible is True
    ids = Discriminator(**options, **chosen).predict(z)
    assert np.all(ids[200:] < 0) and np.mean(ids[:200] >= 0) > 0.9


@pytest.mark.parametrize(
    ("precision", "isotopic", "expected"),
    [(0.80, 2, True), (0.75, 2, False), (0.80, 3, False), (None, 0, False)],
)
def test_constraints_of_the_paper(precision, isotopic, expected):
    """Known precision above 0.95 · 0.8 = 0.76, at most two isotopic classes."""
    assert is_admissible(dict(known_precision=precision, isotopic=isotopic), 0.8) is expected
