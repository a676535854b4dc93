# Copyright 2026 the gr-sr2cnn authors.
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trainers: each preset's recipe and the state that its training changes."""
