# SPDX-License-Identifier: GPL-3.0-or-later
"""The describer: what a discovered class looks like, in the message that announces it."""

import json

import numpy as np
import pmt
import pytest
from cli_support import write_small_bundle
from gnuradio import gr, sr2cnn
from gnuradio.sr2cnn.describer import describer
from gnuradio.sr2cnn.messages import event
from sr2cnn_learn.bundle import Bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return Bundle.read(write_small_bundle(tmp_path_factory.mktemp("bundle") / "small.pt"))


def novel(center, **meta):
    return pmt.cons(pmt.to_pmt({"label": "unknown_1", **meta}), pmt.init_f32vector(len(center), center))


def test_description_is_that_of_the_bundle(bundle):
    center = [1.0, 0.3125, 0.5, 0.25]  # exact in float32
    message = describer(bundle)._described(novel(center, sample_rate=48e3))
    described = event(message)
    assert described["label"] == "unknown_1" and described["vector"] == center
    expected = bundle.describe(np.float32(center), 48e3)
    assert described["description"] == expected and expected["envelope"] == "varying"
    assert expected["envelope_variation"] == pytest.approx(0.3, abs=0.05)
    json.dumps(described)


@pytest.mark.parametrize("rate", [None, "x", float("nan"), 0.0, [1, 2]])
def test_without_a_sample_rate_there_is_nothing_in_hertz(bundle, rate):
    meta = {} if rate is None else {"sample_rate": rate}
    described = event(describer(bundle)._described(novel([1.0, 0.3, 0.5, 0.25], **meta)))
    assert not any(key.endswith("_hz") for key in described["description"])


@pytest.mark.parametrize(
    "message",
    [
        pmt.PMT_NIL,
        pmt.intern("x"),
        pmt.to_pmt({"a": 1}),
        novel([1.0, 2.0]),
        novel([1.0, float("nan"), 1.0, 1.0]),
        pmt.cons(pmt.intern("x"), pmt.init_f32vector(4, [1.0] * 4)),
        pmt.cons(pmt.make_dict(), pmt.intern("x")),
    ],
)
def test_what_cannot_be_described_goes_on_as_it_came(bundle, message):
    assert pmt.equal(describer(bundle)._described(message), message)


def test_messages_waiting_at_the_end_are_described(bundle, tmp_path):
    """The chain of describer and event sink gives every message, though nothing keeps it running."""
    block, sink = describer(bundle), sr2cnn.event_sink(str(tmp_path / "events.jsonl"))
    top_block = gr.top_block()
    top_block.msg_connect((block, "novel"), (sink, "novel"))
    for n in range(100):
        block.to_basic_block()._post(pmt.intern("novel"), novel([1.0, 0.3, 0.5, 0.25], n=n))
    top_block.start()
    top_block.stop()
    top_block.wait()
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert sorted(line["n"] for line in lines) == list(range(100))
    assert all("family" in line["description"] for line in lines)
