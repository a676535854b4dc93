# SPDX-License-Identifier: GPL-3.0-or-later
"""The RadioML source."""

import json

import numpy as np
import pmt
import pytest
from gnuradio import blocks, gr, sr2cnn
from sr2cnn_learn.datasets import SNR_NOT_STATED, load_dataset


def play(source, n_samples=None, max_noutput_items=100_000):
    """Samples and truth tags [(offset, label, snr)]."""
    sink = blocks.vector_sink_c()
    top_block = gr.top_block()
    if n_samples is None:
        top_block.connect(source, sink)
    else:
        head = blocks.head(gr.sizeof_gr_complex, n_samples)
        top_block.connect(source, head, sink)
    top_block.run(max_noutput_items)
    values = [(tag.offset, pmt.to_python(tag.value)) for tag in sink.tags()]
    return np.array(sink.data(), np.complex64), [(o, v["label"], v["snr"]) for o, v in values]


def complex_frames(dataset):
    return dataset.frames[:, :, 0] + 1j * dataset.frames[:, :, 1]


@pytest.mark.parametrize("max_noutput_items", [7, 100, 100_000])
def test_every_frame_in_order_with_its_truth(replay, max_noutput_items):
    dataset = load_dataset(replay)
    samples, tags = play(sr2cnn.radioml_source(str(replay)), max_noutput_items=max_noutput_items)
    assert np.array_equal(samples, complex_frames(dataset).ravel())
    starts = np.cumsum([0, *dataset.keys.values()])[:-1] * 128
    assert tags == [(start, *key) for start, key in zip(starts, dataset.keys)]


def test_shuffled_is_seeded_and_tagged_where_the_truth_changes(replay):
    dataset = load_dataset(replay)
    frames = complex_frames(dataset)
    samples, tags = play(sr2cnn.radioml_source(str(replay), order="shuffled", seed=3))
    again, _ = play(sr2cnn.radioml_source(str(replay), order="shuffled", seed=3))
    other, _ = play(sr2cnn.radioml_source(str(replay), order="shuffled", seed=4))
    assert np.array_equal(samples, again) and not np.array_equal(samples, other)
    played = samples.reshape(-1, 128)
    rows = [int(np.flatnonzero((frames == frame).all(axis=1))[0]) for frame in played]
    assert sorted(rows) == list(range(len(dataset)))
    truth = [(str(dataset.labels[row]), int(dataset.snrs[row])) for row in rows]
    changes = [k for k in range(len(rows)) if k == 0 or truth[k] != truth[k - 1]]
    assert tags == [(128 * k, *truth[k]) for k in changes]


def test_selection(replay):
    source = sr2cnn.radioml_source(str(replay), ["QPSK"], [18], frames_per_key=2)
    samples, tags = play(source)
    frames = complex_frames(load_dataset(replay, ["QPSK"], [18]))
    assert np.array_equal(samples, frames[[0, len(frames) // 2]].ravel())
    assert tags == [(0, "QPSK", 18)]


def test_a_labelled_recording(tmp_path):
    samples = np.exp(0.1j * np.arange(300)).astype(np.complex64)
    samples.tofile(tmp_path / "a.sigmf-data")
    meta = {
        "global": {"core:datatype": "cf32_le", "core:version": "1.0.0"},
        "captures": [{"core:sample_start": 0}],
        "annotations": [{"core:sample_start": 0, "core:sample_count": 300, "core:label": "TONE"}],
    }
    (tmp_path / "a.sigmf-meta").write_text(json.dumps(meta))
    played, tags = play(sr2cnn.radioml_source(str(tmp_path)))
    assert np.array_equal(played, samples[:256])
    assert tags == [(0, "TONE", SNR_NOT_STATED)]


def test_repeat(replay):
    source = sr2cnn.radioml_source(str(replay), ["QPSK"], [16], repeat=True)
    samples, tags = play(source, 5 * 128 * 3)
    assert np.array_equal(samples[: 5 * 128], samples[-5 * 128 :])
    assert tags == [(0, "QPSK", 16)]


def test_bad_parameters(replay):
    with pytest.raises(ValueError, match="order is 'random'"):
        sr2cnn.radioml_source(str(replay), order="random")
    with pytest.raises(ValueError, match="frames_per_key is 0"):
        sr2cnn.radioml_source(str(replay), frames_per_key=0)
    with pytest.raises(ValueError, match="no modulation OOK"):
        sr2cnn.radioml_source(str(replay), ["OOK"])
    with pytest.raises(FileNotFoundError, match="nowhere.pkl"):
        sr2cnn.radioml_source("nowhere.pkl")
