# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of pictures."""

from contextlib import contextmanager

from ..atomic import whole_file


@contextmanager
def picture(path, size, dpi=100):
    """An empty matplotlib ``Figure`` to draw on; written when the block ends, whole or not at all.

    Args:
        path: file to write
        size: inches
        dpi: pixels an inch
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    yield figure
    with whole_file(path) as file:
        figure.savefig(file, dpi=dpi)
