# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a flowgraph that ends by itself, with something to show meanwhile and a way out."""

import threading

TICK = 0.1  # seconds


def run(top_block, on_tick):
    """Run to the end, calling `on_tick` ten times a second; Ctrl-C stops the flowgraph."""
    top_block.start()
    waiting = threading.Thread(target=top_block.wait, daemon=True)  # wait() is deaf to Ctrl-C
    waiting.start()
    try:
        while waiting.is_alive():
            waiting.join(TICK)
            on_tick()
    except BaseException:
        top_block.stop()
        waiting.join(10)
        raise
