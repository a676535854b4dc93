# SPDX-License-Identifier: GPL-3.0-or-later
"""A stream of samples from a source that may go away. Nothing here knows GNU Radio."""

import threading
import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from ..reporting import Seldom

TICK = 0.1  # seconds between looks at the source
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  # seconds before it is opened again
MOST_WAITING = 2.0  # seconds of samples that wait to be taken; what comes then is dropped
MOST_SAMPLES = 1 << 23  # the same, in samples
LATE = "the flowgraph did not keep up"


@dataclass(frozen=True)
class Gap:
    """Time without samples. ``begin``: Unix time; ``seconds``: how long; ``reason``: in words."""

    begin: float
    seconds: float
    reason: str


@dataclass(frozen=True)
class Chunk:
    """Samples in a row.

    ``samples``: complex64 (n,); ``tags``: what the source attached, with offsets from the first of
    them; ``began``: Unix time of the first sample where it does not follow the one before it, else None;
    ``gap``: what precedes it, or None.
    """

    samples: np.ndarray
    tags: list = field(default_factory=list)
    began: float | None = None
    gap: Gap | None = None


class Backoff:
    """Seconds to wait: the first time `first`, then twice as long each time, at most `longest`."""

    def __init__(self, first=FIRST_WAIT, longest=LONGEST_WAIT):
        self._first = first
        self._longest = longest
        self._next = first

    def next(self):
        wait, self._next = self._next, min(2 * self._next, self._longest)
        return wait

    def reset(self):
        self._next = self._first


class Supervisor:
    """Opens a source, passes its samples on, and opens it again when it is gone.

    Gone is a source that ended, or that gave no samples for `patience` seconds. A source never waits: where
    samples are not taken in time, those that come are dropped until half of what waits is taken, which makes
    a gap, too.

    Args:
        name: of the source, in reports
        open_session: callable that opens the source: an object with ``start(put)``, after which it calls
            ``put(samples, tags)`` from a thread of its own until that returns False; ``ended``;
            ``sample_rate`` in Hz; and ``close()``, False where the source does not react and was left behind
        report: called with a line of text when the source goes and when it is back
        patience: seconds
        backoff: `Backoff`

    Raises:
        whatever `open_session` raises, the first time
    """

    def __init__(self, name, open_session, report, patience=5.0, backoff=None):
        self._name = name
        self._open = open_session
        self._report = report
        self._patience = patience
        self._backoff = backoff or Backoff()
        self._session = open_session()
        self._thread = None
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._chunks = deque()
        self._waiting = 0  # samples in _chunks
        self._current = None  # the session whose samples are taken
        self._first = True  # the next samples are the first of their session
        self._active = 0.0  # monotonic time of the last samples, dropped or not
        self._heard = None  # Unix and monotonic time of the last samples that were not dropped
        self._reason = None  # why there are none since
        self._said = None  # the last report, while it holds
        self._say_late = Seldom(report)

    def start(self):
        """Begin, or begin anew after `stop`."""
        self._stopping.clear()
        self._chunks.clear()
        self._waiting = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        """End and close the source: the `Gap` that there is at the end, or None."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with self._changed:
            gap, self._reason = self._gap(), None
            return gap

    def take(self, timeout):
        """The next `Chunk`, or None when within `timeout` seconds there is none."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._chunks, timeout):
                return None
            chunk = self._chunks.popleft()
            self._waiting -= len(chunk.samples)
            return chunk

    def _run(self):
        session, self._session = self._session, None
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                session = session or self._open()
                reason = self._watch(session)
            except Exception as error:  # whatever a driver raises
                reason = str(error) or type(error).__name__
            with self._changed:
                self._current = None
                self._reason = self._reason or reason
            if session is not None and not session.close():
                self._report(f"{self._name}: it cannot be closed and is left behind")
            session = None
            if reason:
                self._say(f"{reason}; opening it again")
                if time.monotonic() - began > 2 * self._patience:  # it was there for a while
                    self._backoff.reset()
                self._stopping.wait(self._backoff.next())

    def _watch(self, session):
        """Run a session: returns why it is over, None when that is because of `stop`."""
        with self._changed:
            self._current = session
            self._first = True
            self._active = time.monotonic()
        session.start(lambda samples, tags: self._put(session, samples, tags))
        while not self._stopping.wait(TICK):
            if session.ended:
                return "it ended"
            with self._changed:
                if time.monotonic() - self._active > self._patience:
                    return f"no samples for {self._patience:g} s"
        return None

    def _put(self, session, samples, tags):
        with self._changed:
            if self._current is not session or self._stopping.is_set():
                return False
            self._active = time.monotonic()
            seconds = len(samples) / session.sample_rate
            most = min(MOST_WAITING * session.sample_rate, MOST_SAMPLES)
            if self._waiting >= (most / 2 if self._reason == LATE else most):
                self._reason = self._reason or LATE
                self._say_late(f"{self._name}: {LATE}; samples are lost")
                return True
            began = gap = None
            if self._first or self._reason:
                began, gap = time.time() - seconds, self._gap(seconds)
                if self._said:
                    self._say(f"samples again after {gap.seconds:.1f} s" if gap else "the first samples")
                self._first, self._reason, self._said = False, None, None
            self._heard = time.time(), self._active
            self._chunks.append(Chunk(samples, tags, began, gap))
            self._waiting += len(samples)
            self._changed.notify_all()
            return True

    def _gap(self, seconds=0.0):
        """The gap that there is up to so many seconds ago."""
        if self._reason is None or self._heard is None:
            return None
        begin, heard = self._heard
        return Gap(begin, max(0.0, time.monotonic() - heard - seconds), self._reason)

    def _say(self, what):
        if what != self._said:
            self._said = what
            self._report(f"{self._name}: {what}")
