# SPDX-License-Identifier: GPL-3.0-or-later
"""The colours of classes, the same in pictures, reports and the label display."""

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


def class_colour(order):
    """The colour of the class that was heard after so many others, as ``#rrggbb``."""
    turn, k = divmod(order, len(COLOURS))
    factor = 100 / SHADES[turn % len(SHADES)]
    levels = (int(COLOURS[k][i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{min(255, round(factor * level)):02x}" for level in levels)


def on(ground):
    """Black or white, whichever is read on that colour."""
    red, green, blue = (int(ground[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return "#000000" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else "#ffffff"
