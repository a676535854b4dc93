# SPDX-License-Identifier: GPL-3.0-or-later
"""How much: a little in every test run, all of it with STRESS=full in the environment (`make stress`)."""

import os
import time
from pathlib import Path

FULL = os.environ.get("STRESS") == "full"


def size(short, full):
    return full if FULL else short


def until(condition, seconds=120):
    """Wait until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.005)


def threads():
    return len(os.listdir("/proc/self/task"))


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def rss(pid="self"):
    """Resident memory of a process, bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(status.partition("VmRSS:")[2].split()[0])
