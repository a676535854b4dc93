# SPDX-License-Identifier: GPL-3.0-or-later
"""The noise floor of a stream, bin by bin, while signals come and go."""

import numpy as np
from scipy.ndimage import median_filter

ROWS = 256
QUANTILE = 0.05  # of the power in a bin over time: signals may fill almost all of it
DEAD = 1e-4  # below this share of the strongest bin, the receiver's filter lets nothing through
CONTRAST = 10.0  # what never pauses counts as a signal where it stands out by this factor
QUIET_BINS = 0.2  # share of the live bins that are taken for free of signals that never pause


class NoiseFloor:
    """Mean noise power of each bin, from a spectrogram's low quantile over time.

    The power of Gaussian noise in a bin is exponentially distributed, so that its mean follows from any
    quantile. A signal that never pauses is in the quantile, too: a bin far above the quiet ones of the same
    spectrum is given their level.

    Args:
        bins: of the spectrum
        span: spectra that the floor looks back on

    Attributes:
        level: float (bins,), mean noise power; None before the first spectrum
        live: bool (bins,), False where the receiver's filter lets nothing through
    """

    def __init__(self, bins, span):
        self._rows = np.empty((ROWS, bins), np.float32)
        self._full = max(1, span // ROWS)  # spacing of the rows when the history is complete
        self._spacing = 1
        self._seen = self._kept = self._next = 0
        self.level = self.live = None

    def add(self, powers):
        """Look at the next spectra, float (n, bins)."""
        changed = False
        for row in range(-self._seen % self._spacing, len(powers), self._spacing):
            if self._kept == ROWS and self._spacing < self._full:
                self._rows[: ROWS // 2] = self._rows[::2].copy()
                self._kept = self._next = ROWS // 2
                self._spacing *= 2
                if (self._seen + row) % self._spacing:
                    continue
            self._rows[self._next] = powers[row]
            self._next = (self._next + 1) % ROWS
            self._kept = min(self._kept + 1, ROWS)
            changed = True
        self._seen += len(powers)
        if changed:
            self._update()

    def _update(self):
        low = np.quantile(self._rows[: self._kept], QUANTILE, axis=0) / -np.log1p(-QUANTILE)
        level = median_filter(low, 5, mode="wrap")
        level = np.maximum(level, np.finfo(np.float32).tiny)
        self.live = level > DEAD * level.max()
        quiet = np.quantile(level[self.live], QUIET_BINS)
        if level.max() > CONTRAST * quiet:
            level = np.where(self.live, np.minimum(level, 2 * quiet), level)
        self.level = level
