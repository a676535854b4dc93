# SPDX-License-Identifier: GPL-3.0-or-later
"""Open-world modulation recognition: data sets, training, model bundles, evaluation.

Needs neither GNU Radio nor anything compiled; `gnuradio.sr2cnn` builds on it.
"""

__version__ = "0.1.0"
