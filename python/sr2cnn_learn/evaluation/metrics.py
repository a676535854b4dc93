# Copyright 2026 the gr-sr2cnn authors.
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open-set figures of a labelled stream, as the paper defines them (section V)."""

from collections import Counter

import numpy as np

ISOTOPIC_SHARE = 0.05  # a discovered class counts from this share of its unknown class's frames


def _ratio(part, whole):
    return float(part / whole) if whole else None


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
        ``known_precision``: frames called known that were given their own class;
        ``unknown_precision``: frames called unknown that are of their discovered class's dominant truth,
        and that is an unknown class;
        ``new_classes``: number of discovered classes;
        ``isotopic``: most discovered classes that share one dominant unknown class, each with at least
        5 % of its frames
    """
    truth, ids = np.asarray(truth), np.asarray(ids)
    index = {name: k for k, name in enumerate(classes)}
    truth_ids = np.array([index.get(label, -1) for label in truth])
    known, accepted = truth_ids >= 0, ids >= 0
    right = np.sum(known & (truth_ids == ids))

    totals = Counter(truth[~known].tolist())
    isotopic, dominant_frames = Counter(), 0
    discovered = np.unique(ids[~accepted])
    for new in discovered:
        label, n = Counter(truth[ids == new].tolist()).most_common(1)[0]
        if label in totals:
            dominant_frames += n
            isotopic[label] += n >= ISOTOPIC_SHARE * totals[label]
    return dict(
        known_accuracy=_ratio(right, known.sum()),
        tkr=_ratio(np.sum(known & accepted), known.sum()),
        tur=_ratio(np.sum(~known & ~accepted), (~known).sum()),
        known_precision=_ratio(right, accepted.sum()),
        unknown_precision=_ratio(dominant_frames, (~accepted).sum()),
        new_classes=len(discovered),
        isotopic=max(isotopic.values(), default=0),
    )
