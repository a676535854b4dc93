# SPDX-License-Identifier: GPL-3.0-or-later
"""What `sr2cnn dataset` writes beside a data file: how it was made."""

import json
from pathlib import Path

from ..atomic import write_atomically
from ..quantities import loads_finite
from .reader import check_samples_per_symbol, file_sha256

MOST = 2**20  # bytes


def making_file(path) -> Path:
    """Where it is written, for a data file."""
    return Path(f"{path}.json")


def write_making(path, making: dict) -> None:
    """Write beside a data file how it was made, and its SHA-256."""
    making = dict(making, sha256=file_sha256(path))
    write_atomically(making_file(path), json.dumps(making, indent=2) + "\n")


def read_making(path, sha256: str) -> dict | None:
    """How a data file of that SHA-256 was made; None where nothing beside it says so.

    Raises:
        ValueError: it says so, but its ``samples_per_symbol`` is no positive number
    """
    beside = making_file(path)
    try:
        if not beside.is_file() or beside.stat().st_size > MOST:
            return None
        making = loads_finite(beside.read_bytes())
    except (OSError, ValueError):  # its name may be too long
        return None
    if not isinstance(making, dict) or making.get("sha256") != sha256:
        return None
    if "samples_per_symbol" in making:
        check_samples_per_symbol(beside, making["samples_per_symbol"])
    return making
