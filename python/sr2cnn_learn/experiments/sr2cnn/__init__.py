# SPDX-License-Identifier: GPL-3.0-or-later
"""Experiments of Dong et al., *SR2CNN: Zero-Shot Learning for Signal Recognition* (IEEE TSP 69, 2021)."""
