# SPDX-License-Identifier: GPL-3.0-or-later
"""The spectra of a stream's blocks, shared by all that is cut out of it."""

from collections import OrderedDict

import numpy as np
from scipy import fft

SHORTEST = 12_288  # samples of a block: a multiple of 3 · 2^k, as decimations are
AT_ONCE = 32  # blocks that are transformed together
LARGEST = 1e12  # what is larger, or not finite, no receiver gives: its power would overflow


class BlockSpectra:
    """Fourier transforms of blocks of a stream that overlap by half, the last ones kept.

    Emissions that are on the air at one time need the same blocks, each a few of their bins. Block k of a
    length is the one whose middle half begins at sample k · length / 2.

    Args:
        read: gives the samples of the stream from its first argument up to its second one, complex (n,); fewer
            where they have not come yet
        kept: samples of the stream whose spectra are kept, twice as many numbers
    """

    def __init__(self, read, kept=1 << 22):
        self._read, self._kept = read, kept
        self._spectra = OrderedDict()  # (length, k) -> complex64 (length,), the least used first
        self._held = 0  # samples in them

    def rows(self, length, first, last):
        """Spectra of the blocks from ``first`` up to ``last``: list of complex64 (length,).

        What lies before the stream, or has not come yet, counts as silence; so does what is not finite.
        """
        rows = []
        for start in range(first, last, AT_ONCE):
            wanted = range(start, min(start + AT_ONCE, last))
            if any((length, k) not in self._spectra for k in wanted):
                rows += self._transformed(length, wanted)
            else:
                for k in wanted:
                    self._spectra.move_to_end((length, k))
                    rows.append(self._spectra[length, k])
        return rows

    def end(self, stop):
        """How far there are samples of what is asked for up to ``stop``."""
        start = max(0, stop - 1)
        while len(self._read(start, stop)) == 0 and start > 0:  # rare: a box that reaches beyond the stream
            start = max(0, start - (stop - start))
        return start + len(self._read(start, stop))

    def _transformed(self, length, wanted):
        hop = length // 2
        begin = wanted.start * hop - length // 4
        samples, there = _padded(self._read, begin, (len(wanted) - 1) * hop + length)
        blocks = np.lib.stride_tricks.sliding_window_view(samples, length)[::hop]
        spectra = fft.fft(blocks, axis=1)
        for row, k in enumerate(wanted):
            # What is not all there may come yet.
            if row * hop + length <= there and (length, k) not in self._spectra:
                self._spectra[length, k] = spectra[row].copy()
                self._held += hop
        while self._held > self._kept:
            (dropped, _), _ = self._spectra.popitem(last=False)
            self._held -= dropped // 2
        return list(spectra)


def _padded(read, start, n):
    """(n samples from ``start`` on, with zeros before and behind the stream; how many come before its end)."""
    before = min(n, max(0, -start))
    samples = np.zeros(n, np.complex64)
    found = np.asarray(read(start + before, start + n))
    there = min(n, before + len(found))
    samples[before:there] = found[: there - before]
    usable = np.abs(samples) < LARGEST  # False for NaN, too
    if not usable.all():
        samples[~usable] = 0
    return samples, there
