# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames to semantic vectors."""

import time
from collections import deque

import numpy as np
from sr2cnn_learn.bundle import Bundle
from sr2cnn_learn.quantities import takes_numbers, whole
from sr2cnn_learn.tuning import doublings, kept

from .base import sync_block
from .messages import StatusPort

REMEMBERED = 1000  # calls that the latency figures are of
LARGEST_WARM_UP = 1024  # frames


class encoder(sync_block):
    """Runs a model's encoder F on whatever whole frames are there.

    A batch that cannot be encoded (the GPU ran out of memory, say) is logged and gives vectors of
    NaN, which the discriminator counts as invalid: the flowgraph goes on, frame for frame.

    Input: vectors of the model's frame_len complex. Output: vectors of the model's dim float.
    Message output ``status``, a dict once a second: ``model`` (its name), ``mean_batch`` (frames a
    call), and ``latency_ms_p50`` and ``latency_ms_p99`` (of a call, over the last 1000 calls).

    Args:
        model: path of a bundle, or the bare name of a shipped model
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:<n>"``
        batch_size: most frames that the network takes at once; 0: what ``sr2cnn tune`` found for this
            machine, with its threads, or else 256

    Attributes:
        bundle: the `sr2cnn_learn.bundle.Bundle`
        batch_size: most frames that the network takes at once
        frames_failed: frames that could not be encoded

    Raises:
        FileNotFoundError, ValueError: the model is missing or damaged, the device is absent, or
            batch_size is negative
    """

    @takes_numbers(batch_size=whole)
    def __init__(self, model="sr2cnn", device="auto", batch_size=0):
        if batch_size < 0:
            raise ValueError(f"batch_size is {batch_size}, expected at least 0")
        self.bundle = Bundle.load(model, device)
        self.batch_size = batch_size or self._tuned()
        self.frames_failed = 0
        self._calls = deque(maxlen=REMEMBERED)  # (frames, seconds)
        sync_block.__init__(
            self,
            name="SR2CNN Encoder",
            in_sig=[(np.complex64, self.bundle.frame_len)],
            out_sig=[(np.float32, self.bundle.dim)],
        )
        self._status = StatusPort(self, self.stats)

    def _tuned(self):
        tuning = kept(self.bundle)
        if tuning.threads:
            self.bundle.use_threads(tuning.threads)
        return tuning.batch_size

    def warm_up(self):
        """Encode a batch of each size that may come: torch takes longer over the first, and labels wait."""
        for size in doublings(min(self.batch_size, LARGEST_WARM_UP)):
            self.bundle.encode(np.zeros((size, self.bundle.frame_len), np.complex64), size)

    def stats(self):
        """The status message; without figures before the first call."""
        if not self._calls:
            return {"model": self.bundle.name}
        frames, seconds = np.array(self._calls).T
        p50, p99 = np.percentile(1e3 * seconds, [50, 99])
        return {
            "model": self.bundle.name,
            "mean_batch": float(frames.mean()),
            "latency_ms_p50": float(p50),
            "latency_ms_p99": float(p99),
        }

    def work(self, input_items, output_items):
        frames, z = input_items[0], output_items[0]
        n = len(frames)
        if n > self.batch_size:  # full batches only; the rest waits for the next call
            n -= n % self.batch_size
        began = time.perf_counter()
        try:
            z[:n] = self.bundle.encode(frames[:n], self.batch_size)
        except Exception as error:  # torch raises all sorts, and the flowgraph shall go on
            self.frames_failed += n
            self.logger.error(f"{n} frames could not be encoded: {error}")
            z[:n] = np.nan
        self._calls.append((n, time.perf_counter() - began))
        self._status.tick()
        return n

    def stop(self):
        self._status.publish()
        return True
