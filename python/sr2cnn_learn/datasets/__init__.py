# SPDX-License-Identifier: GPL-3.0-or-later
"""Data sets of labelled frames: read, write, split."""

from ..plugins import import_all
from .arrays import save_radioml
from .dataset import FRAME_LEN, Dataset, load_dataset
from .leakage import leakage, nearest_correlation
from .making import making_file, read_making, write_making
from .radioml2018 import RADIOML2018_CLASSES
from .reader import READERS, Reader, file_sha256, reader
from .sigmf_folder import SNR_NOT_STATED
from .split import HELD_OUT, UNLABELLED, Split, split

import_all(__name__, __path__)  # each may have a reader

__all__ = [
    "FRAME_LEN",
    "HELD_OUT",
    "RADIOML2018_CLASSES",
    "READERS",
    "SNR_NOT_STATED",
    "UNLABELLED",
    "Dataset",
    "Reader",
    "Split",
    "file_sha256",
    "leakage",
    "load_dataset",
    "making_file",
    "nearest_correlation",
    "read_making",
    "reader",
    "save_radioml",
    "split",
    "write_making",
]
