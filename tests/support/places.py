# SPDX-License-Identifier: GPL-3.0-or-later
"""Where tests find what lies outside of them."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
APP = ROOT / "apps" / "sr2cnn"
SHARED = ROOT.parent / "shared"  # recordings and golden values; tests of these skip where it is not
