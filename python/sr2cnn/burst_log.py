# SPDX-License-Identifier: GPL-3.0-or-later
"""Which burst a sample behind the conditioner belongs to, and where it was in the stream before it."""

import threading
from bisect import bisect_right
from dataclasses import dataclass

from sr2cnn_learn.conditioning import Burst

KEPT = 10_000


@dataclass
class Heard:
    """A burst and the radio's settings: sample_rate in Hz and rx_freq in Hz, None where unknown."""

    burst: Burst
    sample_rate: float | None
    rx_freq: float | None

    def about(self):
        """What is known of the burst: dict of plain values; Hz where the rate is known, else shares of it."""
        burst, rate = self.burst, self.sample_rate
        scale, unit = (rate, "") if rate else (1.0, "_share")
        found = {
            "burst": burst.number,
            "frequency_offset" + unit: burst.center * scale,
            "bandwidth" + unit: burst.bandwidth * scale,
            "snr": burst.snr,
            "continues": burst.continues,
        }
        if burst.symbol_rate:
            found["symbol_rate" + unit] = burst.symbol_rate * scale
        if rate:
            found["sample_rate"] = rate
            if self.rx_freq is not None:
                found["rx_freq"] = self.rx_freq + burst.center * rate
        return found


class BurstLog:
    """The latest bursts, for a thread that writes and one that reads."""

    def __init__(self):
        self._lock = threading.Lock()
        self._starts, self._heard = [], []

    def add(self, heard):
        """Note a ``Heard`` whose samples come next."""
        with self._lock:
            self._starts.append(heard.burst.out_start)
            self._heard.append(heard)
            if len(self._starts) > 2 * KEPT:
                del self._starts[:KEPT], self._heard[:KEPT]

    def find(self, sample):
        """The ``Heard`` that a sample behind the conditioner is of, None if it was too long ago."""
        with self._lock:
            k = bisect_right(self._starts, sample) - 1
            return self._heard[k] if k >= 0 else None


def before(heard, sample):
    """Index, in the stream that entered the conditioner, of a sample that came out of it."""
    burst = heard.burst
    return burst.start + (sample - burst.out_start) * burst.down // burst.up
