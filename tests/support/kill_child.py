# SPDX-License-Identifier: GPL-3.0-or-later
"""A receiver with registry and JSON lines, to be killed: one process, or more exactly one after the other.

For each line on the standard input, a fork of this process runs a flowgraph until it is killed; its process
id is the answer, and then its exit status. What takes long to import is imported once; nothing of GNU Radio
or torch runs before.

    kill_child.py MODEL REGISTRY EVENTS SAMPLES.npy
"""

import os
import sys
import time

import numpy as np
import torch  # noqa: F401
from gnuradio import blocks, gr
from gnuradio.sr2cnn import connect_events, event_sink
from registry_support import make


def receive(model, registry, events, samples):
    top = gr.top_block()
    recognizer = make(registry, model, registry_period=0.05)
    sink = event_sink(events, append=True)
    throttle = blocks.throttle(gr.sizeof_gr_complex, 128 * 3000)
    top.connect(blocks.vector_source_c(samples, True), throttle, recognizer)
    connect_events(top, recognizer, sink)
    top.start()
    time.sleep(600)  # killed long before
    top.stop()


if __name__ == "__main__":
    model, registry, events, samples = sys.argv[1:]
    samples = np.load(samples)
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            receive(model, registry, events, samples)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
