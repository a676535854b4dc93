# SPDX-License-Identifier: GPL-3.0-or-later
"""Batch size and threads that suit a bundle's encoder on this machine: measured once, and kept.

They are kept in ``gr-sr2cnn/tuning.json`` of the user's cache folder (``$XDG_CACHE_HOME``, ``~/.cache``), by
machine, version of torch and the bundle's hash.
"""

import json
import os
from dataclasses import asdict, dataclass

import numpy as np

from .atomic import write_atomically
from .cache import cache_folder
from .machine import machine

BATCHES = 32, 64, 128, 256, 512, 1024
ENOUGH = 0.95  # of the best rate
SECONDS = 0.3  # of a measurement
MOST_BATCH, MOST_THREADS = 1 << 16, 1 << 10  # what else such a file says is nonsense


@dataclass(frozen=True)
class Tuning:
    """Attributes:
    batch_size: most frames that the network takes at once
    threads: of torch, for the whole process; 0 leaves them as they are
    """

    batch_size: int = 256
    threads: int = 0


def cache_path():
    """The file, whether it is there or not."""
    return cache_folder() / "tuning.json"


def kept(bundle):
    """The `Tuning` of a bundle that `tune` has found on this machine, or the default."""
    if bundle.device.type != "cpu":
        return Tuning()
    everything = _read()
    found = everything.get(_key(bundle)) if everything else None
    if not isinstance(found, dict):
        return Tuning()
    batch_size, threads = found.get("batch_size"), found.get("threads")
    if type(batch_size) is not int or type(threads) is not int:
        return Tuning()
    if not 1 <= batch_size <= MOST_BATCH or not 0 <= threads <= MOST_THREADS:
        return Tuning()
    return Tuning(batch_size, threads)


def tune(bundle, seconds=SECONDS, progress=lambda rate: None):
    """Measure a bundle's encoder, and keep what suits it.

    That is, of all that come to 95 % of the fastest, the fewest threads and of these the smallest batch: the
    rest of the flowgraph needs processors, too, and small batches are soon full.

    Args:
        bundle: a `Bundle` on the CPU
        seconds: for each measurement
        progress: called with frames/s after each

    Returns:
        the `Tuning`; dict of each `Tuning` measured -> frames/s

    Raises:
        ValueError: the bundle is on another device
        OSError: what was found cannot be kept
    """
    import torch

    from .benchmark.row import best_rate

    if bundle.device.type != "cpu":
        raise ValueError(f"device is '{bundle.device}', expected 'cpu'")
    frames = np.zeros((max(BATCHES), bundle.frame_len), np.complex64)
    before, rates = torch.get_num_threads(), {}
    try:
        for threads in thread_counts():
            bundle.use_threads(threads)
            for n in BATCHES:
                rate = best_rate(n, lambda: bundle.encode(frames[:n], n), seconds)
                rates[Tuning(n, threads)] = rate
                progress(rate)
    finally:
        bundle.use_threads(before)
    fastest = max(rates.values())
    enough = [tuning for tuning, rate in rates.items() if rate >= ENOUGH * fastest]
    best = min(enough, key=lambda tuning: (tuning.threads, tuning.batch_size))
    path = cache_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps({**_read(), _key(bundle): asdict(best)}, indent=2) + "\n")
    return best, rates


def thread_counts():
    """1, 2, 4 … and all processors that this process may use."""
    return doublings(len(os.sched_getaffinity(0)))


def doublings(n):
    """1, 2, 4 … below n, and n."""
    return [*(1 << k for k in range((n - 1).bit_length())), n]


def _key(bundle):
    from .datasets import file_sha256

    return f"{machine()}; {file_sha256(bundle.path)}"


def _read():
    """What is kept, {} where nothing is or nobody can read it."""
    try:
        found = json.loads(cache_path().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
