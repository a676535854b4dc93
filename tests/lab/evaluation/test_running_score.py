# SPDX-License-Identifier: GPL-3.0-or-later
"""The running score, and that it gives the figures of the whole stream."""

import numpy as np
import pytest
from sr2cnn_learn.discriminator import INVALID
from sr2cnn_learn.evaluation.metrics import open_set_metrics
from sr2cnn_learn.evaluation.running import RunningScore

CLASSES = ["BPSK", "QPSK"]


def test_by_hand():
    score = RunningScore(CLASSES)
    score.update(["BPSK", "BPSK", "BPSK", "QPSK"], np.array([0, 1, -1, INVALID], np.int16))
    score.update(["GFSK"] * 4, [-1, -1, -2, 0])
    report = score.report()
    assert report["frames"] == 7  # the invalid one does not count
    assert report["known_accuracy"] == 1 / 3
    assert report["tkr"] == 2 / 3
    assert report["tur"] == 3 / 4
    assert report["new_classes"] == [
        {"label": "unknown_1", "frames": 3, "made_of": {"GFSK": 2, "BPSK": 1}},
        {"label": "unknown_2", "frames": 1, "made_of": {"GFSK": 1}},
    ]
    assert report["confusion"]["BPSK"] == {"BPSK": 1, "QPSK": 1, "unknown_1": 1}


def test_nothing_yet():
    report = RunningScore(CLASSES).report()
    assert (report["frames"], report["known_accuracy"], report["tkr"], report["tur"]) == (
        0,
        None,
        None,
        None,
    )


def test_pieces_make_the_whole():
    rng = np.random.default_rng(0)
    truth = rng.choice([*CLASSES, "GFSK", "CPFSK"], 1000)
    ids = rng.integers(-4, 2, 1000)
    score = RunningScore(CLASSES)
    for part in np.array_split(np.arange(1000), 17):
        score.update(truth[part].tolist(), ids[part])
    report, whole = score.report(), open_set_metrics(truth, ids, CLASSES)
    for key in ("known_accuracy", "tkr", "tur"):
        assert report[key] == pytest.approx(whole[key])
    assert len(report["new_classes"]) == whole["new_classes"]


def test_bad_input():
    with pytest.raises(ValueError, match="1 labels and 2 ids"):
        RunningScore(CLASSES).update(["BPSK"], [0, 0])
    with pytest.raises(ValueError, match="class id 2, expected at most 1"):
        RunningScore(CLASSES).update(["BPSK"], [2])
