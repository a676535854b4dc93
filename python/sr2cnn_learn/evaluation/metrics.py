# SPDX-License-Identifier: GPL-3.0-or-later
"""Open-set figures of a labelled stream, as the paper defines them (section V)."""

from collections import Counter

import numpy as np
from sklearn.metrics import f1_score

from ..discriminator import INVALID
from .closed_set import class_indices
from .running import RunningScore

ISOTOPIC_SHARE = 0.05  # a discovered class counts from this share of its unknown class's frames
KNOWN_WEIGHT = 0.4  # of TKR in WTR


def weighted_true_rate(tkr, tur):
    """WTR, 0.4·TKR + 0.6·TUR, of shares or arrays of them."""
    return KNOWN_WEIGHT * tkr + (1 - KNOWN_WEIGHT) * tur


def _ratio(part, whole):
    return float(part / whole) if whole else None


def open_set_f1(truth, ids, classes):
    """Macro F1: the mean over the known classes and, as one class more, all that is unknown.

    The usual F1 of open-set recognition; the paper's own definition is not at hand. A class that neither
    occurs nor is named does not count.

    Args:
        truth: (N,) labels
        ids: (N,) class ids, k ≥ 0 is ``classes[k]``, below 0 unknown; INVALID frames are left out

    Returns:
        float, or None without frames
    """
    true = class_indices(truth, classes)
    ids = np.asarray(ids)
    valid = ids != INVALID
    if not valid.any():
        return None
    return float(f1_score(true[valid], np.maximum(ids[valid], -1), average="macro"))


def open_set_metrics(truth, ids, classes):
    """Figures of a stream whose truth is known.

    Args:
        truth: (N,) labels
        ids: (N,) class ids of a discriminator: k ≥ 0 is ``classes[k]``, below 0 is discovered
        classes: names of the known classes

    Returns:
        dict of shares, None where there is nothing to share:
        ``known_accuracy``: known frames given their own class, a rejected one counts as wrong;
        ``tkr``: known frames accepted as known (true known rate);
        ``tur``: unknown frames rejected (true unknown rate);
        ``wtr``: 0.4·TKR + 0.6·TUR (weighted true rate);
        ``known_precision``: frames called known that were given their own class;
        ``unknown_precision``: frames called unknown that are of their discovered class's dominant truth,
        and that is an unknown class;
        ``f1``: see ``open_set_f1``;
        ``new_classes``: number of discovered classes;
        ``isotopic``: most discovered classes that share one dominant unknown class, each with at least
        5 % of its frames
    """
    score = RunningScore(classes)
    score.update(truth, ids)
    report = score.report()
    confusion = report["confusion"]
    right = sum(confusion.get(name, {}).get(name, 0) for name in classes)
    accepted = sum(given.get(name, 0) for given in confusion.values() for name in classes)
    totals = {label: sum(given.values()) for label, given in confusion.items()}

    isotopic, dominant_frames = Counter(), 0
    for new in report["new_classes"]:
        label, n = max(new["made_of"].items(), key=lambda item: item[1])
        if label not in classes:
            dominant_frames += n
            isotopic[label] += n >= ISOTOPIC_SHARE * totals[label]
    tkr, tur = report["tkr"], report["tur"]
    return dict(
        known_accuracy=report["known_accuracy"],
        tkr=tkr,
        tur=tur,
        wtr=None if tkr is None or tur is None else weighted_true_rate(tkr, tur),
        known_precision=_ratio(right, accepted),
        unknown_precision=_ratio(dominant_frames, report["frames"] - accepted),
        f1=open_set_f1(truth, ids, classes),
        new_classes=len(report["new_classes"]),
        isotopic=max(isotopic.values(), default=0),
    )
