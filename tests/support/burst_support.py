# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples through a block, and what it tells."""

from collections import defaultdict

import pmt
from gnuradio import blocks, gr, sr2cnn
from gnuradio.sr2cnn.outputs.output import Output


def tag(offset, key, value):
    return gr.tag_utils.python_to_tag((offset, pmt.intern(key), value, pmt.PMT_F))


class Keep(Output):
    """Keeps all events, by port."""

    name = "keep"

    def __init__(self):
        super().__init__()
        self.heard = defaultdict(list)

    def _write(self, kind, event):
        self.heard[kind].append(event)


def run(x, block, ports, tags=()):
    top = gr.top_block()
    source, keep = blocks.vector_source_c(x, False, 1, list(tags)), Keep()
    messages = sr2cnn.event_sink(None, outputs=[keep])
    size = block.output_signature().sizeof_stream_item(0)
    sink = blocks.vector_sink_c() if size == gr.sizeof_gr_complex else blocks.vector_sink_s()
    top.connect(source, block, sink)
    for port in ports:
        top.msg_connect((block, port), (messages, port))
    top.run()
    return sink, keep.heard
