# SPDX-License-Identifier: GPL-3.0-or-later
"""What a waterfall is made of."""

import numpy as np
import pmt
from sr2cnn_learn.quantities import number, takes_numbers

from .base import sync_block
from .display.spectrum_lines import SpectrumLines
from .messages import SPECTRA

RX_FREQ, RX_RATE = pmt.intern("rx_freq"), pmt.intern("rx_rate")


class spectrum(sync_block):
    """The spectrum of a stream, twenty times a second at most, for the waterfall of a `label_display`.

    The flowgraph never waits for it. Of fast streams it looks at a part: there are no more spectra at 20 MS/s than at
    1 MS/s.

    Input: complex; its tags ``rx_rate`` and ``rx_freq`` are those of a radio. Message output ``spectra``: a PDU
    a line, ``start_sample``, ``n_samples``, ``sample_rate`` and ``rx_freq`` where they are known, and dB over
    the band from its lowest frequency up.

    Args:
        sample_rate: Hz; 0: what ``rx_rate`` tags say

    Raises:
        ValueError: it is negative or not finite
    """

    @takes_numbers(sample_rate=number)
    def __init__(self, sample_rate=0.0):
        sync_block.__init__(self, name="SR2CNN Spectrum", in_sig=[np.complex64], out_sig=None)
        self._lines = SpectrumLines()
        self._center_frequency = None
        self.message_port_register_out(pmt.intern(SPECTRA))
        self.set_sample_rate(sample_rate)

    @takes_numbers(sample_rate=number)
    def set_sample_rate(self, sample_rate):
        """Of the samples from now on, Hz; 0: what tags say."""
        if not 0 <= sample_rate < float("inf"):
            raise ValueError(f"sample rate is {sample_rate}, expected 0 Hz or more")
        self._given = self._rate = sample_rate
        self._lines.set_sample_rate(sample_rate or None)

    def work(self, input_items, output_items):
        samples = input_items[0]
        first = self.nitems_read(0)
        for tag in self.get_tags_in_range(0, first, first + len(samples)):
            self._follow(tag)
        for start, n, level in self._lines.push(samples):
            about = {"start_sample": start, "n_samples": n}
            about |= {"sample_rate": self._rate} if self._rate else {}
            about |= {"rx_freq": self._center_frequency} if self._center_frequency is not None else {}
            line = pmt.cons(pmt.to_pmt(about), pmt.init_f32vector(len(level), level.tolist()))
            self.message_port_pub(pmt.intern(SPECTRA), line)
        return len(samples)

    def _follow(self, tag):
        """A tag of the radio."""
        is_rate = pmt.eq(tag.key, RX_RATE)
        if not (is_rate or pmt.eq(tag.key, RX_FREQ)) or not (
            pmt.is_real(tag.value) or pmt.is_integer(tag.value)
        ):
            return
        value = pmt.to_double(tag.value)
        if not np.isfinite(value):
            return
        if not is_rate:
            self._center_frequency = value
        elif value > 0 and not self._given:
            self._rate = value
            self._lines.set_sample_rate(value)
