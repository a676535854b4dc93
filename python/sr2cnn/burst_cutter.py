# SPDX-License-Identifier: GPL-3.0-or-later
"""The stream block of the conditioner, for one channel or many."""

from collections import deque

import numpy as np
import pmt
from gnuradio import gr
from sr2cnn_learn.conditioning import Conditioner
from sr2cnn_learn.conditioning.burst_log import Heard

from .base import basic_block
from .sr2cnn_python import input_ended

BURSTS = pmt.intern("bursts")
STREAM_START = pmt.intern("stream_start")
RX_TIME, RX_FREQ, RX_RATE = map(pmt.intern, ("rx_time", "rx_freq", "rx_rate"))
MOST_WAITING = 1 << 18  # samples put out later; no more is taken in meanwhile


class burst_cutter(basic_block):
    """Puts out the bursts of its inputs, centered and resampled, see `sr2cnn_learn.conditioning`.

    Inputs: a stream a channel, of equal rates. Output: the bursts of all of them. Where another burst begins
    or goes on, its first sample carries ``rx_time``, ``rx_freq`` (of its center) and ``rx_rate``. Message
    output ``bursts``: a dict for each burst that has ended.

    Args:
        log: `BurstLog` that is told what is put out
        sample_rate: of a channel, Hz; 0 means what ``rx_rate`` tags say
        samples_per_symbol: of what comes out
        offsets: center of each channel over that of the stream that came in, in channel rates
        piece: samples; where channels take turns, each puts out a multiple of it
    """

    def __init__(self, log, sample_rate, samples_per_symbol, offsets=(0.0,), piece=1):
        basic_block.__init__(
            self, name="SR2CNN Burst Cutter", in_sig=[np.complex64] * len(offsets), out_sig=[np.complex64]
        )
        self.set_tag_propagation_policy(gr.TPP_DONT)
        self.message_port_register_out(BURSTS)
        self._log, self._given, self._piece = log, sample_rate, piece
        self._offsets = offsets
        self._channels = [_Channel(samples_per_symbol) for _ in offsets]
        self._waiting, self._n_waiting = deque(), 0
        self._rate = self._given or None
        self._freq = None
        self._time = 0, 0, 0.0  # index of a sample of a channel, whole and fractional seconds of its time
        self._ended = self._started = False
        # Of all runs: GNU Radio counts from 0 after each start.
        self._bursts = self._taken = self._out = 0
        self._last = None  # burst that was put out last, and how far

    def start(self):
        self._ended = self._started = False
        return True

    def stop(self):
        if not self._ended:
            self._finish()  # bursts that were cut off; their samples go out first in the next run
        return True

    def forecast(self, noutput_items, ninputs):
        # Called once more at the end of the stream, and while something waits, without any input.
        return [0 if self._n_waiting or self._at_end() else 1] * ninputs

    def _at_end(self):
        return not self._ended and input_ended(self.to_basic_block(), 0)

    def general_work(self, input_items, output_items):
        n = min(map(len, input_items)) if self._n_waiting < MOST_WAITING else 0
        if n:
            self._take([samples[:n] for samples in input_items])
            self._taken += n
            for k in range(len(input_items)):
                self.consume(k, n)
        elif self._at_end():
            self._ended = True
            self._finish()
        put = self._put_out(output_items[0])
        return -1 if self._ended and not put and not self._n_waiting else put

    def _take(self, inputs):
        first, n = self.nitems_read(0), len(inputs[0])
        done = 0
        # All channels come of one stream, and have the same tags.
        for tag in sorted(self.get_tags_in_range(0, first, first + n), key=lambda tag: tag.offset):
            if any(pmt.eq(tag.key, key) for key in (RX_TIME, RX_FREQ, RX_RATE)):
                at = tag.offset - first
                self._push(inputs, done, at)
                done = at
                self._follow(tag, self._taken + at)
        self._push(inputs, done, n)

    def _push(self, inputs, begin, end):
        for k, (channel, samples) in enumerate(zip(self._channels, inputs)):
            self._keep(k, channel.conditioner.push(samples[begin:end]))

    def _finish(self):
        for k, channel in enumerate(self._channels):
            self._keep(k, channel.conditioner.finish())

    def _follow(self, tag, index):
        """A tag of the radio: samples are missing before it, or it was tuned."""
        value = tag.value
        if pmt.eq(tag.key, RX_TIME):
            if not (pmt.is_tuple(value) and pmt.length(value) == 2):
                return
            seconds, fraction = map(pmt.to_python, (pmt.tuple_ref(value, 0), pmt.tuple_ref(value, 1)))
            if isinstance(seconds, int) and isinstance(fraction, float):
                self._finish()
                self._time = index, seconds, fraction
            return
        if not (pmt.is_real(value) or pmt.is_integer(value)):
            return
        number = pmt.to_double(value)
        name = "_freq" if pmt.eq(tag.key, RX_FREQ) else "_rate"
        if name == "_rate":
            if self._given or not 0 < number < float("inf"):
                return
            number /= len(self._channels)
        if getattr(self, name) not in (None, number):
            for k, channel in enumerate(self._channels):
                self._keep(k, channel.conditioner.retune())  # as it was until here
        setattr(self, name, number)

    def _keep(self, k, pieces):
        channel = self._channels[k]
        for piece in pieces:
            if piece.first:
                self._bursts += 1
                several = len(self._channels) > 1
                center = self._freq
                if several and self._rate:
                    center = (self._freq or 0.0) + self._offsets[k] * self._rate
                channel.begin(
                    Heard(
                        self._bursts,
                        piece.burst,
                        self._rate,
                        center,
                        k if several else None,
                        len(self._channels),
                    )
                )
            heard = channel.heard
            at, samples = channel.whole(piece.samples, self._piece)
            if len(samples):
                self._queue(heard, at, samples)
            if piece.last:
                self._publish(heard)

    def _queue(self, heard, at, samples):
        tags = [] if self._last == (heard.number, at) else self._tags(heard, at)
        self._log.add(self._out, heard, at)
        self._waiting.append((samples, tags))
        self._n_waiting += len(samples)
        self._out += len(samples)
        self._last = heard.number, at + len(samples)

    def _tags(self, heard, at):
        """The radio's tags for the at-th sample of a burst."""
        burst, rate = heard.burst, heard.sample_rate or 1.0
        index, whole, fraction = self._time
        later = fraction + (burst.start + at * burst.down / burst.up - index) / rate
        time = pmt.from_uint64(max(0, whole + int(later // 1))), pmt.from_double(later % 1)
        return [
            (RX_TIME, pmt.make_tuple(*time)),
            (RX_RATE, pmt.from_double(rate * burst.up / burst.down)),
            (RX_FREQ, pmt.from_double((heard.rx_freq or 0.0) + burst.center * rate)),
        ]

    def _publish(self, heard):
        n = heard.burst.n_samples
        about = dict(heard.about(), start_sample=heard.before(0), n_samples=n * heard.decimation)
        if heard.sample_rate:
            about["duration"] = n / heard.sample_rate
        self.message_port_pub(BURSTS, pmt.to_pmt(about))

    def _put_out(self, out):
        n = 0
        if self._waiting and not self._started:
            self._started = True
            first = pmt.from_uint64(self._out - self._n_waiting)
            self.add_item_tag(0, self.nitems_written(0), STREAM_START, first, self.alias_pmt())
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


class _Channel:
    """A channel's conditioner, and the samples of its burst that make no whole piece yet."""

    def __init__(self, samples_per_symbol):
        self.conditioner = Conditioner(samples_per_symbol)

    def begin(self, heard):
        self.heard, self._done = heard, 0
        self._rest = np.empty(0, np.complex64)

    def whole(self, samples, piece):
        """(place in the burst, samples) of as many whole pieces as there are."""
        samples = np.concatenate([self._rest, samples])
        n = len(samples) // piece * piece
        self._rest = samples[n:]
        at, self._done = self._done, self._done + n
        return at, samples[:n]
