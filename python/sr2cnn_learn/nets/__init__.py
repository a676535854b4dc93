# Copyright 2026 the gr-sr2cnn authors.
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks: each a torch module with ``forward`` (F), ``classify`` (C) and, if it has one, ``reconstruct`` (D)."""
