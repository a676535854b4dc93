# SPDX-License-Identifier: GPL-3.0-or-later
"""The first run of an unknown bundle's network: in a process of its own, with limits.

`network_check` sees to it that a network only computes; it may still compute for hours, ask for all memory,
or crash a library with odd numbers. So an unknown bundle is loaded and run by a child first. Which ones were
tried with success is kept, by the hash of the whole file, in ``gr-sr2cnn/tried`` of the user's cache folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys

from .cache import cache_folder

SECONDS = 30  # of a processor, for loading and for `BATCH` frames; other programs do not shorten it
PATIENCE = 600  # seconds until the child is given up, whatever it waits for
MEMORY = 2**32  # bytes beside what torch itself takes and some copies of the file
COPIES = 8
BATCH = 256  # frames of the trial, as many as encoders take by default
REFUSED = 3  # exit status of the child, its standard output says why

_tried = set()  # where nothing can be kept, a process still tries each bundle once


def tried(content):
    """Whether a bundle with this content has run before, or was made here."""
    digest = _digest(content)
    with contextlib.suppress(OSError):
        return digest in _tried or (cache_folder() / "tried" / digest).exists()
    return False


def remember(content):
    """Keep that a bundle with this content needs no trial."""
    digest = _digest(content)
    _tried.add(digest)
    with contextlib.suppress(OSError):
        folder = cache_folder() / "tried"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / digest).touch()


def _digest(content):
    return hashlib.sha256(content).hexdigest()


def try_network(path, content):
    """Load a bundle and run its network on some frames, in a child.

    Args:
        path: what messages call it
        content: bytes of the whole bundle, its network checked

    Raises:
        ValueError: it takes too long, too much memory, crashes, or does not fit its card
    """
    command = [sys.executable, "-c", "from sr2cnn_learn.network_trial_child import main; main()"]
    command += [str(path), str(SECONDS), str(MEMORY + COPIES * len(content))]
    paths = [os.path.abspath(entry) for entry in sys.path if entry]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "CUDA_VISIBLE_DEVICES": ""}
    try:
        child = subprocess.run(
            command,
            input=content,
            capture_output=True,
            timeout=PATIENCE,
            env=environment,
            cwd=os.sep,  # Python would look there for modules before all else
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"{path}: its network was not done in {PATIENCE} s") from None
    except OSError as error:
        raise ValueError(f"{path}: its network cannot be tried ({error})") from error
    if child.returncode == 0:
        return
    if child.returncode == REFUSED:
        raise ValueError(child.stdout.decode(errors="replace").strip())
    if child.returncode == -getattr(signal, "SIGXCPU", 0):  # not every system has it
        raise ValueError(f"{path}: its network took longer than {SECONDS} s for {BATCH} frames")
    last = (child.stderr.decode(errors="replace").strip().splitlines() or ["no word"])[-1]
    raise ValueError(f"{path}: its network ended the process that tried it ({child.returncode}, {last:.100})")
