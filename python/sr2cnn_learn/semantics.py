# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of each class in semantic space: center and covariance (Eq. 7)."""

import numpy as np


def class_semantics(z, labels, n_classes, full_covariance=False):
    """Center and covariance of each class.

    Args:
        z: (N, dim) semantic vectors of training frames
        labels: (N,) class indices 0 … n_classes−1
        n_classes: K
        full_covariance: also the (K, dim, dim) covariances that the Mahalanobis distance needs

    Returns:
        dict of float64 arrays: ``centers`` (K, dim), ``variances`` (K, dim) or ``covariances``
        (K, dim, dim), both normalised by n as in the paper, and int64 ``counts`` (K,)

    Raises:
        ValueError: a class has fewer than two frames
    """
    z, labels = np.asarray(z, dtype=np.float64), np.asarray(labels)
    counts = np.bincount(labels, minlength=n_classes)
    if np.any(counts < 2):
        raise ValueError(f"class {np.argmin(counts)} has {counts.min()} frames, expected at least 2")
    members = [z[labels == k] for k in range(n_classes)]
    semantics = dict(centers=np.stack([m.mean(0) for m in members]), counts=counts)
    if full_covariance:
        semantics["covariances"] = np.stack([np.cov(m, rowvar=False, bias=True) for m in members])
    else:
        semantics["variances"] = np.stack([m.var(0) for m in members])
    return semantics
