# SPDX-License-Identifier: GPL-3.0-or-later
"""A file as if it came from a radio."""

import time

import numpy as np

from ..base import sync_block
from ..sr2cnn_python import input_ended

PIECE = 4e-3  # seconds of samples at once: each piece costs all blocks behind a call
BREATH = 1e-3  # seconds, while what is behind does not keep up
LONGEST_WAIT = 0.1  # seconds, so that the flowgraph stops without delay


class pacer(sync_block):
    """Passes samples on at their sample rate, by the clock, each not before its time.

    Other than GNU Radio's throttle it never sleeps for long, whatever the rate.

    Input, output: complex.

    Args:
        sample_rate: Hz

    Raises:
        ValueError: the sample rate is out of range
    """

    def __init__(self, sample_rate):
        sync_block.__init__(self, name="SR2CNN Pacer", in_sig=[np.complex64], out_sig=[np.complex64])
        if not 0 < sample_rate < float("inf"):
            raise ValueError(f"sample rate is {sample_rate!r}, expected more than 0 Hz")
        self._sample_rate = sample_rate
        self._began = None
        self._most_room = 1

    def start(self):
        self._began = None
        return True

    def work(self, input_items, output_items):
        now = time.monotonic()
        if self._began is None:
            self._began = now
        done = self.nitems_written(0)
        room = len(output_items[0])
        n = min(room, int((now - self._began) * self._sample_rate) - done)
        self._most_room = max(self._most_room, room)
        piece = max(1, min(self._most_room // 2, int(PIECE * self._sample_rate)))
        # GNU Radio halves what it asks for until there is input for it: less than two pieces may wait there.
        if room < piece and not input_ended(self.to_basic_block(), 0, 2 * piece):
            time.sleep(BREATH)
            return 0
        piece = min(piece, room)
        if n < piece:
            due = self._began + (done + piece) / self._sample_rate
            time.sleep(min(due - now, LONGEST_WAIT))
            return 0
        output_items[0][:n] = input_items[0][:n]
        return n
