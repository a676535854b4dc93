# SPDX-License-Identifier: GPL-3.0-or-later
"""Where what was found out on this machine is kept."""

import os
from pathlib import Path


def cache_folder():
    """``gr-sr2cnn`` in the user's cache folder (``$XDG_CACHE_HOME``, ``~/.cache``), there or not.

    Raises:
        OSError: the user has no home
    """
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(base or Path.home() / ".cache") / "gr-sr2cnn"
    except RuntimeError as error:
        raise OSError(str(error)) from None
