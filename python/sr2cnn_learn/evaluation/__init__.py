# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluation: figures of labelled streams, numbers only; `plots` draws."""
