# SPDX-License-Identifier: GPL-3.0-or-later
"""What a label display shows: counts, timeline, map, and the Qt panel. Nothing here knows GNU Radio."""
