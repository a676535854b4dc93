# SPDX-License-Identifier: GPL-3.0-or-later
"""An emission on its way through the recognizer: what is known of it, where it waits, where it is looked up."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sr2cnn_learn.conditioning import Cut

MOST_WAITING = 1024  # emissions; of more, the weakest are left out
REMEMBERED = 1024  # emissions that were told, for messages that come later


@dataclass
class Emission:
    """An emission, or a piece of one that goes on.

    Attributes:
        number: from 1; the pieces of one emission have the same
        begin: index in the stream of the whole emission's first sample
        box: as from ``detector_kernel.take``
        is_piece: whether it is but a piece
        sample_rate: Hz, None where unknown
        center_frequency: of the band, Hz, None where unknown
        time: of the piece's first sample, whole and fractional seconds, None where unknown
        cut: as from `sr2cnn_learn.conditioning.cut_out`; None until it is cut out. Its frames are let go
            when they are judged
        reason: why it has no verdict, None where it has one
        n_frames: that the verdict is from, those of the pieces before included
        n_frames_here: of this piece
        log_probabilities: of the known classes, mean over its frames, float (classes,)
    """

    number: int
    begin: int
    box: Any
    is_piece: bool = False
    sample_rate: float | None = None
    center_frequency: float | None = None
    time: tuple | None = None
    cut: Cut | None = None
    reason: str | None = None
    n_frames: int = 0
    n_frames_here: int = 0
    log_probabilities: np.ndarray | None = field(default=None, repr=False)

    def about(self):
        """Where, when, how wide and how strong: dict of plain values; Hz where the rate is known."""
        found = self.cut or self.box
        rate = self.sample_rate
        scale, unit = (rate, "") if rate else (1.0, "_share")
        n_samples = found.start + found.n_samples - self.begin
        about = {"emission": self.number, "start_sample": self.begin, "n_samples": n_samples}
        if rate:
            about["duration"] = n_samples / rate
        about["frequency_offset" + unit] = found.center * scale
        about["bandwidth" + unit] = found.bandwidth * scale
        if rate and self.center_frequency is not None:
            about["center_frequency"] = self.center_frequency + found.center * rate
        if rate:
            about["sample_rate"] = rate
        about["snr"] = found.snr
        for name in ("symbol_rate", "frequency_deviation"):
            if self.cut and getattr(self.cut, name):
                about[name + unit] = getattr(self.cut, name) * scale
        if self.box.continues:
            about["continues"] = True
        if self.box.cut_off:
            about["cut_off"] = True
        return about


class WaitingEmissions:
    """What the detector has found, until it is cut out: one thread puts in, another one takes.

    Where more than `MOST_WAITING` wait, the weakest of them is put aside.
    """

    def __init__(self):
        self._changed = threading.Condition()
        self._waiting, self._left_out = [], []
        self._in_work = None
        self._ended = False

    def __len__(self):
        return len(self._waiting)

    def begin(self):
        """A run begins; what waits from the one before comes first."""
        self._ended = False

    def end(self):
        """No more is put in, in this run."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def put(self, emission):
        with self._changed:
            self._waiting.append(emission)
            if len(self._waiting) > MOST_WAITING:
                weakest = min(range(len(self._waiting)), key=lambda k: self._waiting[k].box.snr)
                emission = self._waiting.pop(weakest)
                emission.reason = f"left out: more than {MOST_WAITING} emissions waited"
                self._left_out.append(emission)
            self._changed.notify()

    def take(self, timeout):
        """The next one; None where there is none within so many seconds, or no more comes."""
        with self._changed:
            self._in_work = None
            if not self._left_out and not self._waiting and not self._ended:
                self._changed.wait(timeout)
            for line in (self._left_out, self._waiting):
                if line:
                    self._in_work = line.pop(0)
                    return self._in_work
            return None

    @property
    def ended(self):
        """Whether all of this run is taken."""
        with self._changed:
            return self._ended and not self._waiting and not self._left_out

    def oldest(self):
        """First sample of what still waits or is in work; None where nothing does."""
        with self._changed:
            starts = [emission.box.start for emission in self._waiting[:1]]
            if self._in_work is not None:
                starts.append(self._in_work.box.start)
            return min(starts, default=None)


class EmissionLog:
    """Emissions that are judged, by an index that counts them; for any thread."""

    def __init__(self):
        self._lock = threading.Lock()
        self._next = 0
        self._open, self._told = {}, OrderedDict()

    def add(self, emission):
        """Its index."""
        with self._lock:
            index, self._next = self._next, self._next + 1
            self._open[index] = emission
            return index

    def find(self, index):
        """The emission of that index; None where it is unknown, or too long ago."""
        with self._lock:
            return self._open.get(index) or self._told.get(index)

    def tell(self, index):
        """As `find`; it then counts as told."""
        with self._lock:
            emission = self._open.pop(index, None)
            if emission is not None:
                self._told[index] = emission
                if len(self._told) > REMEMBERED:
                    self._told.popitem(last=False)
            return emission

    def untold_before(self, index=None):
        """Emissions that came before that index, or all there are, and were passed over; they count as told."""
        with self._lock:
            passed = [key for key in self._open if index is None or key < index]
            return [self._open.pop(key) for key in sorted(passed)]
