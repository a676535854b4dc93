# SPDX-License-Identifier: GPL-3.0-or-later
"""Grouped bars."""

import numpy as np


def draw_bars(figure, groups, labels, values, ylabel="%"):
    """Bars side by side, a group for each of ``groups``, a color for each of ``labels``.

    Args:
        figure: empty matplotlib ``Figure``
        groups, labels: texts
        values: (len(labels), len(groups)) shares, None or NaN for none
        ylabel: of the axis
    """
    axes = figure.subplots()
    width = 0.8 / len(labels)
    for i, (label, row) in enumerate(zip(labels, values)):
        places = np.arange(len(groups)) + (i - (len(labels) - 1) / 2) * width
        axes.bar(places, 100 * np.array(row, dtype=float), width * 0.95, label=label)
    axes.set_xticks(range(len(groups)), groups, rotation=20, ha="right")
    axes.set(ylim=(0, 105), ylabel=ylabel)
    axes.grid(axis="y", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=min(len(labels), 5), frameon=False)
