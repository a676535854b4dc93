# SPDX-License-Identifier: GPL-3.0-or-later
"""The waterfall of the label display."""

import numpy as np
import pyqtgraph
from PyQt5 import QtCore, QtGui, QtWidgets
from PyQt5.QtCore import Qt
from sr2cnn_learn.plots.palette import ground, on

from .plot import Plot

SHADES = 256
MOST_NAMES = 60
LEAST = 5  # pixels of a box's side
NAME_MARGIN = 3  # pixels


class WaterfallPlot(Plot):
    """Time from left to right, frequency from below up, a box for each emission."""

    def __init__(self):
        super().__init__()
        self.setMouseEnabled(False, False)
        self.hideButtons()
        self._image = pyqtgraph.ImageItem(axisOrder="col-major")
        self._image.setLookupTable(ground(SHADES))
        self.addItem(self._image, ignoreBounds=True)
        self._boxes, self._names = [], []
        self._drawn = []
        self.getPlotItem().getViewBox().sigResized.connect(self._draw_boxes)

    def show_waterfall(self, waterfall, look):
        """Draw what a `Waterfall` holds; `look` gives the name, colour and whether it is known of a box."""
        picture = waterfall.picture()
        (factor, what), frequency = waterfall.scales()
        start, end = (factor * sample for sample in waterfall.interval())
        low, high = frequency(-0.5), frequency(0.5)
        self._image.setVisible(picture is not None)
        if picture is not None:
            self._image.setImage(picture, levels=(0, SHADES - 1))
            self._image.setRect(QtCore.QRectF(start, low, end - start, high - low))
        self.setXRange(start, end, padding=0)
        self.setYRange(low, high, padding=0)
        style = {"color": self.foreground.name(), "font-size": self.css_size()}
        self.setLabel("bottom", what, **style)
        self.setLabel("left", frequency.unit, **style)
        self._drawn = [
            (
                QtCore.QRectF(
                    factor * b.start,
                    frequency(b.low),
                    factor * (b.stop - b.start),
                    frequency(b.high) - frequency(b.low),
                ),
                *look(b),
            )
            for b in waterfall.boxes()
        ]
        self._draw_boxes()

    def _draw_boxes(self, *_):
        view = self.getPlotItem().getViewBox()
        wide, high = (abs(size) for size in view.viewPixelSize())
        for item in (*self._boxes[len(self._drawn) :], *self._names):
            item.hide()
        named, taken = [], []
        for k, (place, name, colour, known) in enumerate(self._drawn):
            if k == len(self._boxes):
                self._boxes.append(QtWidgets.QGraphicsRectItem())
                self.addItem(self._boxes[k], ignoreBounds=True)
            x, y = (max(0, LEAST - size) / 2 for size in (place.width() / wide, place.height() / high))
            grown = place.adjusted(-x * wide, -y * high, x * wide, y * high)
            pen = QtGui.QPen(colour, 1.5, Qt.SolidLine if known else Qt.DashLine)
            pen.setCosmetic(True)
            self._boxes[k].setPen(pen)
            self._boxes[k].setRect(grown)
            self._boxes[k].show()
            named.append((grown, name, colour))
        for box in reversed(named):  # the latest first
            self._write(view, *box, taken)

    def _write(self, view, place, name, colour, taken):
        """A name above or below its box, if there is room."""
        if not name or len(taken) == MOST_NAMES:
            return
        metrics = QtGui.QFontMetricsF(self.font())
        wide, high = metrics.horizontalAdvance(name) + 2 * NAME_MARGIN, metrics.height()
        top, bottom = (view.mapFromView(corner) for corner in (place.bottomLeft(), place.topLeft()))
        room = view.rect()
        x = float(np.clip(top.x(), room.left(), max(room.left(), room.right() - wide)))
        for y in (top.y() - high, bottom.y()):
            box = QtCore.QRectF(x, y, wide, high)
            if room.contains(box) and not any(map(box.intersects, taken)):
                break
        else:
            return
        k = len(taken)
        taken.append(box)
        if k == len(self._names):
            text = pyqtgraph.TextItem(anchor=(0, 0))
            text.textItem.document().setDocumentMargin(0)
            text.setZValue(1)  # over the boxes
            self.addItem(text, ignoreBounds=True)
            self._names.append(text)
        text = self._names[k]
        text.fill = pyqtgraph.mkBrush(colour)
        text.setFont(self.font())
        text.setText(name, on(colour.name()))
        text.setPos(view.mapToView(box.topLeft()))
        text.show()
