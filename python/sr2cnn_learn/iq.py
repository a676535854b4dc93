# SPDX-License-Identifier: GPL-3.0-or-later
"""The one layout of samples in arrays: float32 with I and Q beside each other on the last axis.

It is that of a complex64 buffer, as GNU Radio has them, so that either is a view of the other. Files of RadioML's
kind hold (N, 2, L); they are converted when they are read and written, nowhere else.
"""

import numpy as np


def interleaved(samples):
    """Complex samples (…) as float32 (…, 2); a view where they are complex64 and contiguous."""
    samples = np.ascontiguousarray(samples, np.complex64)
    return samples.view(np.float32).reshape(*samples.shape, 2)


def as_complex(samples):
    """Samples (…, 2) as complex64 (…); a view where they are float32 and contiguous."""
    return np.ascontiguousarray(samples, np.float32).view(np.complex64)[..., 0]
