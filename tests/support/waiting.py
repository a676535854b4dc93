# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for what other threads and processes do."""

import time

PATIENCE = 600  # seconds until a test gives up on what should have happened


def until(condition, steady=0.0):
    """What ``condition()`` says once that is true, and unchanged for so many seconds."""
    give_up = time.monotonic() + PATIENCE
    said, since = None, time.monotonic()
    while True:
        now = condition()
        if not now or now != said:
            said, since = now, time.monotonic()
        if said and time.monotonic() - since >= steady:
            return said
        assert time.monotonic() < give_up, f"not within {PATIENCE} s"
        time.sleep(0.005)
