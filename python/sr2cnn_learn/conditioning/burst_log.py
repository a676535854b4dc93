# SPDX-License-Identifier: GPL-3.0-or-later
"""Which burst a sample behind the conditioner belongs to, and where it was in the stream before it."""

import threading
from bisect import bisect_right
from dataclasses import dataclass

from .conditioner import Burst

KEPT = 10_000


@dataclass
class Heard:
    """A burst and what the radio said of it.

    Attributes:
        number: counts the bursts of all channels from 1
        burst: in the samples of its channel
        sample_rate: of the channel, Hz; None where unknown
        rx_freq: of the channel's center, Hz; None where unknown
        channel: index; None where there is one only
        decimation: samples of the stream that came in for one of the channel
    """

    number: int
    burst: Burst
    sample_rate: float | None
    rx_freq: float | None
    channel: int | None = None
    decimation: int = 1

    def about(self):
        """What is known of the burst: dict of plain values; Hz where the rate is known, else shares of it."""
        burst, rate = self.burst, self.sample_rate
        scale, unit = (rate, "") if rate else (1.0, "_share")
        found = {
            "burst": self.number,
            "frequency_offset" + unit: burst.center * scale,
            "bandwidth" + unit: burst.bandwidth * scale,
            "snr": burst.snr,
            "continues": burst.continues,
        }
        if burst.symbol_rate:
            found["symbol_rate" + unit] = burst.symbol_rate * scale
        if self.channel is not None:
            found["channel"] = self.channel
        if rate:
            found["sample_rate"] = rate * self.decimation
            if self.rx_freq is not None:
                found["rx_freq"] = self.rx_freq + burst.center * rate
        return found

    def before(self, k):
        """Index, in the stream that came in, of the k-th sample that came out of the burst."""
        return (self.burst.start + k * self.burst.down // self.burst.up) * self.decimation


class BurstLog:
    """What was put out lately, for a thread that writes and one that reads."""

    def __init__(self):
        self._lock = threading.Lock()
        self._starts, self._entries = [], []

    def add(self, out_start, heard, k):
        """Note that the samples from ``out_start`` on are those of a ``Heard``, from its k-th on."""
        with self._lock:
            self._starts.append(out_start)
            self._entries.append((heard, k - out_start))
            if len(self._starts) > 2 * KEPT:
                del self._starts[:KEPT], self._entries[:KEPT]

    def find(self, sample):
        """(``Heard`` that a sample behind the conditioner is of, its place in that); None if too long ago."""
        with self._lock:
            place = bisect_right(self._starts, sample) - 1
            if place < 0:
                return None
            heard, offset = self._entries[place]
            return heard, sample + offset
