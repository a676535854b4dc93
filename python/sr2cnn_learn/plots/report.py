# SPDX-License-Identifier: GPL-3.0-or-later
"""A report of the emissions in a recording: one HTML file that needs no network."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..atomic import write_atomically
from ..attributes import in_words
from ..names import shown
from ..recordings import Recording
from .boxes import Box, Class, Scale, classes_of, event_boxes, frequency_scale, hertz_unit, time_scale
from .palette import ground
from .spectrogram import Spectrogram, spectrogram

SIZE = 2000, 1024  # of the picture
EXAMPLE_SIZE = 320, 160
LEVELS = 48  # of its colours: noise needs no more, and is a third smaller so
SIDE = 1000  # of the picture, in units of its boxes
MOST_ROWS = 5000  # a browser takes more, but slowly
MOST_EXAMPLES = 60
MARGIN = 0.2, 0.5  # around an example: of its length, of its width
NARROWEST = 1e-5  # of an example, cycles a sample
LEAST_SIDE = 3  # percent of an example's box
LONGEST = 200  # characters of what is told of an emission


def write_report(
    path: str | Path,
    recording: Recording,
    events: Iterable[dict],
    facts: Iterable[tuple[str, str]] = (),
    progress: Callable[[int], None] = lambda samples: None,
) -> None:
    """Write a report: spectrogram to zoom, table of emissions, the discovered classes, facts of the recording.

    All texts of the recording and of the events are escaped, and the page lets no script but its own run.

    Args:
        path: file to write
        recording: as from `open_recording`
        events: `emission` events, see `event_boxes`
        facts: more of them, what and its value
        progress: called now and then with the samples read so far

    Raises:
        OSError, ValueError: the recording cannot be read, or the file not be written
    """
    seen = spectrogram(recording, size=SIZE, progress=progress)
    boxes = event_boxes(events, recording.sample_rate)
    listed = sorted(sorted(boxes, key=_strength)[-MOST_ROWS:], key=lambda box: box.start)
    classes = classes_of(boxes)
    time = time_scale(recording.n_samples, recording.sample_rate)
    frequency = frequency_scale(recording.sample_rate, recording.center_frequency)
    rows = _rows(listed, classes, _columns(recording, time, frequency))
    discovered = [one for one in classes_of(listed).values() if not one.known]
    page = _template().render(
        name=recording.path.name,
        summary=_summary(recording, boxes, classes),
        script=_part("report.js"),
        script_sha256=base64.b64encode(hashlib.sha256(_part("report.js").encode()).digest()).decode(),
        style=_part("report.css"),
        image=_image(seen),
        classes=[{**_look(one), "title": one.title, "n": one.n} for one in classes.values()],
        boxes=_rectangles(listed, classes, seen),
        time=_axis(time, seen.start, seen.stop),
        frequency=_axis(frequency, seen.low, seen.high),
        discovered=[
            {**_look(classes[one.label]), **_example(recording, one, listed, time, frequency)}
            for one in discovered[:MOST_EXAMPLES]
        ],
        discovered_more=len(discovered[MOST_EXAMPLES:]),
        left_out=len(boxes) - len(listed),
        facts=[*_facts(recording), *facts],
        **rows,
    )
    write_atomically(path, page)


def _template():
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    def safe(value):
        return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    options = dict(autoescape=True, finalize=safe, undefined=StrictUndefined, trim_blocks=True)
    return Environment(**options).from_string(_part("report.html"))


def _part(name):
    """Of the page, as it was written by us."""
    from markupsafe import Markup

    return Markup(Path(__file__).with_name(name).read_text("utf-8"))


def _strength(box):
    return box.event.get("snr") if _is_number(box.event.get("snr")) else -np.inf


def _summary(recording, boxes, classes):
    new = sum(not one.known for one in classes.values())
    said = [
        _many(len(boxes), "emission"),
        _many(sum(one.label is not None for one in classes.values()), "class"),
    ]
    if new:
        said.append(f"{new} of them discovered")
    return ", ".join(said)


def _many(n, what):
    return f"{n} {what}" if n == 1 else f"{n} {what}{'es' if what.endswith('s') else 's'}"


def _facts(recording):
    rate, center = recording.sample_rate, recording.center_frequency
    yield "File", str(recording.path)
    yield "Samples", f"{recording.n_samples:,} of {recording.datatype}"
    if rate:
        yield "Sample rate", _hertz(rate)
        yield "Length", f"{recording.n_samples / rate:.6g} s"
    if center is not None:
        yield "Center frequency", _hertz(center)


def _hertz(value):
    step, unit = hertz_unit(value)
    return f"{value / step:.10g} {unit}"


def _image(seen: Spectrogram):
    """A picture of the levels as a data URI."""
    from PIL import Image

    image = Image.fromarray(np.round(seen.shares()[::-1] * (LEVELS - 1)).astype(np.uint8), "P")
    image.putpalette(ground(LEVELS).tobytes())
    file = io.BytesIO()
    image.save(file, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _look(one: Class):
    return {"kind": "none" if one.label is None else "known" if one.known else "new", "colour": one.colour}


def _axis(scale: Scale, low, high):
    return {"low": scale(low), "high": scale(high), "name": scale.name}


def _rectangles(boxes, classes, seen):
    """Large ones first, so that none hides another."""

    def rectangle(row):
        box = boxes[row]
        x, right = ((t - seen.start) / (seen.stop - seen.start) * SIDE for t in (box.start, box.stop))
        y, bottom = ((seen.high - f) / (seen.high - seen.low) * SIDE for f in (box.high, box.low))
        place = dict(x=round(x, 4), y=round(y, 4), width=round(right - x, 4), height=round(bottom - y, 4))
        return {**place, "row": row, **_look(classes[box.label])}

    made = map(rectangle, range(len(boxes)))
    return sorted(made, key=lambda one: -one["width"] * one["height"])


# The table.


@dataclass(frozen=True)
class _Column:
    """A column: its title, what it has of a box (a number or a text, None for nothing), and how it is written."""

    title: str
    of: Callable[[Box], object]
    form: Callable[[object], str] = str
    numeric: bool = True


def _columns(recording, time, frequency):
    rate = recording.sample_rate
    finely = _decimals(recording.n_samples * time.factor) if rate else "{:.0f}".format
    unit = time.unit or "samples"
    step, hertz = hertz_unit((rate or 0) / 20) if rate else (1.0, "of the rate")
    width = (rate or 1.0) / step

    def told(key):
        return lambda box: box.event.get(key) if _is_number(box.event.get(key)) else None

    def symbol_rate(box):
        value = told("symbol_rate" if rate else "symbol_rate_share")(box)
        return value and value / step

    def middle(box):
        return frequency((box.low + box.high) / 2)

    return [
        _Column("#", told("emission"), "{:.0f}".format),
        _Column("class", lambda box: box.label, numeric=False),
        _Column(f"start, {unit}", lambda box: time(box.start), finely),
        _Column(f"length, {unit}", lambda box: (box.stop - box.start) * time.factor, "{:.4g}".format),
        _Column(frequency.name, middle, _decimals(frequency.factor)),
        _Column(f"width, {hertz}", lambda box: (box.high - box.low) * width, "{:.4g}".format),
        _Column("SNR, dB", told("snr"), "{:.1f}".format),
        _Column(f"symbol rate, {hertz}", symbol_rate, "{:.4g}".format),
        _Column("sure, %", lambda box: _percent(box.event.get("confidence")), "{:.0f}".format),
        _Column("likeliest", lambda box: _candidates(box.event.get("candidates")), numeric=False),
        _Column("family", lambda box: _text(box.event.get("family")), numeric=False),
        _Column("score", told("score"), "{:.2f}".format),
        _Column("frames", told("n_frames"), "{:.0f}".format),
        _Column("looks like", lambda box: _remark(box.event), numeric=False),
    ]


def _decimals(span):
    """How to write a place on an axis that long: to a part in 10,000."""
    return f"{{:.{max(0, int(np.ceil(np.log10(1e4 / span))))}f}}".format


def _rows(boxes, classes, columns):
    """The table without the columns that have nothing."""
    values = [[column.of(box) for column in columns] for box in boxes]
    kept = [k for k in range(len(columns)) if k < 2 or any(row[k] not in (None, "") for row in values)]
    number = {label: k for k, label in enumerate(classes)}
    rows = []
    for index, (box, row) in enumerate(zip(boxes, values)):
        one = classes[box.label]
        cells = [_cell(columns[k], row[k]) for k in kept]
        if box.label is None:
            cells[1]["text"] = one.title
        cells[1]["swatch"] = True
        label = "" if box.label is None else one.title
        rows.append(
            {"index": index, "cells": cells, "class": number[box.label], "label": label, **_look(one)}
        )
    return {"rows": rows, "columns": [columns[k] for k in kept]}


def _cell(column, value):
    missing = value in (None, "")
    text = "" if missing else column.form(value)
    return {"text": text, "value": "" if missing else value, "numeric": column.numeric, "swatch": False}


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300


def _percent(share):
    return 100 * share if _is_number(share) else None


def _text(value):
    return shown(value, LONGEST) if isinstance(value, str) else ""


def _candidates(candidates):
    try:
        said = [f"{label} {100 * share:.0f} %" for label, share in candidates]
    except (TypeError, ValueError):
        return ""
    return shown(", ".join(said), LONGEST)


def _remark(event):
    """Why there is no verdict, or what it looks like."""
    return _text(event.get("reason")) or _looks(event.get("description"))


def _looks(description):
    try:
        return shown(in_words(description), LONGEST)
    except (AttributeError, KeyError, TypeError, ValueError):  # it may be no description
        return _text(description)


# Discovered classes.


def _example(recording, one: Class, boxes: list[Box], time: Scale, frequency: Scale):
    """A class with its strongest emission and that one's spectrogram."""
    rows = [k for k, box in enumerate(boxes) if box.label == one.label]
    row = max(rows, key=lambda k: _strength(boxes[k]))
    box = boxes[row]
    around, beside = MARGIN[0] * (box.stop - box.start), MARGIN[1] * (box.high - box.low)
    start = int(np.clip(box.start - around, 0, recording.n_samples - 1))
    low, high = np.clip((box.low - beside, box.high + beside), -0.5, 0.5)
    if high - low < NARROWEST:
        low, high = -0.5, 0.5
    seen = spectrogram(recording, start, int(box.stop + around) + 1, low, high, EXAMPLE_SIZE)
    left, right = (100 * (t - seen.start) / (seen.stop - seen.start) for t in (box.start, box.stop))
    top, bottom = (100 * (seen.high - f) / (seen.high - seen.low) for f in (box.high, box.low))
    when, where = time(box.start), frequency((box.low + box.high) / 2)
    looks = [_looks(boxes[k].event.get("description")) for k in sorted(rows, key=lambda k: k != row)]
    return {
        "title": one.title,
        "n": one.n,
        "image": _image(seen),
        "looks": next(filter(None, looks), "not described"),
        "row": row,
        "number": box.event.get("emission"),
        "where": f"at {when:.5g} {time.unit}, {where:.7g} {frequency.unit}".replace(" ,", ","),
        "left": round(left, 2),
        "top": round(top, 2),
        "width": round(max(right - left, LEAST_SIDE), 2),
        "height": round(max(bottom - top, LEAST_SIDE), 2),
    }
