# SPDX-License-Identifier: GPL-3.0-or-later
"""Data sets in the RadioML layout: read, write, split."""

from .leakage import nearest_correlation
from .radioml import FRAME_LEN, RadioML, load_radioml, save_radioml
from .split import Split, split

__all__ = [
    "FRAME_LEN",
    "RadioML",
    "Split",
    "load_radioml",
    "nearest_correlation",
    "save_radioml",
    "split",
]
