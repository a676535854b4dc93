# SPDX-License-Identifier: GPL-3.0-or-later
"""Experiments of no paper: what the presets of this project are good for, beside the paper's."""
