# Copyright 2026 the gr-sr2cnn authors.
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks: torch modules with ``forward`` (F), ``classify`` (C) and, if any, ``reconstruct`` (D)."""
