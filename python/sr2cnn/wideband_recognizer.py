# SPDX-License-Identifier: GPL-3.0-or-later
"""The former name of a recognizer of a whole band."""

import warnings

from sr2cnn_learn.quantities import takes_numbers, whole

from .recognizer import recognizer


class wideband_recognizer(recognizer):
    """A `recognizer`, which takes a band of many signals as it is: write that, without ``n_channels``.

    Goes in the next release.

    Args:
        n_channels: of no use any more; at least 2
        sample_rate, model, live, **options: of `recognizer`

    Raises:
        FileNotFoundError, ValueError: as those of `recognizer`
    """

    @takes_numbers(n_channels=whole)
    def __init__(self, n_channels, sample_rate=0.0, model="sr2cnn", live=False, **options):
        if n_channels < 2:
            raise ValueError(f"n_channels is {n_channels}, expected at least 2")
        warnings.warn(
            "wideband_recognizer(n_channels, …) goes in the next release: recognizer(…) takes the whole band",
            FutureWarning,
            stacklevel=2,
        )
        recognizer.__init__(self, model, live=live, sample_rate=sample_rate, **options)
