# SPDX-License-Identifier: GPL-3.0-or-later
"""Data sets as a source of complex samples."""

import numpy as np
import pmt
from sr2cnn_learn.datasets import load_dataset
from sr2cnn_learn.iq import as_complex
from sr2cnn_learn.quantities import takes_numbers, whole

from .base import sync_block

TRUTH = pmt.intern("truth")
ORDERS = ("sequential", "shuffled")


class radioml_source(sync_block):
    """Plays the frames of a data set, one after the other.

    The tag ``truth``, a dict of ``label`` (symbol) and ``snr`` (long, dB), lies on the first sample
    of each frame whose label or SNR is not the one of the frame before.

    Output: complex.

    Args:
        path: file or folder, see `sr2cnn_learn.datasets.load_dataset`
        modulations: play these only; None or none of them plays all
        snrs: play these only, dB; None or none of them plays all
        frames_per_key: at most so many frames of each (modulation, SNR), evenly spread; None plays
            all
        order: ``"sequential"``, key by key, or ``"shuffled"``, all frames in a random order
        seed: of the random order; each repetition has a new one
        repeat: play again from the start for ever

    Attributes:
        dataset: the `Dataset` that is played

    Raises:
        FileNotFoundError, ValueError: the file is missing, damaged or has none of a modulation or
            SNR asked for; an argument is out of range
    """

    @takes_numbers(frames_per_key=whole, seed=whole)
    def __init__(
        self,
        path,
        modulations=None,
        snrs=None,
        frames_per_key=None,
        order="sequential",
        seed=0,
        repeat=False,
    ):
        if order not in ORDERS:
            raise ValueError(f"order is {order!r}, expected one of {', '.join(ORDERS)}")
        if frames_per_key is not None and frames_per_key < 1:
            raise ValueError(f"frames_per_key is {frames_per_key}, expected at least 1")
        snrs = [whole("snrs", snr) for snr in snrs or ()]
        self.dataset = load_dataset(path, modulations or None, snrs or None, max_per_key=frames_per_key)
        counts = list(self.dataset.keys.values())
        self._order = np.arange(len(self.dataset))
        self._key_of = np.repeat(np.arange(len(counts)), counts)
        self._truth = [pmt.to_pmt({"label": label, "snr": snr}) for label, snr in self.dataset.keys]
        self._shuffled = order == "shuffled"
        self._seed = seed
        self._repeat = repeat
        self.start()
        sync_block.__init__(self, name="SR2CNN RadioML Source", in_sig=None, out_sig=[np.complex64])

    def start(self):
        self._rng = np.random.default_rng(self._seed)
        self._position = 0  # samples played of this repetition
        self._last_key = None
        self._begin()
        return True

    def _begin(self):
        """Set out on a repetition."""
        self._position = 0
        self._now = self._rng.permutation(self._order) if self._shuffled else self._order

    def work(self, input_items, output_items):
        out = output_items[0]
        frame_len = self.dataset.frames.shape[1]
        if self._position == len(self._now) * frame_len:
            if not self._repeat:
                return -1
            self._begin()
        first, skip = divmod(self._position, frame_len)
        frames = self._now[first : first + (skip + len(out) - 1) // frame_len + 1]
        samples = as_complex(self.dataset.frames[frames]).ravel()
        n = min(len(out), samples.size - skip)
        out[:n] = samples[skip : skip + n]

        written = self.nitems_written(0)
        for k, key in enumerate(self._key_of[frames]):
            offset = k * frame_len - skip
            if offset >= 0 and key != self._last_key:
                self.add_item_tag(0, written + offset, TRUTH, self._truth[key], self.alias_pmt())
                self._last_key = key
        self._position += n
        return n
