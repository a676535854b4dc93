# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams that a discriminator is judged on."""

import numpy as np


def mixed_stream(known, unknown, seed):
    """Known and unknown frames in one random order: how a stream brings them, and discovery depends on it.

    Args:
        known, unknown: (N, …) and (M, …) arrays of one kind: frames, vectors or labels
        seed: of the order, which depends on N + M besides: arrays of one length are ordered alike

    Returns:
        (N + M, …)
    """
    if not len(unknown):  # which may then have no shape either
        unknown = known[:0]
    both = np.concatenate([known, unknown])
    return both[np.random.default_rng(seed).permutation(len(both))]
