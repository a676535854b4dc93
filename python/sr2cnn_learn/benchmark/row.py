# SPDX-License-Identifier: GPL-3.0-or-later
"""One line of the benchmark, and how its rates are taken."""

import time
from dataclasses import dataclass

SECONDS = 1.0  # of a measurement
REPEATS = 3  # at least


@dataclass
class Row:
    """Attributes:
    part: what it belongs to
    what: what was measured
    value, unit: in frames/s, say; higher is better but for ``ms`` and ``MB``
    ratio, of: ``value`` over that of another row, and that row in words; or None
    at_least, at_most: what the ratio, or the value where there is none, should be; or None
    """

    part: str
    what: str
    value: float
    unit: str
    ratio: float | None = None
    of: str = ""
    at_least: float | None = None
    at_most: float | None = None


def best_rate(items, work, seconds=SECONDS, clock=time.perf_counter):
    """Items a second of the fastest of some calls, after one that warms up."""
    work()
    least = float("inf")
    began, calls = time.perf_counter(), 0
    while calls < REPEATS or time.perf_counter() - began < seconds:
        start = clock()
        work()
        least = min(least, clock() - start)
        calls += 1
    return items / least
