# SPDX-License-Identifier: GPL-3.0-or-later
"""The class ids of a flowgraph are those of the bundle and the reference discriminator."""

import numpy as np
import pytest
from gnuradio import blocks, gr, sr2cnn
from sr2cnn_learn.bundle import Bundle
from sr2cnn_learn.discriminator import Discriminator


def offline(model, samples, hop=128):
    bundle = Bundle.load(model)
    starts = np.arange(0, len(samples) - bundle.frame_len + 1, hop)
    z = bundle.encode(samples[starts[:, None] + np.arange(bundle.frame_len)])
    return Discriminator(**bundle.discriminator_options()).predict(z)


def live(model, samples, folder, hop=0, max_noutput_items=None):
    path = folder / "samples.cf32"
    samples.tofile(path)
    source = blocks.file_source(gr.sizeof_gr_complex, str(path))
    recognizer, sink = sr2cnn.recognizer(str(model), hop, "cpu", condition=False), blocks.vector_sink_s()
    top_block = gr.top_block()
    top_block.connect(source, recognizer, sink)
    if max_noutput_items:
        top_block.run(max_noutput_items)
    else:
        top_block.run()
    return np.array(sink.data()), recognizer


@pytest.mark.parametrize("max_noutput_items", [7, 100, None])
@pytest.mark.parametrize("hop", [128, 64, 200])
def test_frame_by_frame(tiny_bundle, mixed_samples, tmp_path, hop, max_noutput_items):
    ids, recognizer = live(tiny_bundle, mixed_samples, tmp_path, hop, max_noutput_items)
    expected = offline(tiny_bundle, mixed_samples, hop)
    assert np.array_equal(ids, expected)
    assert (expected >= 0).any() and (expected < 0).any()
    if hop == 128:
        assert recognizer.samples_left == 50


@pytest.mark.parametrize("max_noutput_items", [7, 100, None])
def test_frame_by_frame_with_the_shipped_model(mixed_samples, tmp_path, max_noutput_items):
    try:
        Bundle.read("sr2cnn")
    except FileNotFoundError:
        pytest.skip("no shipped model")
    samples = mixed_samples[: 128 * 300 + 5]
    ids, recognizer = live("sr2cnn", samples, tmp_path, 0, max_noutput_items)
    assert np.array_equal(ids, offline("sr2cnn", samples))
    assert recognizer.samples_left == 5


def test_nan_and_infinity_are_counted_and_never_a_class(tiny_bundle, mixed_samples, tmp_path):
    samples = mixed_samples.copy()
    samples[128 * 3 + 127], samples[128 * 7] = np.nan, np.inf
    ids, recognizer = live(tiny_bundle, samples, tmp_path)
    frames = samples[: 600 * 128].reshape(-1, 128)
    finite = frames[np.isfinite(frames).all(axis=1)]
    assert np.array_equal(ids, offline(tiny_bundle, finite.ravel()))
    assert recognizer.frames_skipped == 2
