# SPDX-License-Identifier: GPL-3.0-or-later
"""From the semantic vectors of an emission's frames to one of its own."""

import numpy as np
import pmt
from gnuradio import gr
from scipy.special import log_softmax

from .base import basic_block

EMISSION = pmt.intern("emission")
FRAME_START, RX_RATE = map(pmt.intern, ("frame_start", "rx_rate"))


class emission_mean(basic_block):
    """Takes the mean of the semantic vectors of each emission; of one that goes on, of all its frames so far.

    Input: vectors of the model's dim float, with the tags of `emission_frames`. Outputs: such a vector an
    emission, with the tags ``frame_start`` (its index in the log) and ``rx_rate`` (samples a second of its
    frames); and the frame that lies nearest to it, a vector of the model's frame_len complex.

    Args:
        bundle: `sr2cnn_learn.bundle.Bundle`
        log: `EmissionLog`
    """

    def __init__(self, bundle, log):
        basic_block.__init__(
            self,
            name="SR2CNN Emission Mean",
            in_sig=[(np.float32, bundle.dim)],
            out_sig=[(np.float32, bundle.dim), (np.complex64, bundle.frame_len)],
        )
        self.set_tag_propagation_policy(gr.TPP_DONT)
        self._bundle, self._log = bundle, log
        self._emission = self._index = None
        self._vectors = []  # of the emission at hand
        self._sums = {}  # number of an emission that goes on -> frames, sum of vectors, of log-probabilities

    def start(self):
        self._emission = None  # what was on its way is gone
        return True

    def forecast(self, noutput_items, ninputs):
        return [1] * ninputs

    def general_work(self, input_items, output_items):
        vectors, (means, frames) = input_items[0], output_items
        first = self.nitems_read(0)
        begins = {
            tag.offset - first: pmt.to_uint64(pmt.tuple_ref(tag.value, 1))
            for tag in self.get_tags_in_range(0, first, first + len(vectors), EMISSION)
        }
        at = put = 0
        while at < len(vectors) and put < min(map(len, output_items)):
            if at in begins:
                self._index, self._vectors = begins[at], []
                self._emission = self._log.find(self._index)
            if self._emission is None:
                at += 1
                continue
            wanted = self._emission.n_frames_here - sum(map(len, self._vectors))
            part = vectors[at : at + wanted]
            self._vectors.append(part.copy())
            at += len(part)
            if len(part) == wanted:
                means[put], frames[put] = self._finish()
                self._tag(put)
                self._emission = None
                put += 1
        self.consume(0, at)
        return put

    def _finish(self):
        """(mean vector, nearest frame) of the emission whose vectors are all there."""
        emission, vectors = self._emission, np.concatenate(self._vectors)
        probabilities = log_softmax(self._bundle.classify(vectors).astype(float), axis=1)
        parts = len(vectors), vectors.sum(0, dtype=float), probabilities.sum(0)
        if before := self._sums.pop(emission.number, None):
            parts = tuple(a + b for a, b in zip(before, parts))
        if emission.box.continues:
            self._sums[emission.number] = parts
        n, of_vectors, of_probabilities = parts
        mean = of_vectors / n
        emission.n_frames, emission.log_probabilities = n, of_probabilities / n
        nearest = int(np.argmin(np.nan_to_num(((vectors - mean) ** 2).sum(1), nan=np.inf)))
        frame = emission.cut.frames[nearest]
        emission.cut.frames = None
        return mean, frame

    def _tag(self, put):
        at, emission = self.nitems_written(0) + put, self._emission
        self.add_item_tag(0, at, FRAME_START, pmt.from_uint64(self._index), self.alias_pmt())
        if emission.sample_rate:
            rate = pmt.from_double(emission.sample_rate * emission.cut.ratio)
            self.add_item_tag(0, at, RX_RATE, rate, self.alias_pmt())
