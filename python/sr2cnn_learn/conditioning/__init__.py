# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a receiver hears to what a model was trained on: bursts, centered, at its samples a symbol."""

from .band import Band, find_band, occupied
from .conditioner import Burst, Conditioner, Piece
from .tuner import Tuner, ratio_near

__all__ = ["Band", "Burst", "Conditioner", "Piece", "Tuner", "find_band", "occupied", "ratio_near"]
