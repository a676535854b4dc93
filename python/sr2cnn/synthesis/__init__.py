# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals from the project's own transmitters, and data sets made of them."""
