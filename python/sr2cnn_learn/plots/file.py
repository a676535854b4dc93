# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of pictures."""

import warnings
from contextlib import contextmanager
from pathlib import Path

from ..atomic import whole_file


@contextmanager
def picture(path, size, dpi=100):
    """An empty matplotlib ``Figure`` to draw on; written when the block ends, whole or not at all.

    Args:
        path: file to write; its suffix tells the format, see `picture_format`
        size: inches
        dpi: pixels an inch

    Raises:
        OSError: The file cannot be written.
        ValueError: There is no such format.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    kind = picture_format(path)
    figure = Figure(figsize=size, dpi=dpi, layout="constrained")
    FigureCanvasAgg(figure)
    with warnings.catch_warnings():  # names of strangers may have characters that the font does not
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        yield figure
        with whole_file(path) as file:
            figure.savefig(file, format=kind, dpi=dpi)


def picture_format(path):
    """The format that a picture's suffix tells: ``png`` (also without one), ``svg``, ``pdf``, ``jpg`` and so on.

    Raises:
        ValueError: There is no such format.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    kind = Path(path).suffix[1:].lower() or "png"
    if kind not in FigureCanvasAgg.filetypes:
        expected = ", ".join(sorted(FigureCanvasAgg.filetypes))
        raise ValueError(f"{path}: no format of pictures is called {kind!r}; expected one of {expected}")
    return kind
