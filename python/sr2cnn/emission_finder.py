# SPDX-License-Identifier: GPL-3.0-or-later
"""The recognizer's first block: finds the emissions in a band, and keeps its samples until they are cut out."""

import math
import time

import numpy as np
import pmt
from sr2cnn_learn.conditioning import SampleRing

from .base import basic_block
from .emission import MOST_WAITING, Emission
from .sr2cnn_python import detector_kernel, input_ended

RX_TIME, RX_FREQ, RX_RATE = map(pmt.intern, ("rx_time", "rx_freq", "rx_rate"))
SHORTEST_PIECE, LONGEST_PIECE = 1 << 19, 1 << 23  # samples
PATIENCE = 1 << 19  # samples, that the detector may take to tell of what has ended
PIECE = 2048  # samples at once, at least, of a stream that goes on
TURN = 4e-3  # seconds in which as many come together as there is room for
BREATH = 0.005  # seconds until a recording that has to wait looks again


class emission_finder(basic_block):
    """Puts what a detector finds into a line, where `emission_frames` takes it from.

    Input: complex; its tags ``rx_rate``, ``rx_freq`` and ``rx_time`` are those of a radio.

    Args:
        waiting: `WaitingEmissions` that takes what is found
        sample_rate: Hz; 0: what ``rx_rate`` tags say
        report_seconds: from piece to piece of an emission that goes on
        live: whether samples never wait; else they do while too many emissions wait

    Attributes:
        ring: `SampleRing` of the samples, None before the first
        emissions: number of emissions found
    """

    def __init__(self, waiting, sample_rate, report_seconds, live):
        basic_block.__init__(self, name="SR2CNN Emission Finder", in_sig=[np.complex64], out_sig=None)
        self._waiting, self._live = waiting, live
        self._report_seconds = report_seconds
        self._given, self._rate = sample_rate, sample_rate or None
        self._center_frequency = None
        self._kernel = self.ring = None
        self._taken = 0  # samples of all runs
        self._time = None  # index of a sample, whole and fractional seconds of its time
        self._most, self._last = 0, 0.0  # samples of a call, and when the last one was
        self._begins = {}  # number of the detector, of an emission that goes on -> its number, its first sample
        self.emissions = 0

    def start(self):
        self._waiting.begin()
        self._time = None  # how much time has gone by nobody knows
        return True

    def stop(self):
        if self._kernel:
            self._kernel.finish()
            self._tell()
        self._waiting.end()
        return True

    def forecast(self, noutput_items, ninputs):
        return [1 if input_ended(self.to_basic_block(), 0, PIECE) else PIECE]

    def general_work(self, input_items, output_items):
        samples = input_items[0]
        if self._must_wait():
            time.sleep(BREATH)
            return 0
        # Each turn of an interpreter that others want has its price: of what comes fast, more at once.
        now, self._most = time.monotonic(), max(self._most, len(samples))
        if len(samples) < self._most // 2 and now - self._last < TURN:
            time.sleep(TURN / 4)
            return 0
        self._last = now
        first, done = self.nitems_read(0), 0
        for tag in sorted(self.get_tags_in_range(0, first, first + len(samples)), key=lambda tag: tag.offset):
            at = tag.offset - first
            self._push(samples[done:at])
            done = at
            self._follow(tag)
        self._push(samples[done:])
        self.consume(0, len(samples))
        return 0

    def _must_wait(self):
        if self._live or self.ring is None:
            return False
        oldest = self._waiting.oldest()
        # What is taken in is not to push that out of the ring.
        full = oldest is not None and self.ring.end - oldest > self.ring.capacity - PATIENCE
        return full or len(self._waiting) >= MOST_WAITING

    def _push(self, samples):
        if not len(samples):
            return
        if self._kernel is None:
            wanted = self._report_seconds * (self._rate or 0) or math.inf
            piece = int(min(max(wanted, SHORTEST_PIECE), LONGEST_PIECE))
            self._kernel = detector_kernel(piece)
            # An emission is cut at the second border at the latest.
            self.ring = SampleRing(3 * piece + 2 * PATIENCE)
        self.ring.push(samples)
        self._kernel.push(samples)
        self._taken += len(samples)
        self._tell()

    def _follow(self, tag):
        """A tag of the radio: samples are missing before it, or it was tuned."""
        value = tag.value
        if pmt.eq(tag.key, RX_TIME):
            if pmt.is_tuple(value) and pmt.length(value) == 2:
                whole, fraction = map(pmt.to_python, (pmt.tuple_ref(value, 0), pmt.tuple_ref(value, 1)))
                if isinstance(whole, int) and isinstance(fraction, float):
                    if self._kernel:
                        self._kernel.finish()
                        self._tell()
                    self._time = self._taken, whole, fraction
            return
        is_rate = pmt.eq(tag.key, RX_RATE)
        if not (is_rate or pmt.eq(tag.key, RX_FREQ)) or not (pmt.is_real(value) or pmt.is_integer(value)):
            return
        number = pmt.to_double(value)
        if not math.isfinite(number) or is_rate and (self._given or number <= 0):
            return
        name = "_rate" if is_rate else "_center_frequency"
        if getattr(self, name) not in (None, number) and self._kernel:
            self._kernel.retune()
            self._tell()  # as it was until here
        setattr(self, name, number)

    def set_sample_rate(self, sample_rate):
        """Of the samples from now on, Hz; 0: what tags say."""
        self._given = sample_rate
        if sample_rate:
            if self._rate not in (None, sample_rate) and self._kernel:
                self._kernel.retune()
                self._tell()
            self._rate = sample_rate

    def _tell(self):
        for box in self._kernel.take():
            number, begin = self._begins.pop(box.number, (None, box.start))
            is_piece = box.continues or number is not None
            if number is None:
                self.emissions += 1
                number = self.emissions
            if box.continues:
                self._begins[box.number] = number, begin
            time = self._time_of(box.start)
            self._waiting.put(
                Emission(number, begin, box, is_piece, self._rate, self._center_frequency, time)
            )

    def _time_of(self, sample):
        if not self._time or not (self._rate or sample == self._time[0]):
            return None
        index, whole, fraction = self._time
        later = fraction + ((sample - index) / self._rate if self._rate else 0)
        return max(0, whole + math.floor(later)), later % 1
