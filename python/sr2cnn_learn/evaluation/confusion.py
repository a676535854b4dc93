# SPDX-License-Identifier: GPL-3.0-or-later
"""Which labels the frames of each true class were given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MAX_DISCOVERED = 8  # discovered classes with a column of their own
OTHER = "other new"


def confusion_table(
    truth: Sequence[str], labels: Sequence[str], classes: Sequence[str]
) -> tuple[list[str], list[str], np.ndarray]:
    """Shares of each true class's frames that were given each label.

    Returns:
        rows: true classes, known ones first in the order of `classes`
        columns: `classes`, then the largest discovered classes, then the rest of them as one
        shares: (rows, columns) float, each row sums to 1
    """
    truth, labels = np.asarray(truth), np.asarray(labels)
    present = set(truth.tolist())
    rows = [c for c in classes if c in present] + sorted(present - set(classes))
    found, counts = np.unique(labels[~np.isin(labels, classes)], return_counts=True)
    largest = found[np.argsort(-counts, kind="stable")][:MAX_DISCOVERED].tolist()
    columns = [*classes, *largest] + ([OTHER] if len(found) > len(largest) else [])
    index = {label: i for i, label in enumerate(columns)}
    shares = np.zeros((len(rows), len(columns)))
    for i, row in enumerate(rows):
        for label in labels[truth == row]:
            shares[i, index.get(label, len(columns) - 1)] += 1
    return rows, columns, shares / shares.sum(axis=1, keepdims=True)
