# SPDX-License-Identifier: GPL-3.0-or-later
"""The encoder block."""

import subprocess
import sys

import numpy as np
import pmt
import pytest
from gnuradio import blocks, gr, sr2cnn
from sr2cnn_learn.bundle import Bundle
from waiting import PATIENCE


class status_log(gr.basic_block):
    """Keeps the messages of a port."""

    def __init__(self):
        gr.basic_block.__init__(self, "status log", None, None)
        self.messages = []
        self.message_port_register_in(pmt.intern("in"))
        self.set_msg_handler(pmt.intern("in"), self._on_message)

    def _on_message(self, message):
        self.messages.append(pmt.to_python(message))


def run(encoder, samples):
    source, sink = blocks.vector_source_c(samples, False, 128), blocks.vector_sink_f(16)
    log = status_log()
    top_block = gr.top_block()
    top_block.connect(source, encoder, sink)
    top_block.msg_connect((encoder, "status"), (log, "in"))
    top_block.run()
    return np.array(sink.data()).reshape(-1, 16), log.messages


def test_vectors_are_those_of_the_bundle(tiny_bundle, mixed_samples):
    samples = mixed_samples[: 128 * 500]
    z, messages = run(sr2cnn.encoder(str(tiny_bundle), "cpu"), samples)
    expected = Bundle.load(tiny_bundle).encode(samples.reshape(-1, 128))
    np.testing.assert_allclose(z, expected, rtol=1e-4, atol=1e-5)
    assert messages[0]["mean_batch"] >= 1
    assert 0 < messages[0]["latency_ms_p50"] <= messages[0]["latency_ms_p99"]


def test_full_batches_where_there_is_more_than_one(tiny_bundle):
    encoder = sr2cnn.encoder(str(tiny_bundle), "cpu", 8)
    frames = np.zeros((21, 128), np.complex64)
    assert encoder.work([frames], [np.empty((21, 16), np.float32)]) == 16


def test_a_fault_is_logged_and_the_flowgraph_goes_on(tiny_bundle, mixed_samples, monkeypatch):
    encoder = sr2cnn.encoder(str(tiny_bundle), "cpu")

    def fail(frames, batch_size):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(encoder.bundle, "encode", fail)
    z, _ = run(encoder, mixed_samples[: 128 * 100])
    assert z.shape == (100, 16) and np.isnan(z).all()
    assert encoder.frames_failed == 100


def test_missing_model():
    with pytest.raises(FileNotFoundError, match="nowhere.pt"):
        sr2cnn.encoder("nowhere.pt")


def test_bad_parameters(tiny_bundle):
    with pytest.raises(ValueError, match="batch_size is -1, expected at least 0"):
        sr2cnn.encoder(str(tiny_bundle), "cpu", -1)
    with pytest.raises(ValueError, match="device is 'tpu'"):
        sr2cnn.encoder(str(tiny_bundle), "tpu")


def test_import_does_not_import_torch():
    code = "import sys; from gnuradio import sr2cnn; sr2cnn.framer; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=PATIENCE).returncode == 0
