# SPDX-License-Identifier: GPL-3.0-or-later
"""The scorer."""

import numpy as np
import pmt
import pytest
from gnuradio import blocks, gr, sr2cnn
from message_log import message_log
from sr2cnn_learn.evaluation.running import RunningScore

CLASSES = ["BPSK", "QPSK"]


def run(ids, truth, max_noutput_items=100_000):
    """The scorer after `ids`, with tags from `truth`, [(offset, label)]."""
    tags = []
    for offset, label in truth:
        tag = gr.tag_t()
        tag.offset, tag.key = offset, pmt.intern("truth")
        tag.value = pmt.to_pmt({"label": label, "snr": 18})
        tags.append(tag)
    source, scorer = blocks.vector_source_s(ids, False, 1, tags), sr2cnn.scorer(CLASSES)
    log = message_log("score")
    top_block = gr.top_block()
    top_block.connect(source, scorer)
    top_block.msg_connect((scorer, "score"), (log, "score"))
    top_block.run(max_noutput_items)
    return scorer, log


@pytest.mark.parametrize("max_noutput_items", [7, 100_000])
def test_report(max_noutput_items):
    rng = np.random.default_rng(0)
    ids = rng.integers(-3, 2, 1000)
    changes = [(10, "BPSK"), (400, "GFSK"), (401, "QPSK"), (999, "BPSK")]
    scorer, log = run(ids.tolist(), changes, max_noutput_items)
    expected = RunningScore(CLASSES)
    for (start, label), end in zip(changes, [400, 401, 999, 1000]):
        expected.update([label] * (end - start), ids[start:end])
    assert scorer.report() == expected.report()
    assert scorer.frames_unscored == 10
    assert set(log["score"][0]) == set(expected.report())


def test_no_truth():
    scorer, _ = run([0, 1, -1], [])
    assert (scorer.report()["frames"], scorer.frames_unscored) == (0, 3)


def test_an_id_beyond_the_classes_is_logged():
    scorer, _ = run([0, 2], [(0, "BPSK")])
    assert scorer.frames_unscored == 2


def test_classes_of_a_model(tiny_bundle):
    sr2cnn.scorer(str(tiny_bundle))
    with pytest.raises(FileNotFoundError, match="nowhere.pt"):
        sr2cnn.scorer("nowhere.pt")
