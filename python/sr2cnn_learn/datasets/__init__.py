# SPDX-License-Identifier: GPL-3.0-or-later
"""Data sets of labelled frames: read, write, split."""

from .arrays import save_radioml
from .dataset import FRAME_LEN, Dataset, load_dataset
from .leakage import nearest_correlation
from .radioml2018 import RADIOML2018_CLASSES
from .sigmf_folder import SNR_NOT_STATED
from .split import Split, split

__all__ = [
    "FRAME_LEN",
    "RADIOML2018_CLASSES",
    "SNR_NOT_STATED",
    "Dataset",
    "Split",
    "load_dataset",
    "nearest_correlation",
    "save_radioml",
    "split",
]
