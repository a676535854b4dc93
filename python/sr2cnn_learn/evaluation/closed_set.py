# SPDX-License-Identifier: GPL-3.0-or-later
"""What the classifier says when nothing is rejected."""

import numpy as np


def class_indices(labels, classes):
    """Where each of the labels stands among the classes: int64 (N,), −1 for one that is none of them."""
    index = {name: k for k, name in enumerate(classes)}
    return np.array([index.get(label, -1) for label in labels], dtype=np.int64)


def named_right(logits, truth):
    """Whether the classifier names each frame's own class: bool (N,).

    Args:
        logits: (N, K)
        truth: (N,) class indices, below 0 for frames of no known class
    """
    return np.asarray(logits).argmax(1) == truth


def closed_set_accuracy(logits, truth):
    """UB: share of the known frames that the classifier names right, nothing rejected; None without any.

    Args:
        logits, truth: see `named_right`
    """
    truth = np.asarray(truth)
    known = truth >= 0
    return float(named_right(logits, truth)[known].mean()) if known.any() else None
