# SPDX-License-Identifier: GPL-3.0-or-later
"""Complex samples to frames."""

import numpy as np
import pmt
from gnuradio import gr

from .framing import Framing
from .status import StatusPort

RX_TIME = pmt.intern("rx_time")
FRAME_START = pmt.intern("frame_start")


class framer(gr.basic_block):
    """Cuts a complex stream into frames, vectors of `frame_len` samples.

    A tag moves to the frame that holds its sample (to the last one that does, where frames
    overlap). Tags on samples that no frame holds move to the next frame. An ``rx_time`` tag within
    the stream means that samples are missing before it: framing starts again at its sample, so that
    no frame spans the gap. Frames that hold NaN or infinity are counted and left out. The first
    frame, and each that does not follow the one before it by a hop, carries the tag
    ``frame_start``: uint64, index of its first sample in the input stream. A partial frame at the
    end of the stream is counted in `samples_left` and logged.

    Input: complex. Output: vectors of `frame_len` complex.
    Message output ``status``, a dict once a second: ``frames_dropped``, frames that get no class id,
    ``frames_skipped``, those of them that are not finite, and ``samples_dropped``.

    Args:
        frame_len: samples a frame
        hop: samples from one frame's start to the next one's; 0 means `frame_len`

    Raises:
        ValueError: frame_len is below 1, or hop below 0
    """

    def __init__(self, frame_len=128, hop=0):
        hop = hop if hop != 0 else frame_len
        self._framing = Framing(frame_len, hop)
        gr.basic_block.__init__(
            self,
            name="SR2CNN Framer",
            in_sig=[np.complex64],
            out_sig=[(np.complex64, frame_len)],
        )
        self.set_tag_propagation_policy(gr.TPP_DONT)
        self.set_relative_rate(1, hop)
        self._tags = []  # of no frame yet
        self._status = StatusPort(self, self._report)

    @property
    def frames(self):
        """Frames put out so far."""
        return self._framing.frames

    @property
    def frames_skipped(self):
        """Frames left out so far for NaN or infinity."""
        return self._framing.frames_skipped

    @property
    def samples_dropped(self):
        """Samples before an in-stream ``rx_time`` that made no whole frame."""
        return self._framing.samples_dropped

    @property
    def samples_left(self):
        """Samples of the frame that is not whole yet."""
        return self._framing.samples_left

    def _report(self):
        return {
            "frames_dropped": self.frames_skipped,
            "frames_skipped": self.frames_skipped,
            "samples_dropped": self.samples_dropped,
        }

    def start(self):
        self._framing = Framing(self._framing.frame_len, self._framing.hop)
        self._tags = []
        return True

    def forecast(self, noutput_items, ninputs):
        # Any input is welcome: what makes no whole frame is kept here, so that nothing of the end
        # of a stream goes by uncounted.
        return [1] * ninputs

    def general_work(self, input_items, output_items):
        out = output_items[0]
        first = self.nitems_read(0)
        samples = input_items[0][: self._framing.intake(len(out))]
        tags = self.get_tags_in_range(0, first, first + len(samples))
        restarts = sorted({t.offset for t in tags if pmt.eq(t.key, RX_TIME) and t.offset > 0})
        skipped = self.frames_skipped
        starts, jumps = self._framing.cut(samples, restarts, out)
        self._add_tags(tags, starts, jumps)
        self.consume(0, len(samples))
        if self.frames_skipped > skipped:
            self._status.publish()  # what waits for stop() may find its receiver gone
        else:
            self._status.tick()
        return len(starts)

    def _add_tags(self, tags, starts, jumps):
        written = self.nitems_written(0)
        for row in np.flatnonzero(jumps):
            index = pmt.from_uint64(int(starts[row]))
            self.add_item_tag(0, written + int(row), FRAME_START, index, self.alias_pmt())
        self._tags += tags
        if not self._tags:
            return
        rows = self._framing.owners([tag.offset for tag in self._tags], starts)
        for tag, row in zip(self._tags, rows.tolist()):
            if row < len(starts):
                self.add_item_tag(0, written + row, tag.key, tag.value, tag.srcid)
        self._tags = [tag for tag, row in zip(self._tags, rows) if row == len(starts)]

    def stop(self):
        self._status.publish()
        if self.samples_left:
            self.logger.info(
                f"partial last frame: {self.samples_left} of {self._framing.frame_len} samples left"
            )
        if self.frames_skipped:
            self.logger.warn(f"{self.frames_skipped} frames left out: they hold NaN or infinity")
        return True
