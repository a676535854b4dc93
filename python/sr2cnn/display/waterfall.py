# SPDX-License-Identifier: GPL-3.0-or-later
"""What a waterfall shows: the last lines of a spectrum, and the emissions within them."""

import numpy as np
from sr2cnn_learn.plots.boxes import event_boxes, frequency_scale
from sr2cnn_learn.plots.spectrogram import FREE, span_of

from .label_counts import is_count, is_finite

COLUMNS = 600
MOST_BINS = 1 << 14  # of a line; more is no line of `spectrum`
MOST_EMISSIONS = 400
MOST_SAMPLES = 1 << 53  # of a stream: ten years at 20 MHz
BINS_LOOKED_AT = 128  # for the noise


class Waterfall:
    """Keeps what is to be shown. Its memory is bounded, however long it runs and whatever comes.

    Time is that of the stream, in samples, shown in seconds where its rate is known.

    Args:
        window: seconds that it covers; without a sample rate, `COLUMNS` lines

    Attributes:
        sample_rate, center_frequency: Hz, as the lines said last, or None
        changed: whether something came since `picture` was called
    """

    def __init__(self, window):
        self.window = window
        self.sample_rate = self.center_frequency = None
        self.changed = False
        self._levels = np.empty((COLUMNS, 0), np.float32)
        self._emissions = {}
        self._begin(1)

    def _begin(self, per_column):
        self._per_column = per_column  # samples
        self._newest = None  # column
        self._levels[:] = np.nan
        self._end = 0

    def set_window(self, window):
        """Seconds that it covers; what is there goes."""
        if window != self.window:
            self.window = window
            self._begin(1)

    def take_line(self, event):
        """A line of `spectrum`; whether it is one."""
        start, n, level = event.get("start_sample"), event.get("n_samples"), event.get("vector")
        if not (is_count(start, MOST_SAMPLES) and is_count(n, MOST_SAMPLES) and n):
            return False
        if not (isinstance(level, list) and 0 < len(level) <= MOST_BINS and all(map(is_finite, level))):
            return False
        rate, self.center_frequency = (event.get(key) for key in ("sample_rate", "rx_freq"))
        rate = rate if is_finite(rate) and rate > 0 else None
        if not is_finite(self.center_frequency):
            self.center_frequency = None
        if rate != self.sample_rate or self._levels.shape[1] != len(level):
            self._levels = np.empty((COLUMNS, len(level)), np.float32)
            self._newest = None
        self.sample_rate = rate
        if self._newest is None or start < self._end - n:  # it began anew
            self._begin(max(1, self.window * rate / COLUMNS if rate else n))
        self._put(int(start // self._per_column), int((start + n - 1) // self._per_column), level)
        self._end = start + n
        self.changed = True
        return True

    def _put(self, first, last, level):
        if self._newest is None:
            self._newest = first - 1
        gone = np.arange(max(self._newest, last - COLUMNS) + 1, last + 1)
        self._levels[gone % COLUMNS] = np.nan
        self._newest = max(self._newest, last)
        into = np.arange(max(first, last - COLUMNS + 1), last + 1) % COLUMNS
        self._levels[into] = np.fmax(self._levels[into], np.asarray(level, np.float32))

    def take_emission(self, event):
        """An `emission` event; of several with one number the last counts."""
        number = event.get("emission")
        if not is_count(number):
            return False
        self._emissions.pop(number, None)
        self._emissions[number] = event
        while len(self._emissions) > MOST_EMISSIONS:
            self._emissions.pop(next(iter(self._emissions)))
        self.changed = True
        return True

    def picture(self):
        """The levels as they are shown, uint8 (COLUMNS, bins), 0 the darkest, the oldest first; None before the
        first line."""
        self.changed = False
        if self._newest is None:
            return None
        levels = np.roll(self._levels, -(self._last() + 1) % COLUMNS, axis=0)
        heard = levels[~np.isnan(levels[:, 0])]
        step = max(1, heard.shape[1] // BINS_LOOKED_AT)
        looked_at = heard[:, ::step]
        floor = float(np.median(np.quantile(looked_at, FREE, axis=0)))
        darkest, brightest = span_of(looked_at, floor)
        shares = (np.nan_to_num(levels, nan=darkest) - darkest) / (brightest - darkest)
        return (255 * np.clip(shares, 0, 1)).astype(np.uint8)

    def _last(self):
        """The last column of the picture, which never begins before the stream."""
        return COLUMNS - 1 if self._newest is None else max(self._newest, COLUMNS - 1)

    def interval(self):
        """First and last sample that the picture shows."""
        end = (self._last() + 1) * self._per_column
        return end - COLUMNS * self._per_column, end

    def boxes(self):
        """Boxes (`sr2cnn_learn.plots.boxes.Box`) of the emissions that reach into the picture."""
        first, end = self.interval()
        boxes = event_boxes(self._emissions.values(), self.sample_rate)
        return [box for box in boxes if box.stop > first and box.start < end]

    def scales(self):
        """From samples to seconds, and from cycles a sample to hertz, where the sample rate is known: factor and
        name of the one, a `Scale` of the other."""
        time = (1 / self.sample_rate, "time in the stream, s") if self.sample_rate else (1.0, "sample")
        return time, frequency_scale(self.sample_rate, self.center_frequency)
