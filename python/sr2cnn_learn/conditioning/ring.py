# SPDX-License-Identifier: GPL-3.0-or-later
"""The last samples of a stream, for one thread that brings them and others that look back."""

import threading

import numpy as np

FIRST_ROOM = 1 << 16  # samples


class SampleRing:
    """Keeps the last samples of a stream.

    Memory grows with the stream up to ``capacity``; what is older is overwritten.

    Args:
        capacity: samples that are held at most

    Raises:
        ValueError: capacity is not a whole number above 0
    """

    def __init__(self, capacity):
        if not 1 <= capacity < np.inf or int(capacity) != capacity:
            raise ValueError(f"capacity is {capacity}, expected a whole number of samples, at least 1")
        self.capacity = int(capacity)
        self._room = np.empty(min(self.capacity, FIRST_ROOM), np.complex64)
        self._end = 0  # sample k of the stream is at k modulo the room
        self._lock = threading.Lock()

    @property
    def end(self):
        """Index of the next sample to come."""
        return self._end

    @property
    def begin(self):
        """Index of the first sample that is held."""
        return max(0, self._end - self.capacity)

    def push(self, samples):
        """The next samples, complex (n,)."""
        samples = np.asarray(samples, np.complex64)
        with self._lock:
            self._grow(min(self._end + len(samples), self.capacity))
            kept = samples[-len(self._room) :]
            self._end += len(samples)
            for place, part in self._places(self._end - len(kept), self._end):
                self._room[place] = kept[part]

    def read(self, start, stop):
        """Samples from ``start`` on, up to ``stop``, or to the end of the stream where that comes first.

        What is overwritten, or before the stream, comes as zeros: the first sample is always that of
        ``start``, and those that are missing at the end have not come yet. Compare with ``begin``.

        Returns:
            complex64 (n,), a copy
        """
        with self._lock:
            out = np.zeros(max(0, min(stop, self._end) - start), np.complex64)
            held = max(start, self.begin)
            for place, part in self._places(held, start + len(out)):
                out[held - start :][part] = self._room[place]
        return out

    def _grow(self, needed):
        if needed <= len(self._room):
            return
        grown = np.empty(min(self.capacity, max(needed, 2 * len(self._room))), np.complex64)
        grown[: self._end] = self._room[: self._end]  # nothing is overwritten before the room is complete
        self._room = grown

    def _places(self, start, stop):
        """Slices of the room, and of an array, for samples from ``start`` to ``stop`` of the stream."""
        room = len(self._room)
        while start < stop:
            n = min(stop - start, room - start % room)
            yield slice(start % room, start % room + n), slice(-(stop - start), -(stop - start) + n or None)
            start += n
