# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports that are not repeated time and again."""

import time

QUIET = 60.0  # seconds


class Seldom:
    """Passes a line on, and then none for `QUIET` seconds.

    Args:
        report: called with the line
        again: whether what goes on is told again after that time; else it is to be quiet for so long first
    """

    def __init__(self, report, again=True):
        self._report = report
        self._again = again
        self._until = 0.0

    def __call__(self, line):
        now = time.monotonic()
        due = now >= self._until
        if due or not self._again:
            self._until = now + QUIET
        if due:
            self._report(line)
