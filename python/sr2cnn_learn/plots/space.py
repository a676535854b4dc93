# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps of the semantic space."""

from .curves import BESIDE


def draw_space(figure, flat, labels, names, held_out, title):
    """Frames as points, a color a class.

    Args:
        figure: empty matplotlib ``Figure``
        flat: (N, 2) places
        labels: (N,) class of each
        names: classes in the order of the legend
        held_out: those of them that stand out
        title: of the map
    """
    from matplotlib import colormaps

    axes = figure.subplots()
    for k, name in enumerate(names):
        new = name in held_out
        axes.scatter(
            *flat[labels == name].T,
            s=26 if new else 9,
            marker="^" if new else "o",
            color=colormaps["tab20"](k % 20),
            linewidths=0,
            label=f"{name} (held out)" if new else name,
        )
    axes.set(xticks=[], yticks=[], title=title)
    axes.legend(markerscale=1.5, **BESIDE)
