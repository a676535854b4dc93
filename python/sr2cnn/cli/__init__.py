# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that need GNU Radio, found as python/entry_points.txt says. They import it when they run, so that
help is quick."""
