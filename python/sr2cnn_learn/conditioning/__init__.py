# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a receiver hears to what a model was trained on: bursts, centered, at its samples a symbol."""

from .band import Band, find_band, occupied
from .block_spectra import BlockSpectra
from .conditioner import Burst, Conditioner, Piece
from .cut_out import Cut, cut_out
from .ring import SampleRing
from .tuner import Tuner, ratio_near

__all__ = [
    "Band",
    "BlockSpectra",
    "Burst",
    "Conditioner",
    "Cut",
    "Piece",
    "SampleRing",
    "Tuner",
    "cut_out",
    "find_band",
    "occupied",
    "ratio_near",
]
