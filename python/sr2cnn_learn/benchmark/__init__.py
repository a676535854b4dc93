# SPDX-License-Identifier: GPL-3.0-or-later
"""Speed of encoders, as ratios of what one run measured; the blocks' is in gnuradio.sr2cnn.benchmark."""
