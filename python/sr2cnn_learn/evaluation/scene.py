# SPDX-License-Identifier: GPL-3.0-or-later
"""How many emissions of a scene, a recording whose truth is known, were found where they are, and named."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..modulations import FAMILIES
from ..quantities import loads_finite
from ..recordings import ANNOTATOR, read_sigmf

LEAST_WIDTH = 4000.0  # Hz: what is narrower counts as this wide
FOUND = 0.3  # intersection over union, in time and frequency, above which an event is an emission's
TOUCHED = 0.05  # below it with every emission, an event is a ghost
BIN = 2  # dB of SNR
LONGEST_LINE = 1 << 20  # bytes
#: Of the truth's annotations: SNR in dB within the emission's own band; symbol rate in Hz, or null.
SNR_FIELD, SYMBOL_RATE_FIELD = "scene:snr", "scene:baud"


@dataclass(frozen=True)
class Emission:
    """Attributes:
    start, stop: samples, the latter is the first behind it
    low, high: Hz from the middle of the band, `LEAST_WIDTH` apart at least
    label: its modulation, None where there is no verdict
    snr: dB in its band, None where nobody says
    """

    start: int
    stop: int
    low: float
    high: float
    label: str | None
    snr: float | None = None


def read_truth(path: str | Path) -> list[Emission]:
    """The emissions that a scene's SigMF annotations tell of; what this module itself heard is no truth.

    Raises:
        OSError: The metadata cannot be read.
        ValueError: ``"<path>: reason"``: no SigMF metadata, or an annotation lacks what makes it an emission's.
    """
    meta = read_sigmf(path)
    offset = meta.get_global_info().get("core:offset", 0)
    captures = sorted(meta.get_captures(), key=lambda capture: capture["core:sample_start"])
    truth = []
    for annotation in meta.get_annotations():
        if annotation.get("core:generator") == ANNOTATOR:
            continue
        start = annotation["core:sample_start"]
        tuned = [c.get("core:frequency", 0.0) for c in captures if c["core:sample_start"] <= start]
        middle = tuned[-1] if tuned else 0.0
        try:
            low, high = (annotation[f"core:freq_{side}_edge"] - middle for side in ("lower", "upper"))
            count, label = annotation["core:sample_count"], annotation["core:label"]
        except KeyError as error:
            what = f"the annotation at sample {start} has no {error.args[0]}"
            raise ValueError(f"{path}: {what}, which an emission's needs") from None
        snr = annotation.get(SNR_FIELD)
        if snr is not None and not _is_number(snr):
            raise ValueError(f"{path}: {SNR_FIELD} at sample {start} is {str(snr)[:40]!r}, expected dB")
        truth.append(_emission(start - offset, count, (low + high) / 2, high - low, label, snr))
    return truth


def read_events(path: str | Path) -> Iterator[dict]:
    """The events in a file of ``sr2cnn classify --out``.

    Raises:
        OSError: It cannot be read.
        ValueError: A line is no JSON object.
    """
    with open(path, "rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), b""), 1):
            try:
                event = loads_finite(line)
                if not isinstance(event, dict):
                    raise ValueError("no JSON object")
            except ValueError as error:
                raise ValueError(f"line {number}: {error}; expected an event") from None
            yield event


def reported_emissions(events: Iterable[dict]) -> list[Emission]:
    """What the events of one recording tell of emissions.

    An ``emission`` event is one; of several with one number the last counts, from the first one's start.
    Where there is none, each ``burst`` stands in, with the label that most of its frames have.

    Raises:
        ValueError: An event lacks what docs/messages.md says of it, or there are several recordings.
    """
    whole, bursts, frames, recordings = {}, {}, defaultdict(Counter), 0
    for event in events:
        kind = event.get("event")
        if kind == "recording":
            recordings += 1
        elif kind == "emission":
            number = _field(event, "emission", int)
            earlier = whole.pop(number, None)  # in the order of the last
            whole[number] = _reported(event, _label(event), earlier)
        elif kind == "burst":
            bursts[_field(event, "burst", int)] = event
        elif kind == "label" and "burst" in event:
            frames[_field(event, "burst", int)][_label(event)] += _field(event, "n_frames", int)
    if recordings > 1:
        raise ValueError(f"events of {recordings} recordings, expected those of one")
    if whole:
        return list(whole.values())
    labels = {number: counts.most_common(1)[0][0] for number, counts in frames.items()}
    return [_reported(event, labels.get(number)) for number, event in bursts.items()]


def _reported(event, label, earlier=None):
    start = _field(event, "start_sample", int)
    # A burst that was open to the end of the recording may not say how long it is.
    count = 0 if event.get("n_samples") is None else _field(event, "n_samples", int)
    if earlier:
        count += start - min(start, earlier.start)
        start = min(start, earlier.start)
    center, width = (_field(event, key, float) for key in ("frequency_offset", "bandwidth"))
    return _emission(start, count, center, width, label)


def _emission(start, count, center, width, label, snr=None):
    half = max(width, LEAST_WIDTH) / 2
    return Emission(start, start + count, center - half, center + half, label, snr)


def _field(event, key, kind):
    value = event.get(key)
    if not _is_number(value) or kind is int and not isinstance(value, int) or abs(value) >= 1 << 62:
        expected = "a whole number" if kind is int else "a number"
        raise ValueError(f"event {event['event']!r} with {key} {str(value)[:40]!r}, expected {expected}")
    return value


def _label(event):
    label = event.get("label")
    if label is not None and not isinstance(label, str):
        raise ValueError(f"event {event['event']!r} with label {str(label)[:40]!r}, expected a text or null")
    return label


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@dataclass(frozen=True)
class Matching:
    """Attributes:
    pairs: index of the reported one by that of the true one
    spare: reported ones that are no true one's
    ghosts: those of them that touch none
    """

    pairs: dict[int, int]
    spare: int
    ghosts: int


def match(truth: list[Emission], reported: list[Emission]) -> Matching:
    """Pairs of true and reported emissions, one to one, the best overlap first."""
    boxes = np.array([[r.start, r.stop, r.low, r.high] for r in reported], float).reshape(-1, 4)
    candidates, touched = [], np.zeros(len(reported), bool)
    for i, emission in enumerate(truth):
        shares = _overlaps(emission, boxes)
        touched |= shares >= TOUCHED
        candidates += [(shares[k], i, k) for k in np.flatnonzero(shares > FOUND).tolist()]
    pairs, taken = {}, set()
    for _, i, k in sorted(candidates, reverse=True):
        if i not in pairs and k not in taken:
            pairs[i] = k
            taken.add(k)
    ghosts = sum(not touched[k] for k in range(len(reported)) if k not in taken)
    return Matching(pairs, len(reported) - len(taken), ghosts)


def _overlaps(emission, boxes):
    """Intersection over union of an emission and of boxes (n, 4): (n,)."""
    start, stop, low, high = boxes.T
    time = np.minimum(stop, emission.stop) - np.maximum(start, emission.start)
    band = np.minimum(high, emission.high) - np.maximum(low, emission.low)
    both = np.maximum(time, 0) * np.maximum(band, 0)
    area = (stop - start) * (high - low) + (emission.stop - emission.start) * (emission.high - emission.low)
    return both / np.maximum(area - both, np.finfo(float).tiny)


def score(scenes: Iterable[tuple[list[Emission], list[Emission]]]) -> dict:
    """How many of the true emissions were found and named.

    Args:
        scenes: true and reported emissions of each

    Returns:
        dict: ``emissions``; shares of them ``found`` (matched by an event), ``exact`` (its label is right),
        ``family`` (it is of the right family), None where there are none; numbers of events ``reported``, of
        these ``spare`` (no emission's), and of these ``ghosts`` (where no emission is); ``by_snr``, a list of
        the same shares in each `BIN` of SNR, from the lowest: ``from``, ``to``, ``emissions``, ``found``, …
    """
    rows, counts = [], Counter()
    for truth, reported in scenes:
        matching = match(truth, reported)
        counts.update(reported=len(reported), spare=matching.spare, ghosts=matching.ghosts)
        for i, emission in enumerate(truth):
            k = matching.pairs.get(i)
            named = None if k is None else reported[k].label
            family = FAMILIES.get(emission.label)
            alike = family is not None and FAMILIES.get(named) == family
            rows.append((emission.snr, k is not None, named == emission.label, alike))
    bins = defaultdict(list)
    for row in rows:
        if row[0] is not None:
            bins[math.floor(row[0] / BIN) * BIN].append(row)
    by_snr = [{"from": low, "to": low + BIN, **_shares(bins[low])} for low in sorted(bins)]
    figures = {key: counts[key] for key in ("reported", "spare", "ghosts")}
    return {**_shares(rows), **figures, "by_snr": by_snr}


def _shares(rows):
    columns = zip(*rows) if rows else ([],) * 4
    _, *hits = columns
    shares = (sum(each) / len(rows) if rows else None for each in hits)
    return {"emissions": len(rows), **dict(zip(("found", "exact", "family"), shares))}
