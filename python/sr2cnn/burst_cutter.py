# SPDX-License-Identifier: GPL-3.0-or-later
"""The stream block of the conditioner."""

from collections import deque

import numpy as np
import pmt
from gnuradio import gr
from sr2cnn_learn.conditioning import Conditioner

from .burst_log import Heard
from .sr2cnn_python import input_ended

BURSTS = pmt.intern("bursts")
RX_TIME, RX_FREQ, RX_RATE = map(pmt.intern, ("rx_time", "rx_freq", "rx_rate"))
MOST_WAITING = 1 << 18  # samples put out later; no more is taken in meanwhile


class burst_cutter(gr.basic_block):
    """Puts out the bursts of a stream, centered and resampled, see `sr2cnn_learn.conditioning`.

    The first sample of a burst carries ``rx_time``, ``rx_freq`` (its center) and ``rx_rate``. Message output
    ``bursts``: a dict for each burst that has ended.

    Args:
        log: `BurstLog` that is told of each burst
        sample_rate: Hz; 0 means what ``rx_rate`` tags say
        samples_per_symbol: of what comes out
    """

    def __init__(self, log, sample_rate, samples_per_symbol):
        gr.basic_block.__init__(
            self, name="SR2CNN Burst Cutter", in_sig=[np.complex64], out_sig=[np.complex64]
        )
        self.set_tag_propagation_policy(gr.TPP_DONT)
        self.message_port_register_out(BURSTS)
        self._log, self._given = log, sample_rate
        self._samples_per_symbol = samples_per_symbol
        self._reset()

    def _reset(self):
        self._conditioner = Conditioner(self._samples_per_symbol)
        self._waiting, self._n_waiting = deque(), 0
        self._rate = self._given or None
        self._freq = None
        self._time = 0, 0, 0.0  # index of a sample, whole and fractional seconds of its time
        self._ended = False
        self._heard = {}

    def start(self):
        self._reset()
        return True

    def forecast(self, noutput_items, ninputs):
        # Called once more at the end of the stream, and while something waits, without any input.
        return [0 if self._n_waiting or (not self._ended and input_ended(self.to_basic_block(), 0)) else 1]

    def general_work(self, input_items, output_items):
        samples = input_items[0] if self._n_waiting < MOST_WAITING else input_items[0][:0]
        if len(samples):
            self._take(samples)
            self.consume(0, len(samples))
        elif not self._ended and input_ended(self.to_basic_block(), 0):
            self._ended = True
            self._keep(self._conditioner.finish())
        n = self._put_out(output_items[0])
        return -1 if self._ended and not n and not self._n_waiting else n

    def _take(self, samples):
        first = self.nitems_read(0)
        done = 0
        tags = self.get_tags_in_range(0, first, first + len(samples))
        for tag in sorted(tags, key=lambda tag: tag.offset):
            if any(pmt.eq(tag.key, key) for key in (RX_TIME, RX_FREQ, RX_RATE)):
                at = tag.offset - first
                self._keep(self._conditioner.push(samples[done:at]))
                done = at
                self._follow(tag)
        self._keep(self._conditioner.push(samples[done:]))

    def _follow(self, tag):
        """A tag of the radio: samples are missing before it, or it was tuned."""
        value = tag.value
        if pmt.eq(tag.key, RX_TIME):
            if not (pmt.is_tuple(value) and pmt.length(value) == 2):
                return
            seconds, fraction = map(pmt.to_python, (pmt.tuple_ref(value, 0), pmt.tuple_ref(value, 1)))
            if isinstance(seconds, int) and isinstance(fraction, float):
                self._keep(self._conditioner.finish())
                self._time = tag.offset, seconds, fraction
            return
        if not (pmt.is_real(value) or pmt.is_integer(value)):
            return
        number = pmt.to_double(value)
        name = "_freq" if pmt.eq(tag.key, RX_FREQ) else "_rate"
        if name == "_rate" and (self._given or not 0 < number < float("inf")):
            return
        if getattr(self, name) not in (None, number):
            self._keep(self._conditioner.retune())  # as it was until here
        setattr(self, name, number)

    def _keep(self, pieces):
        for piece in pieces:
            burst, tags = piece.burst, []
            if piece.first:
                heard = Heard(burst, self._rate, self._freq)
                self._heard[burst.number] = heard
                self._log.add(heard)
                tags = self._tags(heard)
            if len(piece.samples) or tags:
                self._waiting.append((piece.samples, tags))
                self._n_waiting += len(piece.samples)
            if piece.last:
                self._publish(self._heard.pop(burst.number))

    def _seconds(self, sample):
        """Whole and fractional seconds of a sample's time."""
        index, whole, fraction = self._time
        later = fraction + (sample - index) / (self._rate or 1.0)
        return whole + int(later // 1), later % 1

    def _tags(self, heard):
        burst, rate = heard.burst, heard.sample_rate or 1.0
        whole, fraction = self._seconds(burst.start)
        return [
            (RX_TIME, pmt.make_tuple(pmt.from_uint64(max(0, whole)), pmt.from_double(fraction))),
            (RX_RATE, pmt.from_double(rate * burst.up / burst.down)),
            (RX_FREQ, pmt.from_double((heard.rx_freq or 0.0) + burst.center * rate)),
        ]

    def _publish(self, heard):
        burst = heard.burst
        about = dict(heard.about(), start_sample=burst.start, n_samples=burst.n_samples)
        if heard.sample_rate:
            about["duration"] = burst.n_samples / heard.sample_rate
        self.message_port_pub(BURSTS, pmt.to_pmt(about))

    def _put_out(self, out):
        n = 0
        while self._waiting and n < len(out):
            samples, tags = self._waiting[0]
            for key, value in tags:
                self.add_item_tag(0, self.nitems_written(0) + n, key, value, self.alias_pmt())
            m = min(len(samples), len(out) - n)
            out[n : n + m] = samples[:m]
            n += m
            if m < len(samples):
                self._waiting[0] = samples[m:], []
            else:
                self._waiting.popleft()
        self._n_waiting -= n
        return n
