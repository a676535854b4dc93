# SPDX-License-Identifier: GPL-3.0-or-later
"""A recording as a source of complex samples."""

import numpy as np
import pmt
from sr2cnn_learn.names import shown
from sr2cnn_learn.quantities import number, takes_numbers
from sr2cnn_learn.recordings import open_recording

from .base import sync_block


class recording_source(sync_block):
    """Plays a recording: SigMF, WAV, or raw cf32, ci16, ci8, cu8.

    The first sample carries the tags ``rx_rate`` and ``rx_freq`` (double) where the sample rate and the
    center frequency are given, or the recording says them.

    Args:
        path, datatype, sample_rate, center_frequency: see `sr2cnn_learn.recordings.open_recording`
        repeat: play again from the start for ever, without a gap

    Attributes:
        recording: the open `Recording`
        samples_read: samples given out so far
        error: what ended the reading early, or None

    Raises:
        FileNotFoundError, ValueError: the recording is missing, damaged or empty
    """

    @takes_numbers(sample_rate=number, center_frequency=number)
    def __init__(self, path, datatype=None, sample_rate=None, center_frequency=None, repeat=False):
        sync_block.__init__(self, name="SR2CNN Recording Source", in_sig=None, out_sig=[np.complex64])
        self.recording = open_recording(path, datatype, sample_rate, center_frequency)
        self._repeat = repeat
        self._blocks = self.recording.read_blocks()
        self._rest = np.empty(0, np.complex64)
        self.samples_read = 0
        self.error = None

    def work(self, input_items, output_items):
        out = output_items[0]
        try:
            while not len(self._rest):
                block = next(self._blocks, None)
                if block is None and self._repeat:
                    self._blocks = self.recording.read_blocks()
                    block = next(self._blocks, None)
                if block is None:
                    return -1
                self._rest = block
        except (OSError, ValueError) as error:
            self.error = error
            self.logger.error(shown(error))
            return -1
        if self.samples_read == 0:
            self._tag("rx_rate", self.recording.sample_rate)
            self._tag("rx_freq", self.recording.center_frequency)
        n = min(len(out), len(self._rest))
        out[:n] = self._rest[:n]
        self._rest = self._rest[n:]
        self.samples_read += n
        return n

    def _tag(self, key, value):
        if value is not None:
            self.add_item_tag(0, 0, pmt.intern(key), pmt.from_double(float(value)))
