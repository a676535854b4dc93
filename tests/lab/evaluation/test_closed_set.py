# SPDX-License-Identifier: GPL-3.0-or-later
"""Closed-set accuracy and the mixed stream, by hand."""

import numpy as np
from sr2cnn_learn.evaluation.closed_set import class_indices, closed_set_accuracy, named_right
from sr2cnn_learn.evaluation.stream import mixed_stream

LOGITS = np.array([[2, 1, 0], [0, 3, 1], [5, 0, 6], [1, 0, 0]])


def test_closed_set_accuracy():
    truth = class_indices(["A", "C", "C", "X"], ["A", "B", "C"])
    assert truth.tolist() == [0, 2, 2, -1] and truth.dtype == np.int64
    assert named_right(LOGITS, truth).tolist() == [True, False, True, False]
    assert closed_set_accuracy(LOGITS, truth) == 2 / 3  # X is no known class: it does not count
    assert closed_set_accuracy(LOGITS[3:], truth[3:]) is None


def test_mixed_stream_orders_vectors_and_labels_alike():
    known, unknown = np.arange(20), np.arange(100, 110)
    stream = mixed_stream(known, unknown, seed=3)
    assert sorted(stream) == [*known, *unknown]
    assert stream[:20].max() >= 100  # mixed
    assert np.array_equal(
        mixed_stream(known[:, None] * [1, 2], unknown[:, None] * [1, 2], 3)[:, 1], 2 * stream
    )
    assert not np.array_equal(mixed_stream(known, unknown, seed=4), stream)


def test_mixed_stream_without_unknown_frames():
    stream = mixed_stream(np.eye(4), np.empty((0, 0)), seed=0)
    assert stream.shape == (4, 4) and np.array_equal(stream[stream.argmax(1).argsort()], np.eye(4))
