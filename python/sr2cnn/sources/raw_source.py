# SPDX-License-Identifier: GPL-3.0-or-later
"""Raw samples from a pipe."""

import os
import select

import numpy as np
import pmt
from sr2cnn_learn.float_samples import check_floats
from sr2cnn_learn.recordings import component_dtype, to_complex

from ..base import sync_block

WAIT_MS = 100
LOOKED_AT = 1 << 16  # samples at the beginning, whether they are what they are said to be


class raw_source(sync_block):
    """Raw samples from a file descriptor, as they come, until its end.

    The first sample carries the tags ``rx_rate`` and ``rx_freq`` (double), where they are known.

    Output: complex.

    Args:
        datatype: one of `sr2cnn_learn.recordings.DATATYPES`
        sample_rate, center_frequency: Hz, None where unknown
        descriptor: of the file; the standard input by default

    Attributes:
        samples: number of samples put out
        trailing_bytes: bytes that make no whole sample yet
        error: what ended the reading early, or None

    Raises:
        ValueError: the datatype is none
    """

    def __init__(self, datatype="cf32", sample_rate=None, center_frequency=None, descriptor=0):
        sync_block.__init__(self, name="SR2CNN Raw Source", in_sig=None, out_sig=[np.complex64])
        self._dtype = component_dtype("samples", datatype)
        self._about = {"rx_rate": sample_rate, "rx_freq": center_frequency}
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._rest = b""
        self.samples = 0
        self.error = None

    @property
    def trailing_bytes(self):
        return len(self._rest)

    def work(self, input_items, output_items):
        out = output_items[0]
        size = 2 * self._dtype.itemsize
        try:
            if not self._poll.poll(WAIT_MS):
                return 0
            data = os.read(self._descriptor, len(out) * size - len(self._rest))
        except OSError as error:
            self.error = error
            return -1
        if not data:
            if not self.samples:
                self.error = ValueError("no samples came")
            return -1
        data = self._rest + data
        n = len(data) // size
        self._rest = data[n * size :]
        whole = data[: n * size]
        if self._dtype.kind == "f" and self.samples < LOOKED_AT:
            try:
                check_floats(whole, self._dtype, "samples")
            except ValueError as error:
                self.error = error
                return -1
        out[:n] = to_complex(np.frombuffer(whole, self._dtype))
        if n and not self.samples:
            for key, value in self._about.items():
                if value is not None:
                    self.add_item_tag(0, 0, pmt.intern(key), pmt.from_double(float(value)))
        self.samples += n
        return n
