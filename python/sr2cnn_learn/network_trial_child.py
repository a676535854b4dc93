# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that `network_trial` starts: an unknown bundle's network is run here first, within limits."""

import contextlib
import sys

import numpy as np
import torch

from .bundle import Bundle
from .network_trial import BATCH, REFUSED


def main():
    """The child: path, seconds and bytes from the command line, the bundle from standard input."""
    path, seconds, memory = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    content = sys.stdin.buffer.read()
    torch.set_num_threads(1)
    _limit(seconds, memory)
    try:
        bundle = Bundle(path, content)
        frames = np.random.default_rng(0).standard_normal((BATCH, bundle.frame_len, 2), np.float32)
        for _ in range(2):  # TorchScript makes faster code for the second run
            bundle.classify(bundle.encode(frames))
            if bundle.has_decoder:
                bundle.reconstruct(frames)
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        cause = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        if isinstance(cause, MemoryError) or "allocate memory" in str(cause):  # torch's is a RuntimeError
            reason = f"{path}: its network asks for too much memory"
        elif not isinstance(error, ValueError):
            reason = f"{path}: its network does not run ({reason:.200})"
        print(reason)
        sys.exit(REFUSED)


def _limit(seconds, memory):
    with contextlib.suppress(ImportError, OSError, ValueError):  # not every system has each of them
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        usage = resource.getrusage(resource.RUSAGE_SELF)
        seconds += int(usage.ru_utime + usage.ru_stime)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        with open("/proc/self/status") as status:
            [used] = [int(line.split()[1]) * 1024 for line in status if line.startswith("VmData:")]
        resource.setrlimit(resource.RLIMIT_DATA, (used + memory, used + memory))
