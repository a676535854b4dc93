# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of a band: its spectrogram, a box for each emission, a colour for each class."""

from __future__ import annotations

import numpy as np

from ..names import shown
from ..recordings import Recording
from .boxes import Box, Class, Scale, classes_of, frequency_scale, time_scale
from .file import picture
from .palette import ground, on
from .spectrogram import Spectrogram, spectrogram

SIZE = 16, 9  # inches, 100 pixels each
MOST_IN_LEGEND = 30
NOTHING = "no emission"
GAP = 2  # pixels between a box and what is in it, and between it and its label
LEAST = 5  # pixels of a box's side
TITLE_LENGTH = 120  # characters


def draw_recording(path, recording: Recording, panels: dict[str, list[Box]], progress=lambda samples: None):
    """Write a picture of a recording with its emissions, a panel for each list of boxes, one above the other.

    Args:
        path: picture to write; the suffix tells the format
        recording: as from `open_recording`
        panels: boxes by the title above them; the truth and what was found, for example
        progress: called now and then with the samples read so far

    Raises:
        OSError, ValueError: the recording cannot be read, or the picture not be written
    """
    seen = spectrogram(recording, progress=progress)
    with picture(path, SIZE) as figure:
        draw_emissions(figure, seen, panels, recording.sample_rate, recording.center_frequency)


def draw_emissions(
    figure,
    seen: Spectrogram,
    panels: dict[str, list[Box]],
    sample_rate: float | None = None,
    center_frequency: float | None = None,
):
    """Draw boxes over a spectrogram, a panel for each list of boxes.

    Known classes have solid boxes, discovered ones dashed ones and a triangle before the name, and what was not
    judged is grey. A label is left out where it would cover another; the legend has all classes.

    Args:
        figure: empty matplotlib ``Figure`` with a canvas, at its final size and resolution
        seen: the spectrogram
        panels: boxes by the title above them
        sample_rate, center_frequency: Hz, None where unknown; they give the axes their units
    """
    time, frequency = time_scale(seen.stop, sample_rate), frequency_scale(sample_rate, center_frequency)
    classes = classes_of([box for boxes in panels.values() for box in boxes])
    drawn = figure.subplots(len(panels), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, title in zip(drawn, panels):
        _draw_ground(axes, seen, time, frequency)
        axes.set_title(shown(title, TITLE_LENGTH), loc="left", fontsize=11, parse_math=False)
        axes.set_ylabel(frequency.name)
    drawn[-1].set_xlabel(time.name)
    _draw_legend(figure, list(classes.values()))
    figure.draw_without_rendering()  # the axes get their places, for boxes and labels in pixels
    figure.set_layout_engine("none")
    for axes, boxes in zip(drawn, panels.values()):
        _draw_boxes(axes, boxes, classes, time, frequency)


def _draw_ground(axes, seen, time, frequency):
    from matplotlib.colors import ListedColormap

    extent = time(seen.start), time(seen.stop), frequency(seen.low), frequency(seen.high)
    colours = ListedColormap(ground(256) / 255)
    axes.imshow(seen.shares(), cmap=colours, vmin=0, vmax=1, extent=extent, origin="lower", aspect="auto")
    axes.ticklabel_format(useOffset=False, style="plain")


def _draw_legend(figure, classes: list[Class]):
    from matplotlib.patches import Patch

    listed = classes[:MOST_IN_LEGEND]
    lines = [
        Patch(fill=False, edgecolor=one.colour, linewidth=1.8, linestyle=_style(one.known)) for one in listed
    ]
    texts = [f"{one.title}  {one.n}" for one in listed]
    if more := classes[MOST_IN_LEGEND:]:
        lines.append(Patch(visible=False))
        texts.append(f"and {len(more)} classes more")
    if not classes:
        lines, texts = [Patch(visible=False)], [NOTHING]
    # Names of strangers: no mathematics, and one that begins with _ is shown, too.
    numbers = [str(k) for k in range(len(lines))]
    legend = figure.legend(lines, numbers, loc="outside right upper", frameon=False, fontsize=9)
    for text, said in zip(legend.get_texts(), texts):
        text.set(parse_math=False, text=said)


def _style(known):
    return "-" if known else (0, (4, 2))


def _draw_boxes(axes, boxes: list[Box], classes: dict[str | None, Class], time: Scale, frequency: Scale):
    from matplotlib.patches import Rectangle

    corners = np.array([(box.start, box.low, box.stop, box.high) for box in boxes]).reshape(-1, 2, 2)
    corners = axes.transData.transform(
        np.stack([time(corners[..., 0]), frequency(corners[..., 1])], axis=-1).reshape(-1, 2)
    ).reshape(-1, 4)
    grown = np.maximum(GAP, (LEAST - (corners[:, 2:] - corners[:, :2])) / 2)
    corners += np.hstack([-grown, grown])
    # Back from pixels, of which an SVG or a PDF has others.
    back = axes.transData.inverted()
    for corner, opposite, box in zip(back.transform(corners[:, :2]), back.transform(corners[:, 2:]), boxes):
        style = dict(edgecolor=classes[box.label].colour, linestyle=_style(box.known))
        width = 1.0 if box.label is None else 1.5
        axes.add_artist(Rectangle(corner, *(opposite - corner), fill=False, linewidth=width, **style))
    _draw_labels(axes, boxes, corners, classes)


def _draw_labels(axes, boxes, corners, classes):
    """Write what has room: discovered classes first, then the largest boxes. Pixels go from below up."""
    sides = corners[:, 2:] - corners[:, :2]
    order = sorted(range(len(boxes)), key=lambda k: (boxes[k].known, -sides[k].prod()))
    style = dict(fontsize=8, parse_math=False, va="bottom", ha="left", clip_on=True)
    taken, sizes = np.empty((0, 4)), {}
    room = axes.bbox.extents
    for k in order:
        if boxes[k].label is None:
            continue
        one = classes[boxes[k].label]
        text = axes.text(0, 0, one.title, color=on(one.colour), **style)
        text.set_in_layout(False)
        if one.title not in sizes:
            sizes[one.title] = np.array(text.get_window_extent().size) + 2 * GAP
        place = _free_place(corners[k], sizes[one.title], corners, taken, room)
        if place is None:
            text.remove()
            continue
        text.set_position(axes.transData.inverted().transform(place[:2] + GAP))
        text.set_bbox(dict(facecolor=one.colour, edgecolor="none", boxstyle=f"square,pad={GAP / 8}"))
        taken = np.vstack([taken, place])


def _free_place(box, size, boxes, taken, room):
    """Where a label of that size may stand beside or in a box: within the room, on no other label, and on as
    little of other boxes as can be. None where there is no such place."""
    left, bottom, right, top = box
    wide, high = size
    inside = (left, top - high), (left, bottom), (right - wide, top - high)
    beside = (right, top - high), (left - wide, top - high)
    over = [(x, y) for y in (top, bottom - high) for x in (left, right - wide)]
    fits = wide < right - left and high < (top - bottom) / 2
    places = np.array([*over, *beside, *(inside if fits else ())])
    places = np.hstack([places, places + size])
    free = np.all((places[:, :2] >= room[:2]) & (places[:, 2:] <= room[2:]), axis=1)
    free &= ~_covered(places, taken).any(axis=1)
    if not free.any():
        return None
    hidden = _covered(places, boxes).sum(axis=1) - (0.0 if not fits else np.arange(len(places)) > 5)
    return places[free][np.argmin(hidden[free])]


def _covered(places, others):
    """Area in which each of (n, 4) covers each of (m, 4): (n, m)."""
    low = np.maximum(places[:, None, :2], others[None, :, :2])
    high = np.minimum(places[:, None, 2:], others[None, :, 2:])
    return np.maximum(high - low, 0).prod(axis=2)
