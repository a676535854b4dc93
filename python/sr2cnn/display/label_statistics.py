# SPDX-License-Identifier: GPL-3.0-or-later
"""What a display of labels shows: counts of each class, a timeline, the flowgraph's figures."""

import math

import numpy as np
from sr2cnn_learn.names import default_name, shown

from .label_counts import LabelCounts, is_count, is_finite, is_integer

BINS = 300  # of the timeline
LONGEST_NAME = 60  # characters
LONGEST_WAIT = 1.0  # seconds since the run before that a run without a time is said to have lasted
ON_THEIR_WAY = 5.0  # seconds in which labels from before a rename, merge or forget may still come
UNJUDGED = -32768  # the class id of a frame that cannot be judged


class LabelStatistics(LabelCounts):
    """Counts what labels say, by class id. Its memory is bounded, however long it runs and whatever comes.

    Events are dicts as from `messages.event`; what is none is refused, never raised. The timeline's time is
    that of the stream, ``start_sample`` by the sample rate. Where no rate is known it is the time of arrival,
    and a run lasts since the one before, `LONGEST_WAIT` at most.

    Args:
        window: seconds that the timeline covers
        sample_rate: Hz, of labels that do not say theirs; None if that is unknown

    Attributes:
        status: the latest figures of the flowgraph, a dict
        rate: frames a second between the last two of those, or None
        dropping: whether frames were dropped between them
        error: the latest command that was refused, a line, or None; ``error_at`` is when that came
        refused: number of events that were none
        heirs: class id -> the id that it was merged into, None if it was forgotten, and when; of the last
            `ON_THEIR_WAY` seconds

    Raises:
        ValueError: an argument is out of range
    """

    def __init__(self, window=60.0, sample_rate=None):
        super().__init__()
        self.status = {}
        self.rate = None
        self.dropping = False
        self.error = None
        self.error_at = 0.0
        self.refused = 0
        self.heirs = {}
        self.set_sample_rate(sample_rate)
        self.window = _checked_window(window)
        self._clear()
        self._status_at = None
        self._origin = None
        self._renamed = {}

    def set_sample_rate(self, sample_rate):
        """Hz, of labels that do not say theirs; None if that is unknown.

        Raises:
            ValueError: it is out of range
        """
        if sample_rate is not None and not _is_rate(sample_rate):
            raise ValueError(f"sample rate is {sample_rate!r}, expected at least 0.001 Hz")
        self.sample_rate = sample_rate

    def set_window(self, window):
        """Seconds that the timeline covers. It keeps what lies in them.

        Raises:
            ValueError: it is out of range
        """
        if (window := _checked_window(window)) == self.window:
            return
        newest, width = self._newest, self._width
        self.window = window
        self._width = window / BINS
        self._newest = math.ceil((newest + 1) * width / self._width - 1e-6) - 1 if self._bins else 0
        was = width * np.arange(newest - BINS + 1, newest + 2)  # edges of the bins, s
        now = self._width * np.arange(self._newest - BINS + 1, self._newest + 2)
        for id, ring in list(self._bins.items()):
            up_to = np.append(0.0, np.cumsum(np.roll(ring, -(newest + 1) % BINS)))
            bins = np.diff(np.interp(now, was, up_to))
            bins[bins < 1e-9] = 0.0  # rounding
            self._bins[id] = np.roll(bins, (self._newest + 1) % BINS)
        self._drop_silent()

    def take(self, event, now):
        """Count an event.

        Args:
            event: dict; ``event`` says whether it is a ``"label"``, ``"novel"`` or ``"status"``
            now: time of arrival on a clock that never goes back, s

        Returns:
            the class id of a label or a discovered class; None of a status and of what is refused
        """
        if event.get("event") == "status":
            self._take_status(event, now)
            return None
        id, label, n = (event.get(key) for key in ("class_id", "label", "n_frames"))
        is_class = is_integer(id) and UNJUDGED < id < 1 << 15 and isinstance(label, str) and label
        if not is_class or not is_count(n) or n == 0:
            self.refused += 1
            return None
        into, at = self.heirs.get(id, (id, now))
        id = into if now < at + ON_THEIR_WAY else id
        if id is None:
            return None  # of a class that was forgotten meanwhile
        heard = self._hear(id, label)
        heard.last = now
        if event["class_id"] == id:  # not under the name of one that was merged into it
            self._name(heard, label, now)
        if event.get("event") == "label":
            self.count(heard, event)
            self._put(id, n, *self._interval(event, now))
        return id

    def rename(self, id, name, now):
        """A class gets a name, before labels tell; a refusal among the events undoes it."""
        heard = self.classes[id]
        self._renamed[id] = (heard.name, now)
        heard.name = name

    def rows(self):
        """A tuple a class, most frames first: `Heard`, share of all frames, share of the timeline's."""
        recent = {id: bins.sum() for id, bins in self._bins.items()}
        total = sum(recent.values())
        return [
            (one, one.frames / max(self.frames, 1), recent.get(one.key, 0.0) / total if total else 0.0)
            for one in self.largest()
        ]

    def timeline(self, most=12):
        """Which class when.

        Args:
            most: lanes; where there are more classes, the last lane holds all that have fewest frames

        Returns:
            ids, a class a lane, known ones first, None for the rest; shares of each bin's frames, float
            (lanes, BINS); first and last second
        """
        ids = sorted(self._bins, key=lambda id: -self._bins[id].sum())
        ids, rest = (ids, []) if len(ids) <= most else (ids[: most - 1], ids[most - 1 :])
        ids.sort(key=lambda id: (id < 0, abs(id)))
        lanes = [self._bins[id] for id in ids]
        if rest:
            lanes.append(np.sum([self._bins[id] for id in rest], axis=0))
        shares = np.array(lanes).reshape(-1, BINS)
        bins = max(BINS, self._newest + 1)
        shares = np.roll(shares, -bins % BINS, axis=1)
        shares = shares / np.maximum(shares.sum(0), 1e-9)
        end = bins * self._width
        return ids + [None] * bool(rest), shares, end - self.window, end

    @property
    def in_stream_time(self):
        """Whether the timeline's time is that of the stream."""
        return bool(self._by_rate)

    def _take_status(self, event, now):
        if "error" not in event:
            if self._status_at is not None and now > self._status_at:
                self.rate = max(0, self._more(event, "frames_out")) / (now - self._status_at)
                self.dropping = self._more(event, "frames_dropped") > 0
            self.status, self._status_at = event, now
            self._take_gone(event, now)
            return
        self.error, self.error_at = shown(event["error"], 200), now
        command = event.get("command")
        renamed = command.get("rename") if isinstance(command, dict) else None
        id = renamed.get("id") if isinstance(renamed, dict) else None
        if is_integer(id) and id in self._renamed and id in self.classes:
            self.classes[id].name, _ = self._renamed.pop(id)

    def _take_gone(self, event, now):
        """Classes that are no more: merged into another one, or forgotten."""
        merged, forgotten = event.get("merged"), event.get("forgotten")
        if isinstance(merged, dict):
            source, into = merged.get("from"), merged.get("into")
            if _is_discovered(source) and _is_discovered(into) and source != into:
                self._merge(source, into)
                self._remember({source: into}, now)
        if isinstance(forgotten, list):
            gone = dict.fromkeys(filter(_is_discovered, forgotten))
            for id in gone:
                self.forget(id)
            self._remember(gone, now)

    def _merge(self, source, into):
        bins, gone = self._bins.get(source), self.forget(source)
        if gone is None:
            return
        self._hear(into, default_name(into)).take_over(gone)
        if bins is not None:
            self._bins[into] = self._bins.get(into, 0.0) + bins

    def _remember(self, gone, now):
        """Where labels of classes belong that are still on their way."""
        there = set(gone) | set(gone.values())
        self.heirs = {
            id: (gone.get(into, into), at)
            for id, (into, at) in self.heirs.items()
            if now < at + ON_THEIR_WAY and id not in there
        }
        self.heirs |= {id: (into, now) for id, into in gone.items()}

    def _more(self, status, key):
        """By how much a count is larger than it was."""
        new, old = status.get(key), self.status.get(key)
        return new - old if is_count(new) and is_count(old) else 0

    def _hear(self, id, label):
        return self.hear(id, shown(label, LONGEST_NAME), id >= 0)

    def _name(self, heard, label, now):
        label = shown(label, LONGEST_NAME)
        old, since = self._renamed.get(heard.key, (None, now))
        if label == old and now < since + ON_THEIR_WAY:
            return
        self._renamed.pop(heard.key, None)
        heard.name = label

    def forget(self, id):
        for kept in (self._bins, self._renamed):
            kept.pop(id, None)
        return super().forget(id)

    def _interval(self, event, now):
        """First and last second of a label's run."""
        rate = event.get("sample_rate")
        rate = rate if _is_rate(rate) else self.sample_rate
        start, n = event.get("start_sample"), event.get("n_samples")
        by_rate = rate is not None and is_count(start) and is_count(n)
        if by_rate != self._by_rate:
            self._clear()
        self._by_rate = by_rate
        if by_rate:
            return start / rate, (start + n) / rate
        if self._origin is None:
            self._origin = now
        end = now - self._origin
        start = end if self._arrived is None else max(self._arrived, end - LONGEST_WAIT)
        self._arrived = end
        return start, end

    def _put(self, id, n, start, end):
        """Frames of a class into the bins of an interval."""
        last = math.ceil(end / self._width) - 1 if end > start else math.floor(end / self._width)
        first = min(math.floor(start / self._width), last)
        if abs(last - self._newest) >= BINS:
            # A gap that leaves nothing to show, or a stream that began anew.
            self._bins.clear()
            self._newest = last
        for passed in range(self._newest + 1, last + 1):
            for bins in self._bins.values():
                bins[passed % BINS] = 0
        if last > self._newest:
            self._newest = last
            self._drop_silent()
        share = n / (last - first + 1)
        covered = np.arange(max(first, self._newest - BINS + 1), last + 1)
        if len(covered):
            self._bins.setdefault(id, np.zeros(BINS))[covered % BINS] += share

    def _drop_silent(self):
        self._bins = {id: bins for id, bins in self._bins.items() if bins.any()}

    def _clear(self):
        self._width = self.window / BINS
        self._bins = {}  # class id -> frames in each bin; a ring
        self._newest = 0  # bin, counted from time 0
        self._by_rate = None
        self._arrived = None


def _is_rate(value):
    return is_finite(value) and value >= 0.001


def _is_discovered(id):
    return is_integer(id) and UNJUDGED < id < 0


def _checked_window(window):
    if not is_finite(window) or not 0.001 <= window <= 1e9:
        raise ValueError(f"window is {window!r}, expected 0.001 s to 1e9 s")
    return window
