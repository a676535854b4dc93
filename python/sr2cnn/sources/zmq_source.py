# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples from a ZeroMQ publisher."""

import numpy as np

from ..base import sync_block
from .zmq_samples import ZmqSamples

WAIT = 0.1  # seconds, so that the flowgraph stops without delay


class zmq_source(sync_block):
    """Samples from a ZeroMQ publisher; GNU Radio's own source ends without a word at a message that is none.

    Output: complex.

    Args:
        address: to connect to
        report: called with a line of text about messages that are left out; default: the log

    Raises:
        OSError: there is no such address
    """

    def __init__(self, address, report=None):
        sync_block.__init__(self, name="SR2CNN ZMQ Source", in_sig=None, out_sig=[np.complex64])
        self._samples = ZmqSamples(address, report or self.logger.warn)
        self._rest = np.empty(0, np.complex64)

    @property
    def left_out(self):
        """Number of messages that were no samples."""
        return self._samples.left_out

    def stop(self):
        self._samples.close()
        return True

    def work(self, input_items, output_items):
        out = output_items[0]
        if not len(self._rest):
            samples = self._samples.receive(WAIT)
            if samples is None:
                return 0
            self._rest = samples
        n = min(len(out), len(self._rest))
        out[:n], self._rest = self._rest[:n], self._rest[n:]
        return n
