# SPDX-License-Identifier: GPL-3.0-or-later
"""A paced source whose labels tell how late they are."""

import math
import resource
import time
from pathlib import Path

import numpy as np
import pmt
from gnuradio import blocks

from ..outputs.output import Output
from ..sources.pacer import pacer
from ..synthesis.radioml import run
from ..synthesis.transmitters import TRANSMITTERS

PAGE = resource.getpagesize()
LONGEST = 10_000  # milliseconds; later labels count as so late
MODULATIONS = "BPSK", "QPSK", "8PSK", "QAM16", "GFSK"
NOISE = 0.03  # amplitude of I and of Q, over signals of unit power


def rss():
    """Resident memory, bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def bursts(seed=0, n_symbols=2000, pause=8000):
    """complex64 samples, to be repeated: a burst of each modulation, a pause after each, noise over all."""
    rng = np.random.default_rng(seed)
    parts = []
    for name in MODULATIONS:
        transmitter = TRANSMITTERS[name]()
        bits = rng.integers(0, 2, n_symbols * transmitter.bits_per_symbol)
        parts += [run(blocks.vector_source_b(bits.tolist()), transmitter), np.zeros(pause)]
    samples = np.concatenate(parts)
    return (samples + NOISE * rng.standard_normal((len(samples), 2)) @ [1, 1j]).astype(np.complex64)


class clock(pacer):
    """A `pacer` that tags the first sample with the time at which it was due, and the sample rate."""

    def __init__(self, sample_rate):
        super().__init__(sample_rate)
        self.sample_rate = sample_rate
        self.began = None  # seconds since the epoch

    def work(self, input_items, output_items):
        n = super().work(input_items, output_items)
        if n and self.began is None:
            self.began = time.time() - (time.monotonic() - self._began)
            fraction, seconds = math.modf(self.began)
            when = pmt.make_tuple(pmt.from_uint64(int(seconds)), pmt.from_double(fraction))
            self.add_item_tag(0, 0, pmt.intern("rx_time"), when)
            self.add_item_tag(0, 0, pmt.intern("rx_rate"), pmt.from_double(self.sample_rate))
        return n

    def behind(self):
        """Seconds by which the samples so far are late."""
        return time.time() - self.began - self.nitems_written(0) / self.sample_rate


class Latencies(Output):
    """Latencies of labels in seconds, and the frames of all labels.

    The source's first sample carries an ``rx_time`` tag with this machine's clock, and the pacing gives no
    sample before its time, so that the ``rx_time`` of a label, with its length and the sample rate, is the
    time at which its last sample was due; the latency is from then until the label's event reaches an
    output.

    Args:
        skip: labels at the beginning that do not count
    """

    name = "latencies"

    def __init__(self, skip=0):
        super().__init__()
        self._skip = skip
        self._counts = np.zeros(LONGEST + 1, np.int64)  # by the millisecond: they take no more memory
        self.n_frames = self.n_labels = 0
        self.status = {}

    def _write(self, kind, event):
        if kind == "status" and "frames_in" in event:
            self.status = event
        if kind != "labels":
            return
        self.n_labels += 1
        self.n_frames += event["n_frames"]
        seconds, fraction = event["rx_time"]
        due = seconds + fraction + event["n_samples"] / event["sample_rate"]
        if self.n_labels > self._skip:
            self._counts[min(max(0, int(1e3 * (time.time() - due))), LONGEST)] += 1

    def quantiles(self):
        """Median and 99 % quantile in seconds, to the millisecond; NaN where there are none."""
        below = np.cumsum(self._counts)
        if not below[-1]:
            return np.nan, np.nan
        return 1e-3 * (1 + np.searchsorted(below, np.array([0.5, 0.99]) * below[-1]))
