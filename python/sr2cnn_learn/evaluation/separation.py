# SPDX-License-Identifier: GPL-3.0-or-later
"""How well scores separate known from unknown, and discovered classes from each other.

The figures that the field trusts beside the paper's own (`metrics`); none depends on λ1 but those of
discovery.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import (
    adjusted_rand_score,
    auc,
    average_precision_score,
    normalized_mutual_info_score,
    roc_auc_score,
)
from sklearn.metrics.cluster import contingency_matrix

from .metrics import weighted_true_rate

TKR = 0.95
MIN_WTR = 0.8  # of the discrimination interval
MAJOR_SHARE = 0.05  # a discovered class counts from this share of the unknown frames


def score_metrics(scores, unknown, right):
    """Figures of scores that grow with strangeness.

    Args:
        scores: (N,) float, d1/Θ1
        unknown: (N,) bool, truth
        right: (N,) bool, the classifier names the frame's own class (False for unknown frames)

    Returns:
        dict of ``auroc`` and ``aupr`` (unknown is the positive class), ``tur_at_tkr95`` (unknown frames
        above the score that keeps 95 % of the known), and ``oscr`` (area under the correct classification
        rate of known frames over the share of unknown frames accepted; Dhamija et al., NeurIPS 2018).
        All None unless there are frames of both kinds.
    """
    scores, unknown, right = np.asarray(scores), np.asarray(unknown, bool), np.asarray(right, bool)
    if unknown.all() or not unknown.any():
        return dict.fromkeys(("auroc", "aupr", "tur_at_tkr95", "oscr"))
    limit = np.quantile(scores[~unknown], TKR, method="higher")
    thresholds = np.unique(scores)
    accepted = np.searchsorted(np.sort(scores[unknown]), thresholds, side="right")
    correct = np.searchsorted(np.sort(scores[~unknown & right]), thresholds, side="right")
    return dict(
        auroc=float(roc_auc_score(unknown, scores)),
        aupr=float(average_precision_score(unknown, scores)),
        tur_at_tkr95=float(np.mean(scores[unknown] > limit)),
        oscr=float(
            auc(
                np.concatenate([[0], accepted / np.sum(unknown)]),
                np.concatenate([[0], correct / np.sum(~unknown)]),
            )
        ),
    )


def rates_over_lambda1(needed, unknown):
    """λ1 in rising order, and TKR and TUR just above each; between two neighbours nothing changes.

    Args:
        needed: (N,) λ1 above which a frame is accepted as known
        unknown: (N,) bool, truth; there are frames of both kinds

    Returns:
        three float arrays (M,)
    """
    lambdas = np.unique(needed)
    tkr = np.searchsorted(np.sort(needed[~unknown]), lambdas, side="right") / np.sum(~unknown)
    tur = 1 - np.searchsorted(np.sort(needed[unknown]), lambdas, side="right") / np.sum(unknown)
    return lambdas, tkr, tur


def discrimination_interval(needed, unknown):
    """Width of the range of λ1 in which WTR is above 80 % (section V of the paper).

    Args:
        needed: (N,) λ1 above which a frame is accepted as known: its score times the λ1 of the score
        unknown: (N,) bool, truth

    Returns:
        float, or None unless there are frames of both kinds
    """
    needed, unknown = np.asarray(needed), np.asarray(unknown, bool)
    if unknown.all() or not unknown.any():
        return None
    lambdas, tkr, tur = rates_over_lambda1(needed, unknown)
    wtr = weighted_true_rate(tkr, tur)
    return float(np.sum(np.diff(lambdas)[wtr[:-1] > MIN_WTR]))


def discovery_metrics(truth, ids):
    """Discovered classes against the truth, on the frames of unknown classes alone.

    Args:
        truth: (N,) labels of frames of unknown classes
        ids: (N,) class ids that the discriminator gave them

    Returns:
        dict of ``hungarian_accuracy`` (share of frames in the discovered class that the best one-to-one
        matching gives their own; a frame called known is wrong), ``nmi``, ``ari``, ``major_classes``
        (discovered classes that hold at least 5 % of the frames) and ``true_classes``. Shares are None
        where there are no frames.
    """
    truth, ids = np.asarray(truth), np.asarray(ids)
    if not len(truth):
        nothing = dict.fromkeys(("hungarian_accuracy", "nmi", "ari"))
        return dict(nothing, major_classes=0, true_classes=0)
    discovered, counts = np.unique(ids[ids < 0], return_counts=True)
    matched = 0
    if len(discovered):
        table = contingency_matrix(truth[ids < 0], ids[ids < 0])
        matched = table[linear_sum_assignment(table, maximize=True)].sum()
    return dict(
        hungarian_accuracy=float(matched / len(truth)),
        nmi=float(normalized_mutual_info_score(truth, ids)),
        ari=float(adjusted_rand_score(truth, ids)),
        major_classes=int(np.sum(counts >= MAJOR_SHARE * len(truth))),
        true_classes=len(np.unique(truth)),
    )
