# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures show the numbers that they are given."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from sr2cnn_learn.plots.bars import draw_bars
from sr2cnn_learn.plots.curves import draw_detectors, draw_rates, draw_scaling, draw_training
from sr2cnn_learn.plots.file import picture
from sr2cnn_learn.plots.space import draw_space


@pytest.fixture
def figure():
    return Figure(layout="constrained")


def lines(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines}


def test_bars(figure):
    draw_bars(figure, ["A", "B"], ["one", "two"], [[0.1, 0.2], [0.5, None]])
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights[:3] == [10, 20, 50] and np.isnan(heights[3])


def test_training(figure):
    draw_training(figure, [1, 2], {"loss": [3, 2]}, [0.5, 0.75])
    top, bottom = figure.axes
    assert lines(top) == {"loss": [[1, 3], [2, 2]]}
    assert list(lines(bottom).values()) == [[[1, 50], [2, 75]]]


def test_rates(figure):
    lambdas, tkr, tur = np.array([0.1, 0.2]), np.array([0.5, 1]), np.array([1, 0.5])
    draw_rates(figure, {"diagonal": (lambdas, tkr, tur, tur)}, 0.8, "test")
    assert lines(figure.axes[0])["TKR"] == [[0.1, 50], [0.2, 100]]


def test_detectors(figure):
    draw_detectors(figure, {"SR2CNN": (np.array([0, 1]), np.array([1, 0]))}, 0.95, bold="SR2CNN")
    assert lines(figure.axes[0])["SR2CNN"] == [[0, 100], [100, 0]] and "TKR 95 %" in lines(figure.axes[0])


def test_scaling(figure):
    draw_scaling(figure, [(title, "x", "y", {"rate": ([1, 10], [2, 20])}) for title in "abc"])
    assert [axes.get_title() for axes in figure.axes[:3]] == ["a", "b", "c"]
    assert lines(figure.axes[2]) == {"rate": [[1, 2], [10, 20]]}


def test_space(figure):
    flat, labels = np.arange(6.0).reshape(3, 2), np.array(["A", "X", "A"])
    draw_space(figure, flat, labels, ["A", "X"], ["X"], "map")
    places = {each.get_label(): each.get_offsets().tolist() for each in figure.axes[0].collections}
    assert places == {"A": [[0, 1], [4, 5]], "X (held out)": [[2, 3]]}


def test_a_picture_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), picture(path, (2, 2)):
        raise RuntimeError
    assert path.read_bytes() == b"old"
    with picture(path, (2, 1), dpi=50) as drawn:
        drawn.subplots()
    assert path.read_bytes().startswith(b"\x89PNG")
