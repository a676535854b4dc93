# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of each class in semantic space: center and covariance (Eq. 7)."""

import io
import math
import zipfile

import numpy as np

from .npz import members, read_header, read_numbers

MAX_BYTES = 2**28  # of semantics.npz, and of its arrays


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


def _expected_arrays(keys, card):
    """The shape of each array that semantics.npz needs for its card."""
    n_classes, dim = len(card["classes"]), card["dim"]
    full = card["distance"] == "mahalanobis"
    spread, shape = ("covariances", (n_classes, dim, dim)) if full else ("variances", (n_classes, dim))
    expected = {"centers": (n_classes, dim), spread: shape, "counts": (n_classes,)}
    attributes = card.get("attributes")
    if (attributes is None) != ("attribute_weights" not in keys):
        raise ValueError("card's 'attributes' and semantics.npz's 'attribute_weights': expected both or none")
    if attributes is not None:
        expected["attribute_weights"] = (dim + 1, len(attributes["names"]))
    for key in expected:
        if key not in keys:
            raise ValueError(f"semantics.npz has no {key!r}, which distance {card['distance']!r} needs")
    return expected


def _check_array(key, array, shape):
    """ValueError unless an array, or the header of one, is of numbers and has the shape."""
    if array.shape != shape or array.dtype.kind not in "fiu":
        raise ValueError(
            f"semantics.npz has {key} {array.dtype}{array.shape}, expected numbers of shape {shape}"
        )


def _check_finite(key, array):
    if not np.all(np.isfinite(array)):
        raise ValueError(f"semantics.npz has NaN or infinity in {key}")
    if key in ("variances", "counts") and array.size and array.min() < 0:
        raise ValueError(f"semantics.npz has a negative number in {key}")


def check_semantics(semantics, card):
    for key, shape in _expected_arrays(semantics, card).items():
        array = np.asarray(semantics[key])
        _check_array(key, array, shape)
        _check_finite(key, array)


def read_semantics(data, card):
    """The arrays that a card needs; no other is looked at, none is larger than the card says."""
    semantics = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        arrays = {name.removesuffix(".npy"): member for name, member in members(archive).items()}
        expected = _expected_arrays(arrays, card)
        size = 8 * sum(math.prod(shape) for shape in expected.values())
        if size > MAX_BYTES:
            raise ValueError(f"semantics.npz needs {size} bytes, expected at most {MAX_BYTES}")
        for key, shape in expected.items():
            with archive.open(arrays[key]) as stream:
                header = read_header(stream)
                _check_array(key, header, shape)
                semantics[key] = read_numbers(stream, header)
            _check_finite(key, semantics[key])
    return semantics
