# SPDX-License-Identifier: GPL-3.0-or-later
"""Who hears what from whom, and messages as events."""

import os

import pmt
import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"
pytest.importorskip("gnuradio")

from gnuradio import blocks, gr, sr2cnn
from gnuradio.sr2cnn.base import sync_block
from gnuradio.sr2cnn.messages import EVENTS, event, left_over
from gnuradio.sr2cnn.sources.reopening_source import reopening_source
from message_log import message_log


class Connections:
    """What is asked of a flowgraph."""

    def __init__(self):
        self.made = []

    def msg_connect(self, source, receiver):
        self.made.append((*source, *receiver))


def connected(source, receiver):
    flowgraph = Connections()
    sr2cnn.connect_events(flowgraph, source, receiver)
    forth = {port for a, port, b, other in flowgraph.made if (a, b) == (source, receiver) and port == other}
    back = {port for a, port, b, other in flowgraph.made if (a, b) == (receiver, source) and port == other}
    assert len(forth) + len(back) == len(flowgraph.made)
    return forth, back


def test_each_port_that_both_have_is_connected(tiny_bundle, tmp_path):
    pytest.importorskip("PyQt5.QtWidgets").QApplication.instance() or _application()
    model = str(tiny_bundle)
    recognizer = sr2cnn.recognizer(model, device="cpu")
    discriminator = sr2cnn.discriminator_from_bundle(model)
    sink, conditioner = sr2cnn.event_sink(str(tmp_path / "a.jsonl")), sr2cnn.conditioner()
    assert connected(recognizer, sink) == ({"labels", "novel", "emissions", "status"}, set())
    assert connected(recognizer, sr2cnn.label_display()) == (
        {"labels", "novel", "emissions", "status"},
        {"cmd"},
    )
    assert connected(discriminator, sink) == ({"labels", "novel", "status"}, set())
    assert connected(discriminator, conditioner) == ({"labels", "novel"}, set())
    assert connected(conditioner, sink) == ({"labels", "novel", "bursts"}, set())
    source = reopening_source(
        "test", lambda freq: (blocks.null_source(gr.sizeof_gr_complex), 1.0), None, print
    )
    assert connected(source, sink) == ({"gap"}, set())
    assert connected(source, conditioner) == connected(sink, recognizer) == (set(), set())


def _application():
    from PyQt5.QtWidgets import QApplication

    _application.kept = QApplication([])


@pytest.mark.parametrize("port", EVENTS)
def test_a_message_is_an_event_of_its_port(port):
    about = pmt.to_pmt({"event": "forged", "label": "QPSK"})
    assert event(about, port) == {"event": EVENTS[port], "label": "QPSK"}
    pdu = pmt.cons(about, pmt.init_f32vector(2, [0.5, float("nan")]))
    assert event(pdu, port) == {"event": EVENTS[port], "label": "QPSK", "vector": [0.5, None]}
    assert event(about) == {"event": "forged", "label": "QPSK"}
    with pytest.raises(ValueError, match="expected a dict or a PDU"):
        event(pmt.intern("QPSK"), port)


class Teller(sync_block):
    """Tells of its end, when a block of streams that hears it may have ended."""

    def __init__(self):
        sync_block.__init__(self, "Teller", None, ["u1"])
        self.message_port_register_out(pmt.intern("labels"))

    def work(self, input_items, output_items):
        return -1

    def stop(self):
        self.message_port_pub(pmt.intern("labels"), pmt.to_pmt({"label": "last"}))
        return True


class Hearer(sync_block):
    def __init__(self):
        sync_block.__init__(self, "Hearer", ["u1"], None)
        self.message_port_register_in(pmt.intern("labels"))
        self.heard = []
        self.set_msg_handler(pmt.intern("labels"), self.hear)

    def hear(self, message):
        self.heard.append(event(message))

    def work(self, input_items, output_items):
        return len(input_items[0])


def test_nothing_is_left_over():
    top, teller, hearer, log = gr.top_block(), Teller(), Hearer(), message_log("labels")
    top.connect(teller, hearer)
    for receiver in (hearer, log):
        sr2cnn.connect_events(top, teller, receiver)
    top.run()
    heard = hearer.heard + [event(message) for message in left_over(hearer, "labels")]
    assert heard == log["labels"] == [{"label": "last"}]
