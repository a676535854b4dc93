# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a flowgraph, with something to show meanwhile and a way out."""

import gc
import sys
import threading

TICK = 0.2  # seconds
TURN = 1e-3  # seconds that a thread of Python keeps others waiting: each block in Python is one
PATIENCE = 10  # seconds for the blocks to end what they are at


def run(top_block, on_tick, period=TICK):
    """Run to the end, calling `on_tick` every `period` seconds; what that raises, Ctrl-C above all, or a
    true value from it, stops the flowgraph."""
    sys.setswitchinterval(TURN)
    gc.freeze()  # torch alone has so many objects that a look through them would hold up everything
    done = threading.Event()

    def wait():
        top_block.wait()
        done.set()

    waiting = threading.Thread(target=wait, daemon=True)  # in this thread it would swallow Ctrl-C
    try:
        top_block.start()
        waiting.start()
        while not done.wait(period) and not on_tick():
            pass
    finally:
        if not done.is_set():
            top_block.stop()
            if not waiting.ident:  # Ctrl-C came while it started
                waiting.start()
            done.wait(PATIENCE)  # the interpreter must not end under running blocks
