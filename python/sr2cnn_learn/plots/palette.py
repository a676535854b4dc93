# SPDX-License-Identifier: GPL-3.0-or-later
"""The colours of classes, the same in pictures, reports and the label display; and the ground that they are on."""

import numpy as np

#: Told apart, and from light and dark grounds. Classes get them in the order in which they are heard.
COLOURS = (
    "#1f77d4",
    "#f08a00",
    "#2ca02c",
    "#d62f3c",
    "#9a5cd0",
    "#8c6239",
    "#e060b0",
    "#00a8b0",
    "#a8a000",
    "#5a6acf",
    "#c98bd9",
    "#00c070",
    "#b04a6a",
    "#70a8f0",
    "#e8907a",
    "#607a30",
    "#c04000",
    "#808090",
    "#40c8d8",
    "#b08040",
    "#c00080",
    "#007850",
    "#b8b878",
    "#7048a0",
)
SHADES = (100, 145, 75)  # of them, in percent of darkness, when they run out
NO_CLASS = "#909090"  # of what was not judged, or not heard
GROUND = "#0b1020", "#24406b", "#7f9fbd", "#f6f4ec"  # from noise to the strongest: no class has such colours


def class_colour(order):
    """The colour of the class that was heard after so many others, as ``#rrggbb``."""
    turn, k = divmod(order, len(COLOURS))
    factor = 100 / SHADES[turn % len(SHADES)]
    return "#" + "".join(f"{min(255, round(factor * level)):02x}" for level in _levels(COLOURS[k]))


def on(colour):
    """Black or white, whichever is read on that colour."""
    red, green, blue = _levels(colour)
    return "#000000" if 0.3 * red + 0.59 * green + 0.11 * blue > 127 else "#ffffff"


def ground(n):
    """Colours of a spectrogram, from noise to the strongest: uint8 (n, 3)."""
    stops = np.array([_levels(colour) for colour in GROUND])
    at = np.linspace(0, len(GROUND) - 1, n)
    return (
        np.stack([np.interp(at, range(len(GROUND)), each) for each in stops.T], axis=1).round().astype("u1")
    )


def _levels(colour):
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
