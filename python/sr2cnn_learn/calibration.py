# SPDX-License-Identifier: GPL-3.0-or-later
"""Choice of distance and discrimination coefficient λ1 on validation data (section V of the paper)."""

import numpy as np

from .discriminator import Discriminator
from .evaluation.metrics import open_set_metrics

DISTANCES = ("diagonal", "isotropic", "euclidean")  # those that do with variances
TKR_WITHOUT_UNKNOWNS = 0.95  # aim of the choice where no unknown frames are at hand
MAX_ISOTOPIC = 2
N_CANDIDATES = 25


def is_admissible(metrics, upper_bound):
    """The paper's constraints: known precision above 0.95·UB, at most two isotopic classes."""
    precision = metrics["known_precision"]
    return precision is not None and precision > 0.95 * upper_bound and metrics["isotopic"] <= MAX_ISOTOPIC


def lambda1_for_tkr(options, z, tkr):
    """λ1 that accepts a given share of known frames.

    Args:
        options: keyword arguments of ``Discriminator`` but for ``lambda1``
        z: (N, dim) semantic vectors of known frames
        tkr: share to accept
    """
    return float(np.quantile(needed_lambda1(options, z), tkr))


def needed_lambda1(options, z):
    """The λ1 above which each of ``z`` (N, dim) is taken for known: (N,).

    Args:
        options: keyword arguments of ``Discriminator`` but for ``lambda1``
    """
    return Discriminator(**dict(options, lambda1=1.0)).nearest_known(z)[1]


def choose_discriminator(options, classes, z, truth, upper_bound):
    """Distance and λ1 by the paper's rule on validation frames.

    The candidates for λ1 are quantiles of the known frames' own scores, so that none is out of range. With
    unknown frames among them, the admissible pair of the largest WTR wins; where none is admissible, the
    largest WTR. Without unknown frames, the diagonal distance with the λ1 that keeps
    95 % of the known.

    Args:
        options: keyword arguments of ``Discriminator`` but for ``distance`` and ``lambda1``
        classes: names of the known classes
        z: (N, dim) semantic vectors in stream order
        truth: (N,) labels
        upper_bound: closed-set accuracy on known frames, UB

    Returns:
        dict of ``distance`` and ``lambda1``, and whether the constraints are met (None where there were no
        unknown frames)
    """
    truth = np.asarray(truth)
    known = np.isin(truth, classes)
    results = []
    if known.all():
        chosen = dict(distance=DISTANCES[0])
        lambda1 = lambda1_for_tkr(dict(options, **chosen), z, TKR_WITHOUT_UNKNOWNS)
        return dict(chosen, lambda1=lambda1), None
    for distance in DISTANCES:
        needed = needed_lambda1(dict(options, distance=distance), z[known])
        for lambda1 in np.unique(np.quantile(needed, np.linspace(0.5, 1.0, N_CANDIDATES))):
            chosen = dict(distance=distance, lambda1=float(lambda1))
            ids = Discriminator(**options, **chosen).predict(z)
            results.append((chosen, open_set_metrics(truth, ids, classes)))
    admissible = [r for r in results if is_admissible(r[1], upper_bound)]
    chosen, _ = max(admissible or results, key=lambda r: r[1]["wtr"])
    return chosen, bool(admissible)
