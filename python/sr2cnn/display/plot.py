# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plots of the label display share."""

import os

os.environ.setdefault("PYQTGRAPH_QT_LIB", "PyQt5")  # GNU Radio's; pyqtgraph would take another

import pyqtgraph
from PyQt5 import QtGui

FAINT = 0.65  # of the text's colour, in that of what matters less


class Plot(pyqtgraph.PlotWidget):
    """A plot on the ground of the window."""

    def __init__(self):
        super().__init__()
        self.setMenuEnabled(False)
        self.foreground = self.faint = QtGui.QColor("gray")

    def take_look(self):
        palette = self.palette()
        ground, self.foreground = palette.color(palette.Base), palette.color(palette.Text)
        self.faint = mixed(ground, self.foreground, FAINT)
        self.setBackground(ground)
        for side in ("left", "bottom"):
            self.getAxis(side).setPen(self.faint)
            self.getAxis(side).setTextPen(self.foreground)
            self.getAxis(side).setStyle(tickFont=self.font())

    def css_size(self):
        """The size of the text, as style sheets have it."""
        return f"{QtGui.QFontInfo(self.font()).pixelSize()}px"


def mixed(a, b, share):
    """A colour between two, with that share of the second."""
    pairs = zip(a.getRgb()[:3], b.getRgb()[:3])
    return QtGui.QColor(*(round(one + share * (other - one)) for one, other in pairs))
