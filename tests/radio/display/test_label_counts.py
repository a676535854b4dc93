# SPDX-License-Identifier: GPL-3.0-or-later
"""What was heard of each class, as the label display and `sr2cnn watch` count it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("gnuradio")

from gnuradio.sr2cnn.display.label_counts import LabelCounts, is_count


def count(counts, key, n, score=None, last=0.0):
    heard = counts.hear(key, f"class {key}", key >= 0)
    heard.last = last
    counts.count(heard, {"n_frames": n, "score": score})
    return heard


def test_scores_are_means_over_the_frames_that_have_one():
    counts = LabelCounts()
    assert count(counts, 0, 5).score is None
    count(counts, 0, 3, 0.2)
    assert count(counts, 0, 1, 0.6).score == pytest.approx(0.3)
    other = count(counts, -1, 4, 1.3, last=7.0)
    other.take_over(counts.forget(0))
    assert (other.frames, other.last) == (13, 7.0) and other.score == pytest.approx(0.8)


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 1 << 53), st.booleans())))
def test_no_frame_is_lost(events):
    counts, total = LabelCounts(), 0
    for key, n, forgotten in events:
        count(counts, key, n)
        total += n
        if forgotten:
            counts.forget(key)
            assert counts.forget(key) is None
    assert counts.frames == total == counts.gone + sum(heard.frames for heard in counts.classes.values())
    frames = [heard.frames for heard in counts.largest()]
    assert frames == sorted(frames, reverse=True) and len(frames) == len(counts.classes)


def test_counts():
    assert all(map(is_count, (0, 1, (1 << 64) - 1)))
    assert not any(map(is_count, (-1, 1 << 64, True, 1.0, "1", None))) and not is_count(8, most=7)
