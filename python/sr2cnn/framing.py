# SPDX-License-Identifier: GPL-3.0-or-later
"""Cutting a stream of samples into frames: the arithmetic of the framer, without GNU Radio."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


class Framing:
    """Cuts samples, as they arrive, into frames of `frame_len` every `hop` samples.

    Frames that hold NaN or infinity are skipped. A restart makes a frame begin at its sample; the
    samples before it that make no whole frame are dropped.

    Args:
        frame_len: samples a frame
        hop: samples from one frame's start to the next one's, less or more than `frame_len`

    Attributes:
        frames: frames cut so far
        frames_skipped: frames skipped so far
        samples_dropped: samples before restarts that no frame held

    Raises:
        ValueError: frame_len or hop is below 1
    """

    def __init__(self, frame_len, hop):
        for name, value in (("frame_len", frame_len), ("hop", hop)):
            if value < 1:
                raise ValueError(f"{name} is {value}, expected at least 1")
        self.frame_len = frame_len
        self.hop = hop
        self.frames = 0
        self.frames_skipped = 0
        self.samples_dropped = 0
        self._next = 0  # index of the next frame's first sample
        self._end = 0  # index behind the last sample taken
        self._covered = 0  # index behind the last frame's last sample
        self._rest = np.empty(0, np.complex64)  # the samples from _next to _end
        self._jump = True  # the next frame does not follow the last one by a hop

    @property
    def samples_left(self):
        """Samples taken since the last frame: at the end of the stream, the partial last frame."""
        return max(0, self._end - max(self._next, self._covered))

    def intake(self, n_frames):
        """Samples that `cut` may be given so that no more than `n_frames` come of them."""
        return (n_frames - 1) * min(self.hop, self.frame_len) + self.frame_len - len(self._rest)

    def cut(self, samples, restarts, out):
        """Take the next samples and cut the frames that they complete.

        Args:
            samples: complex64 (n,), n at most `intake(len(out))`
            restarts: ascending indices in the stream, within `samples`, at which a frame begins
            out: complex64 (n_frames, frame_len), filled from the first row on

        Returns:
            starts: int64 (m,), index of the first sample of each of the m frames cut
            jumps: bool (m,), True for the first frame and where a frame does not follow the one
                before it by a hop
        """
        data = np.concatenate([self._rest, samples]) if len(self._rest) else samples
        origin = self._end - len(self._rest)
        self._end += len(samples)
        starts, jumps = [np.empty(0, np.int64)], [np.empty(0, bool)]
        m = 0
        for restart in restarts:
            m += self._cut_segment(data, origin, restart, out[m:], starts, jumps)
            self.samples_dropped += max(0, restart - max(self._next, self._covered))
            self._next = self._covered = restart
            self._jump = True
        m += self._cut_segment(data, origin, self._end, out[m:], starts, jumps)
        self._rest = data[max(0, self._next - origin) :].copy()
        self.frames += m
        return np.concatenate(starts), np.concatenate(jumps)

    def _cut_segment(self, data, origin, stop, out, starts, jumps):
        """The frames before index `stop`; their number."""
        available = stop - self._next
        n = (available - self.frame_len) // self.hop + 1 if available >= self.frame_len else 0
        if n == 0:
            return 0
        first = self._next - origin
        last = first + (n - 1) * self.hop + self.frame_len
        frames = sliding_window_view(data[first:last], self.frame_len)[:: self.hop]
        if _all_finite(data[first:last]):
            kept = np.arange(n)
        else:
            kept = np.flatnonzero(np.isfinite(frames).all(axis=1))
            frames = frames[kept]
        out[: len(kept)] = frames
        starts.append(self._next + kept * self.hop)
        jump = np.diff(kept, prepend=-1) > 1
        if len(kept):
            jump[0] |= self._jump
        self._jump = kept[-1] != n - 1 if len(kept) else True
        jumps.append(jump)
        self.frames_skipped += n - len(kept)
        self._covered = self._next + (n - 1) * self.hop + self.frame_len
        self._next += n * self.hop
        return len(kept)

    def owners(self, offsets, starts):
        """Which of the frames just cut each tag belongs to.

        A frame owns its samples up to the next frame's start; what lies before a frame and in no
        other (in a skipped frame, a gap between frames, dropped samples) is that frame's, too.

        Args:
            offsets: indices in the stream, of tags that no frame had until now
            starts: as `cut` returned them

        Returns:
            int64, one a tag: row of the frame, ``len(starts)`` for a frame yet to come
        """
        offsets = np.asarray(offsets, np.int64)
        before = np.searchsorted(starts, offsets, side="right") - 1
        owned = np.zeros(len(offsets), bool)
        if len(starts):
            owned = offsets < starts[before] + min(self.hop, self.frame_len)
        return np.where((before >= 0) & owned, before, before + 1)


def _all_finite(samples):
    """Whether none of some complex64 samples is NaN or infinite."""
    values = np.ascontiguousarray(samples).view(np.float32)
    # Their power is finite, or one is so large that it overflows; the product is several times as fast.
    return bool(np.isfinite(values @ values)) or bool(np.isfinite(values).all())
