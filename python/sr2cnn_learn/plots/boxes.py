# SPDX-License-Identifier: GPL-3.0-or-later
"""Emissions as boxes in time and frequency, from what is told of them, and the colour of each one's class."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..names import shown
from ..recordings import ANNOTATOR, Recording
from .palette import NO_CLASS, class_colour

NOT_JUDGED = "not judged"
LONGEST = 40  # characters of a label


@dataclass(frozen=True)
class Box:
    """Attributes:
    start, stop: samples, the latter is the first behind it
    low, high: cycles a sample, from the middle of the band
    label: its class as it may be shown, None where there is no verdict
    known: False for a discovered class
    event: what was told of it
    """

    start: float
    stop: float
    low: float
    high: float
    label: str | None
    known: bool = True
    event: dict = field(default_factory=dict)


def event_boxes(events: Iterable[dict], sample_rate: float | None) -> list[Box]:
    """Boxes of ``emission`` events, by their beginning. Of several with one number the last counts.

    Events that tell no place are left out. A label without ``known`` is taken for a known class's.
    """
    latest = {}
    for k, event in enumerate(events):
        latest[event.get("emission", ("unnumbered", k))] = event
    return sorted(filter(None, (_box(e, sample_rate) for e in latest.values())), key=lambda box: box.start)


def _box(event, rate):
    keys = "start_sample", "n_samples", "frequency_offset", "bandwidth"
    start, n, middle, width = (_number(event, key) for key in keys)
    unit = rate
    if middle is None or width is None or not rate:
        middle, width, unit = (*(_number(event, f"{key}_share") for key in keys[2:]), 1.0)
    if None in (start, n, middle, width):
        return None
    label = event.get("label")
    label = None if label is None else shown(label, LONGEST)
    low, high = ((middle + side * width / 2) / unit for side in (-1, 1))
    known = label is None or bool(event.get("known", True))
    return Box(start, start + n, low, high, label, known, event)


def _number(event, key):
    value = event.get(key)
    fine = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1 << 62
    return value if fine else None


def true_boxes(recording: Recording) -> list[Box]:
    """Boxes of the annotations of a SigMF recording, but for those of this module: they are no truth.

    One without edges is as high as the band, one without a count as long as the recording. Without a sample
    rate there is none.
    """
    rate, middle = recording.sample_rate, recording.center_frequency or 0.0
    boxes = []
    for annotation in recording.annotations if rate else ():
        if annotation.get("core:generator") == ANNOTATOR:
            continue
        start = annotation["core:sample_start"]
        stop = start + annotation.get("core:sample_count", recording.n_samples - start)
        low = (annotation.get("core:freq_lower_edge", middle - rate / 2) - middle) / rate
        high = (annotation.get("core:freq_upper_edge", middle + rate / 2) - middle) / rate
        label = annotation.get("core:label")
        label = None if label is None else shown(label, LONGEST)
        boxes.append(Box(start, stop, low, high, label, event=annotation))
    return sorted(boxes, key=lambda box: box.start)


@dataclass(frozen=True)
class Class:
    """A class that emissions are of: label (None: not judged), whether it is known, their number, colour."""

    label: str | None
    known: bool
    n: int
    colour: str

    @property
    def title(self) -> str:
        """The label; a triangle marks a discovered class, as in the label display."""
        return NOT_JUDGED if self.label is None else self.label if self.known else f"▲ {self.label}"


def classes_of(boxes: Iterable[Box]) -> dict[str | None, Class]:
    """The classes by label: the known ones, the discovered ones, then what was not judged.

    Colours go by the order in which classes are first heard.
    """
    boxes = sorted(boxes, key=lambda box: box.start)
    numbers = Counter(box.label for box in boxes)
    known = {box.label: box.known for box in reversed(boxes)}
    heard = [label for label in dict.fromkeys(box.label for box in boxes) if label is not None]
    found = [Class(label, known[label], numbers[label], class_colour(k)) for k, label in enumerate(heard)]
    found.sort(key=lambda one: not one.known)
    if numbers[None]:
        found.append(Class(None, True, numbers[None], NO_CLASS))
    return {one.label: one for one in found}


@dataclass(frozen=True)
class Scale:
    """An axis: a value of a box times `factor`, plus `offset`, is one in the `unit`; what it is called."""

    factor: float
    offset: float
    what: str
    unit: str

    @property
    def name(self) -> str:
        """With the unit."""
        return f"{self.what}, {self.unit}" if self.unit else self.what

    def __call__(self, value):
        return value * self.factor + self.offset


def time_scale(n_samples: int, sample_rate: float | None) -> Scale:
    """From samples to s, ms or µs, whichever suits the length; without a rate they stay samples."""
    if not sample_rate:
        return Scale(1.0, 0.0, "sample", "")
    seconds = n_samples / sample_rate
    step, unit = next((one for one in ((1, "s"), (1e-3, "ms")) if seconds >= one[0]), (1e-6, "µs"))
    return Scale(1 / (sample_rate * step), 0.0, "time", unit)


def frequency_scale(sample_rate: float | None, center_frequency: float | None) -> Scale:
    """From cycles a sample to hertz, absolute where the center is known; without a rate they stay."""
    if not sample_rate:
        return Scale(1.0, 0.0, "frequency over the sample rate", "")
    step, unit = hertz_unit(center_frequency or sample_rate / 2)
    what = "frequency" if center_frequency else "frequency offset"
    return Scale(sample_rate / step, (center_frequency or 0.0) / step, what, unit)


def hertz_unit(value: float) -> tuple[float, str]:
    """The unit that suits a frequency, and how many hertz it has."""
    units = (1e9, "GHz"), (1e6, "MHz"), (1e3, "kHz")
    if not math.isfinite(value):
        return 1.0, "Hz"
    return next((unit for unit in units if abs(value) >= unit[0]), (1.0, "Hz"))
