# SPDX-License-Identifier: GPL-3.0-or-later
"""A recording as a source: once, or again and again."""

import numpy as np
from gnuradio import blocks, gr, sr2cnn


def played(path, n, **parameters):
    top = gr.top_block()
    source, sink = sr2cnn.recording_source(str(path), **parameters), blocks.vector_sink_c()
    top.connect(source, blocks.head(gr.sizeof_gr_complex, n), sink)
    top.run()
    return sink


def test_a_recording_ends_or_begins_again(tmp_path):
    path = tmp_path / "a.cf32"
    samples = np.random.default_rng(0).normal(size=(70_001, 2)) @ [1, 1j]
    samples.astype(np.complex64).tofile(path)
    samples = np.fromfile(path, np.complex64)
    assert np.array_equal(played(path, 1_000_000, sample_rate=1e6).data(), samples)
    sink = played(path, 200_000, sample_rate=1e6, repeat=True)
    assert np.array_equal(sink.data(), np.tile(samples, 3)[:200_000])
    assert [tag.offset for tag in sink.tags()] == [0]


def test_a_recording_that_goes_away_does_not_hold_up_its_end(tmp_path):
    path = tmp_path / "a.cf32"
    np.ones(1000, np.complex64).tofile(path)
    source, sink = sr2cnn.recording_source(str(path), repeat=True), blocks.vector_sink_c()
    path.write_bytes(b"")
    top = gr.top_block()
    top.connect(source, blocks.head(gr.sizeof_gr_complex, 5000), sink)
    top.run()
    assert len(sink.data()) < 5000
