# SPDX-License-Identifier: GPL-3.0-or-later
"""A stream of samples from a source that may go away. Nothing here knows GNU Radio."""

import math
import threading
import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from ..reporting import Seldom

TICK = 0.1  # seconds between looks at the source
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  # seconds before it is opened again
A_WHILE = 1.0  # seconds after which one that still gave samples was there: it need not be waited for longer
MOST_WAITING = 2.0  # seconds of samples that wait to be taken; what comes then is dropped
MOST_SAMPLES = 1 << 23  # the same, in samples
SETTLING = 0.5  # seconds after tuning until samples are of the new frequency: buffers of driver and radio
TUNING = "it was to be tuned"
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
    them; ``sample_rate`` and ``freq``: those of the source, Hz, the latter None where unknown; ``began``: Unix
    time of the first sample where it does not follow the one before it, else None; ``gap``: what precedes it,
    or None.
    """

    samples: np.ndarray
    sample_rate: float
    freq: float | None
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
    a gap, too; and so are those that come within `SETTLING` after it was tuned.

    Args:
        name: of the source, in reports
        open_session: callable that opens the source, given its center frequency: an object with
            ``start(put)``, after which it calls ``put(samples, tags)`` from a thread of its own until that
            returns False; ``ended``; ``sample_rate`` in Hz; ``tune(freq)``; and ``close()``, False where the
            source does not react and was left behind
        report: called with a line of text when the source goes, when it is back, and when it is tuned
        patience: seconds
        backoff: `Backoff`
        freq: center frequency, Hz, None where unknown

    Raises:
        whatever `open_session` raises, the first time
    """

    def __init__(self, name, open_session, report, patience=5.0, backoff=None, freq=None):
        self._name = name
        self._open = open_session
        self._report = report
        self._patience = patience
        self._backoff = backoff or Backoff()
        self._freq = freq
        self._wanted = None  # a frequency to tune to
        self._settled = 0.0  # monotonic time from which on samples are of the present frequency
        self._session = open_session(freq)
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

    def tune(self, freq):
        """Tune the source, now or when it is there again, to that frequency in Hz; what became of it is
        reported."""
        with self._changed:
            self._wanted = freq

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
                session = session or self._open_as_wanted()
                reason = self._watch(session)
            except Exception as error:  # whatever a driver raises
                reason = str(error) or type(error).__name__
            gone = time.monotonic()
            with self._changed:
                self._current = None
                self._reason = self._reason or reason
            if session is not None and not session.close():
                self._report(f"{self._name}: it cannot be closed and is left behind")
            session = None
            if reason:
                self._say(f"{reason}; opening it again")
                if self._heard and self._heard[1] - began > A_WHILE:
                    self._backoff.reset()
                self._stopping.wait(max(0.0, gone + self._backoff.next() - time.monotonic()))

    def _open_as_wanted(self):
        with self._changed:
            if self._wanted is not None:
                self._freq, self._wanted = self._wanted, None
        return self._open(self._freq)

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
            if self._wanted is not None:
                self._tune(session)
            with self._changed:
                if time.monotonic() - self._active > self._patience:
                    return f"no samples for {self._patience:g} s"
        return None

    def _tune(self, session):
        with self._changed:
            freq, self._wanted = self._wanted, None
            self._settled = math.inf
        try:
            session.tune(freq)
        except Exception as error:  # whatever a driver raises
            self._report(f"{self._name}: not tuned to {freq:.10g} Hz: {error}")
        else:
            self._freq = freq
            self._report(f"{self._name}: tuned to {freq:.10g} Hz")
            with self._changed:
                self._reason = f"tuned to {freq:.10g} Hz"
        self._settled = time.monotonic() + SETTLING

    def _put(self, session, samples, tags):
        with self._changed:
            if self._current is not session or self._stopping.is_set():
                return False
            self._active = time.monotonic()
            if self._active < self._settled:
                self._reason = self._reason or TUNING
                return True
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
            self._chunks.append(Chunk(samples, session.sample_rate, self._freq, tags, began, gap))
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
