# SPDX-License-Identifier: GPL-3.0-or-later
"""The Qt widget that shows labels: table, timeline, map and figures. It knows nothing of GNU Radio."""

import atexit
import contextlib
import itertools
import os
import time
import warnings
import weakref

os.environ.setdefault("PYQTGRAPH_QT_LIB", "PyQt5")  # GNU Radio's; pyqtgraph would take another

import numpy as np
import pyqtgraph
from PyQt5 import QtCore, QtGui, QtWidgets, sip
from PyQt5.QtCore import Qt
from sr2cnn_learn.attributes import in_words
from sr2cnn_learn.names import check_name, shown
from sr2cnn_learn.plots.palette import NO_CLASS, class_colour

from ..messages import SPECTRA
from .label_counts import is_count, is_finite, is_integer
from .label_statistics import BINS, LONGEST_NAME, LabelStatistics
from .plot import Plot, mixed
from .semantic_map import SemanticMap
from .waterfall import Waterfall
from .waterfall_plot import WaterfallPlot

TICK = 0.2  # seconds from look to look at what came
BUDGET = 0.05  # of them, at most, that taking it may cost: the flowgraph needs the interpreter, too
REFRESH = 0.5  # seconds from picture to picture
LANES = 14  # of the timeline, at most
NOTICE = 10.0  # seconds that one is shown
FAINTEST = 0.3  # opacity of a class with few of a bin's frames
WARNING = "#b3131f", "#ff7a80"  # on a light ground, on a dark one
STRIPE = 0.06  # of the text's colour, in that of every second row
CAPTIONS = ("model", "frames", "frames/s", "dropped", "waiting", "latency p50 / p99", "discovered")
# Which of them stay where there is no room for all.
IMPORTANCE = ("dropped", "discovered", "frames/s", "model", "latency p50 / p99", "waiting", "frames")
LEGEND = "● known  ▲ new  · latest runs"
WIDEST_CELLS = ("", "known", "100.0%", "100.0%", "59 min ago", "99.99")
COLUMNS_BY_IMPORTANCE = (2, 4, 3, 1, 5)  # but for the name
NAME_WIDTH, SHORT_NAME = 20, 10  # characters that have room in the table, and on the map
CELL_MARGIN, TITLE_MARGIN, ICON_WIDTH, AXIS_MARGIN = 12, 30, 20, 12  # pixels
NAMES_SHARE = 0.35  # of the timeline's width, at most
LOOK_CHANGES = (QtCore.QEvent.PaletteChange, QtCore.QEvent.StyleChange, QtCore.QEvent.FontChange)
TIPS = (
    "Double-click a new class to name it.",
    "Whether the model knows the class, or it was discovered.",
    "Share of all frames since the start.",
    "Share of the frames in the timeline.",
    "How long ago the class was heard.",
    "Mean score of its frames; below 1 means known.",
)
# At the end pyqtgraph looks at whatever there is, some of PyTorch's included, which warns.
warnings.filterwarnings("ignore", "`torch.distributed.reduce_op`", FutureWarning)

_panels = weakref.WeakSet()


@atexit.register
def _delete_panels():
    """While Qt is whole. PyQt5 then goes through all that is left of Qt, and of pyqtgraph's many objects it
    meets some, once in a hundred times, that are gone, which is a segmentation fault."""
    if QtWidgets.QApplication.instance() is not None:
        for panel in list(_panels):
            if not sip.isdeleted(panel):
                sip.delete(panel)


class LabelPanel(QtWidgets.QWidget):
    """Classes as a table, a timeline and a map; the flowgraph's figures above.

    A class has one colour everywhere, and a discovered one a triangle. Known classes not heard yet are grey.

    Args:
        events: called often, without arguments; gives pairs of an event, a dict as from `messages.event`,
            and its time of arrival (`time.monotonic`). What is not taken then is asked for by the next call
        rename: called with the id and the new name of a discovered class
        bundle: `sr2cnn_learn.bundle.Bundle`, for the known classes on the map, or None
        window, sample_rate: see `LabelStatistics`
        missed: called without arguments; gives the number of events that were lost on their way here
        report: called with a line of text when the panel fails
        parent: QWidget or None

    Raises:
        ValueError: an argument is out of range
    """

    def __init__(self, events, rename, bundle, window, sample_rate, missed, report, parent=None):
        super().__init__(parent)
        _panels.add(self)
        self.statistics = LabelStatistics(window, sample_rate)
        self.map = SemanticMap(None if bundle is None else bundle.centers)
        self.waterfall = Waterfall(window)
        self._names = [] if bundle is None else [shown(name, LONGEST_NAME) for name in bundle.classes]
        self._model_name = None if bundle is None else bundle.name
        self._events, self._rename, self._missed, self._report = events, rename, missed, report
        self._looks = {}  # class id -> a line on what it looks like
        self._failed = False
        self._notice_until = 0.0
        self._error_at = 0.0
        self._refreshed = 0.0
        self.setWindowTitle("Labels")
        self.resize(1100, 700)

        self.figures = {caption: _Figure(caption) for caption in CAPTIONS}
        self.header = _Header(list(self.figures.values()))
        self.notice = _plain_label("")
        self.notice.setWordWrap(True)
        self.notice.hide()

        self.rows = _Rows(self._name, self._looks, window)
        self.table = _Table(self.rows)
        self.table.doubleClicked.connect(self._on_double_click)
        self.plane = _Plane()
        self.timeline = _Timeline()
        self.waterfall_plot = WaterfallPlot()
        self.waterfall_plot.hide()  # until there is something to show
        upper = QtWidgets.QSplitter(Qt.Horizontal)
        upper.addWidget(self.table)
        upper.addWidget(self.plane)
        upper.setSizes([590, 510])
        self._parting = QtWidgets.QSplitter(Qt.Vertical)
        for part in (upper, self.waterfall_plot, self.timeline):
            self._parting.addWidget(part)
        self._parting.setSizes([345, 0, 275])
        layout = QtWidgets.QVBoxLayout(self)
        layout.addWidget(self.header)
        layout.addWidget(self._parting, 1)
        layout.addWidget(self.notice)

        self._parts = self.header, self.table, self.plane, self.waterfall_plot, self.timeline
        for part in self._parts:
            part.installEventFilter(self)
        self._timer = QtCore.QTimer(self)
        self._timer.timeout.connect(self._on_timer)
        self._timer.start(int(1000 * TICK))
        self.refresh()

    def take(self):
        """Take events in, for a while at most."""
        end = time.monotonic() + BUDGET
        for event, at in self._events():
            self._take_in(event, at)
            if time.monotonic() > end:
                break

    def _take_in(self, event, at):
        if event["event"] == SPECTRA:
            self.waterfall.take_line(event)
            return
        id = event.get("class_id")
        if event["event"] == "emission":
            self.waterfall.take_emission(event)
            if not is_integer(id) or id in self.statistics.classes:
                return
        id = self.statistics.take(event, at)
        if id is not None and "vector" in event:
            self.map.take(id, event["vector"], event["n_frames"])
        if id is not None and "description" in event:
            self._look(id, event["description"])

    def refresh(self):
        """Draw what was taken in."""
        now = time.monotonic()
        self._refreshed = now
        statistics = self.statistics
        for id, (into, _) in statistics.heirs.items():
            if into is not None:
                self.map.merge(id, into)
        self.map.keep(statistics.classes)
        for id in self._looks.keys() - statistics.classes.keys():
            del self._looks[id]
        if not self.table.is_editing():
            self.rows.show(statistics.rows(), now)
            self.table.fit()
        ids, shares, start, end = statistics.timeline(self.timeline.lanes())
        lanes = [statistics.classes[id].name if id is not None else "others" for id in ids]
        colours = [self._colour(id) for id in ids]
        self.timeline.show_lanes(lanes, colours, shares, start, end, statistics.in_stream_time)
        self._refresh_map()
        self._refresh_figures(now)

    def set_window(self, window):
        """Seconds that the timeline covers. It keeps what lies in them."""
        self.statistics.set_window(window)
        self.waterfall.set_window(window)
        self.rows.set_window(window)

    def set_sample_rate(self, sample_rate):
        """Hz, of labels that do not say theirs; None if that is unknown."""
        self.statistics.set_sample_rate(sample_rate)

    def tell(self, text):
        """Show a line for a while."""
        self._show_notice(text)
        self._notice_until = time.monotonic() + NOTICE

    def refresh_waterfall(self):
        """Draw it, if something came."""
        if self.waterfall.changed:
            if self.waterfall_plot.isHidden():
                self.waterfall_plot.show()
                self._parting.setSizes([230, 300, 170])
            self.waterfall_plot.getAxis("left").setWidth(self.timeline.getAxis("left").width())
            self.waterfall_plot.show_waterfall(self.waterfall, self._look_of_box)

    def _look_of_box(self, box):
        """Name, colour, and whether it is known."""
        heard = self.statistics.classes.get(box.event.get("class_id")) if box.label else None
        name = heard.name if heard else box.label
        return name, _colour(heard.order) if heard else QtGui.QColor(NO_CLASS), box.known

    def _look(self, id, description):
        with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):  # it may be no description
            self._looks[id] = shown(in_words(description), 200)

    def _refresh_map(self):
        points = []
        for id, position in self.map.classes().items():
            heard = self.statistics.classes.get(id)
            name = heard.name if heard else self._names[id] if 0 <= id < len(self._names) else str(id)
            tip = name
            if nearest := self.map.nearest_known(id):
                other = self.statistics.classes.get(nearest[0])
                known = self._names[nearest[0]] if nearest[0] < len(self._names) else other.name
                tip += f"\nnearest known class {known}, at {nearest[1]:.3g}"
            if id in self._looks:
                tip += f"\n{self._looks[id]}"
            points.append((position, name, self._colour(id) if heard else None, id >= 0, tip))
        # Where there is no room for all names: discovered ones, then what is heard most.
        frames = {one.name: one.frames for one in self.statistics.classes.values()}
        points.sort(key=lambda point: (not point[2], point[3], -frames.get(point[1], 0)))
        ids, positions = self.map.runs()
        self.plane.show_points(points, positions, [self._colour(int(id)) for id in ids])

    def _refresh_figures(self, now):
        status = self.statistics.status
        said = status.get("model")
        dropped, out = status.get("frames_dropped"), status.get("frames_out")
        drops = _count(dropped)
        if is_count(dropped) and is_count(out) and dropped:
            drops += f" ({dropped / (dropped + out):.1%})"
        latency = [status.get(f"latency_ms_{q}") for q in ("p50", "p99")]
        texts = (
            shown(said, LONGEST_NAME) if isinstance(said, str) else self._model_name or "–",
            _count(out),
            "–" if self.statistics.rate is None else _count(round(self.statistics.rate)),
            drops,
            _count(status.get("frames_waiting")),
            f"{latency[0]:.3g} / {latency[1]:.3g} ms" if all(map(is_finite, latency)) else "–",
            _count(status.get("n_discovered")),
        )
        for figure, text in zip(self.figures.values(), texts):
            figure.show_text(text)
        self.figures["dropped"].warn(self.statistics.dropping)
        self.header.show_figures(
            figure
            for caption, figure in self.figures.items()
            if caption != "waiting" or "frames_waiting" in status
        )

        if self.statistics.error and self.statistics.error_at != self._error_at:
            self._error_at = self.statistics.error_at
            self.tell(f"refused: {self.statistics.error}")
        if now >= self._notice_until:
            lasting = []
            if self._model_name and isinstance(said, str) and said != self._model_name:
                lasting.append(f"the map is that of {self._model_name}")
            if lost := self._missed():
                lasting.append(f"{_count(lost)} messages not shown, they came too fast")
            self._show_notice("; ".join(lasting))

    def _show_notice(self, text):
        self.notice.setText(text)
        self.notice.setVisible(bool(text))

    def _colour(self, id):
        heard = self.statistics.classes.get(id)
        return _colour(heard.order) if heard else QtGui.QColor(NO_CLASS)

    def _name(self, heard, name):
        """A class gets a name, from the operator."""
        name = name.strip()
        if not name or name == heard.name:
            return
        if heard.key >= 0:
            self.tell(f"{heard.name} is a known class: its name is the model's")
        elif heard.key in self.statistics.classes:
            try:
                check_name(name)
            except ValueError as error:
                self.tell(str(error))
                return
            self.statistics.rename(heard.key, name, time.monotonic())
            self._rename(heard.key, name)
            self._refreshed = 0.0

    def _on_double_click(self, index):
        heard = self.rows.heard(index.row())
        if heard.known:
            self.tell(f"{heard.name} is a known class: its name is the model's")

    def _on_timer(self):
        try:  # PyQt ends the process for what a slot raises
            self.take()
            if self.isVisible():
                self.refresh_waterfall()
            if time.monotonic() - self._refreshed >= REFRESH and self.isVisible():
                self.refresh()
        except Exception as error:
            if not self._failed:
                self._report(f"display: {type(error).__name__}: {error}; the flowgraph goes on")
            self._failed = True

    def eventFilter(self, part, event):
        """Colours and sizes of the style, which may be a theme's, and may change for a part after the panel."""
        if event.type() in LOOK_CHANGES:
            part.take_look()
        return False

    def showEvent(self, event):
        super().showEvent(event)
        for part in self._parts:
            part.take_look()
        self._refreshed = 0.0


class _Header(QtWidgets.QWidget):
    """The figures in a row, as many as have room."""

    SPACING = 28  # pixels

    def __init__(self, figures):
        super().__init__()
        self._figures = self._wanted = figures
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(self.SPACING)
        for figure in figures:
            layout.addWidget(figure)
        layout.addStretch()

    def minimumSizeHint(self):
        return QtCore.QSize(0, super().minimumSizeHint().height())

    def show_figures(self, figures):
        self._wanted = list(figures)
        self._fit()

    def resizeEvent(self, event):
        super().resizeEvent(event)
        self._fit()

    def take_look(self):
        for figure in self._figures:
            figure.take_look()
        self._fit()

    def _fit(self):
        room = self.width() + self.SPACING
        for figure in sorted(self._figures, key=lambda figure: IMPORTANCE.index(figure.caption)):
            needed = figure.sizeHint().width() + self.SPACING
            fits = figure in self._wanted and needed <= room
            figure.setVisible(fits)
            room -= needed if fits else 0


class _Table(QtWidgets.QTableView):
    """The rows, of which names come first: other columns are shown where they leave room for those."""

    def __init__(self, rows):
        super().__init__()
        self.setModel(rows)
        self.setSelectionMode(self.NoSelection)
        self.setEditTriggers(self.DoubleClicked)
        self.setFocusPolicy(Qt.ClickFocus)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setSortingEnabled(True)
        self.sortByColumn(2, Qt.DescendingOrder)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setStretchLastSection(False)
        header.setSectionResizeMode(header.Fixed)
        header.setSectionResizeMode(0, header.Stretch)

    def is_editing(self):
        return self.state() == self.EditingState

    def take_look(self):
        palette = self.palette()
        ground, text = palette.color(palette.Base), palette.color(palette.Text)
        # Qt's own stripes have a colour that a theme's style sheet does not set.
        self.model().stripe = mixed(ground, text, STRIPE)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)
        self.fit()

    def resizeEvent(self, event):
        super().resizeEvent(event)
        self.fit()

    def fit(self):
        """Show the columns that have room."""
        room = self.viewport().width() - self._name_width()
        for column in COLUMNS_BY_IMPORTANCE:
            title = self.model().headerData(column, Qt.Horizontal)
            wide = max(
                self.fontMetrics().horizontalAdvance(WIDEST_CELLS[column]) + CELL_MARGIN,
                self.horizontalHeader().fontMetrics().horizontalAdvance(title) + TITLE_MARGIN,
            )
            self.setColumnHidden(column, wide > room)
            self.setColumnWidth(column, wide)
            room -= wide

    def _name_width(self):
        metrics = self.fontMetrics()
        names = (self.model().heard(row).name for row in range(self.model().rowCount()))
        widest = max(map(metrics.horizontalAdvance, names), default=0)
        return min(widest, NAME_WIDTH * metrics.averageCharWidth()) + CELL_MARGIN + ICON_WIDTH


class _Rows(QtCore.QAbstractTableModel):
    """What the table shows. `name` is called with a `Heard` and what the operator typed."""

    def __init__(self, name, looks, window):
        super().__init__()
        self._name = name
        self._looks = looks
        self.stripe = None  # colour of every second row
        self.set_window(window)
        self._rows = []
        self._now = 0.0
        self._order = (2, Qt.DescendingOrder)
        self._icons = {}

    def show(self, rows, now):
        """Rows as of `LabelStatistics.rows`."""
        more = len(rows) - len(self._rows)
        if more > 0:
            self.beginInsertRows(QtCore.QModelIndex(), len(self._rows), len(rows) - 1)
        elif more < 0:
            self.beginRemoveRows(QtCore.QModelIndex(), len(rows), len(self._rows) - 1)
        self._rows, self._now = rows, now
        self._sort()
        if more > 0:
            self.endInsertRows()
        elif more < 0:
            self.endRemoveRows()
        if rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(TIPS) - 1))

    def heard(self, row):
        return self._rows[row][0]

    def set_window(self, window):
        self._titles = ("class", "", "share", f"last {window:g} s", "heard", "score")
        self.headerDataChanged.emit(Qt.Horizontal, 0, len(self._titles) - 1)

    def sort(self, column, order):
        self._order = column, order
        self.layoutAboutToBeChanged.emit()
        self._sort()
        self.layoutChanged.emit()

    def _sort(self):
        column, order = self._order
        keys = (
            lambda row: row[0].name.lower(),
            lambda row: row[0].known,
            lambda row: row[1],
            lambda row: row[2],
            lambda row: -row[0].last,
            lambda row: -1.0 if row[0].score is None else row[0].score,
        )
        self._rows.sort(key=keys[column], reverse=order == Qt.DescendingOrder)

    def rowCount(self, parent=None):
        return len(self._rows)

    def columnCount(self, parent=None):
        return len(TIPS)

    def headerData(self, section, orientation, role=Qt.DisplayRole):
        if orientation == Qt.Horizontal and role == Qt.DisplayRole:
            return self._titles[section]
        if orientation == Qt.Horizontal and role == Qt.ToolTipRole:
            return TIPS[section]
        return None

    def flags(self, index):
        flags = Qt.ItemIsEnabled | Qt.ItemNeverHasChildren
        if index.column() == 0 and not self.heard(index.row()).known:
            flags |= Qt.ItemIsEditable
        return flags

    def data(self, index, role=Qt.DisplayRole):
        heard, share, recent = self._rows[index.row()]
        column = index.column()
        if role == Qt.TextAlignmentRole and column > 1:
            return int(Qt.AlignRight | Qt.AlignVCenter)
        if role == Qt.DecorationRole and column == 0:
            return self._icon(_colour(heard.order), heard.known)
        if role == Qt.ToolTipRole and column == 0:
            return _plain_tip("\n".join(filter(None, (heard.name, self._looks.get(heard.key)))))
        if role == Qt.BackgroundRole and index.row() % 2:
            return self.stripe
        if role == Qt.EditRole and column == 0:
            return heard.name
        if role != Qt.DisplayRole:
            return None
        return (
            heard.name,
            "known" if heard.known else "new",
            f"{share:.1%}",
            f"{recent:.1%}" if recent else "–",
            _ago(self._now - heard.last),
            "–" if heard.score is None else f"{heard.score:.2f}",
        )[column]

    def setData(self, index, value, role=Qt.EditRole):
        if role != Qt.EditRole or index.column() != 0:
            return False
        self._name(self.heard(index.row()), str(value))
        return True

    def _icon(self, colour, known):
        key = colour.rgb(), known
        if key not in self._icons:
            picture = QtGui.QPixmap(14, 14)
            picture.fill(Qt.transparent)
            painter = QtGui.QPainter(picture)
            painter.setRenderHint(painter.Antialiasing)
            painter.setPen(Qt.NoPen)
            painter.setBrush(colour)
            if known:
                painter.drawEllipse(2, 2, 10, 10)
            else:
                points = ((7, 1), (13, 12), (1, 12))
                painter.drawPolygon(QtGui.QPolygonF([QtCore.QPointF(*xy) for xy in points]))
            painter.end()
            self._icons[key] = picture
        return self._icons[key]


class _Timeline(Plot):
    """A lane a class; the stronger its colour, the larger its share of the frames then."""

    THICK, GAP = 7, 2  # rows of the picture

    def __init__(self):
        super().__init__()
        self.setMouseEnabled(False, False)
        self.hideButtons()
        self._image = pyqtgraph.ImageItem(axisOrder="row-major")
        self.addItem(self._image)
        self.getAxis("left").setStyle(tickLength=0, hideOverlappingLabels=False)
        self.getPlotItem().getViewBox().invertY(True)

    def lanes(self):
        """How many have room."""
        high = self.fontMetrics().height()
        return int(np.clip((self.height() - 3 * high) // (high + 1), 2, LANES))

    def show_lanes(self, names, colours, shares, start, end, in_stream_time):
        high, n_lanes = self.THICK + self.GAP, self.lanes()
        picture = np.zeros((n_lanes * high, BINS, 4), np.uint8)
        for lane, (colour, share) in enumerate(zip(colours, shares)):
            rows = picture[lane * high + 1 : lane * high + 1 + self.THICK]
            rows[..., :3] = colour.getRgb()[:3]
            rows[..., 3] = np.where(share > 0, 255 * (FAINTEST + (1 - FAINTEST) * share), 0)
        self._image.setImage(picture, levels=(0, 255))
        self._image.setRect(QtCore.QRectF(start, 0, end - start, n_lanes))
        metrics = QtGui.QFontMetricsF(self.font())
        widest = max(map(metrics.horizontalAdvance, names), default=0.0)
        room = min(widest + 1, NAMES_SHARE * self.width())
        fitting = [metrics.elidedText(name, Qt.ElideRight, room) for name in names]
        self.getAxis("left").setTicks([[(lane + 0.5, name) for lane, name in enumerate(fitting)]])
        self.getAxis("left").setWidth(room + AXIS_MARGIN)
        self.setXRange(start, end, padding=0)
        self.setYRange(0, n_lanes, padding=0)
        what = f"time {'in the stream' if in_stream_time else 'since the first label'}, s"
        self.setLabel("bottom", what, **{"color": self.foreground.name(), "font-size": self.css_size()})


class _Plane(Plot):
    """The map: circles are known classes, triangles discovered ones, dots the latest runs."""

    def __init__(self):
        super().__init__()
        self.hideAxis("left")
        self.hideAxis("bottom")
        self.setAspectLocked(True)
        self._view = self.getPlotItem().getViewBox()
        self._view.setDefaultPadding(0.08)
        self._runs = pyqtgraph.ScatterPlotItem(size=4, pen=None)
        self._classes = pyqtgraph.ScatterPlotItem(hoverable=True, tip=lambda x, y, data: data)
        self.addItem(self._runs, ignoreBounds=True)
        self.addItem(self._classes)
        self._texts = []
        self._points = []
        self._view.sigRangeChanged.connect(self._place_names)
        self._view.sigResized.connect(self._place_names)

    def _write_legend(self):
        metrics = self.fontMetrics()
        fits = metrics.horizontalAdvance(LEGEND) < self.width() and 8 * metrics.height() < self.height()
        self.setTitle(LEGEND if fits else None, color=self.faint, size=self.css_size())

    def show_points(self, points, runs, colours):
        """Points: a tuple of position, name, colour (None: not heard), whether known, and tip a class."""
        self._points = points
        self._write_legend()
        for colour in colours:
            colour.setAlpha(110)
        self._runs.setData(pos=runs, brush=[pyqtgraph.mkBrush(colour) for colour in colours])
        self._classes.setData(
            pos=np.array([point[0] for point in points]).reshape(-1, 2),
            symbol=["o" if known else "t1" for *_, known, _ in points],
            size=[(9 if colour else 6) if known else 14 for _, _, colour, known, _ in points],
            brush=[pyqtgraph.mkBrush(colour or self.faint) for _, _, colour, _, _ in points],
            pen=[pyqtgraph.mkPen(self.foreground if colour else self.faint) for _, _, colour, _, _ in points],
            data=[_plain_tip(tip) for *_, tip in points],
        )
        self._place_names()

    def _place_names(self, *_):
        """Write the names that have room beside their points, in the order of the points."""
        while len(self._texts) < len(self._points):
            text = pyqtgraph.TextItem(anchor=(0, 0))
            text.textItem.document().setDocumentMargin(0)
            self.addItem(text, ignoreBounds=True)
            self._texts.append(text)
        metrics = QtGui.QFontMetricsF(self.font())
        at = [self._view.mapFromView(QtCore.QPointF(*position)) for position, *_ in self._points]
        marks = [QtCore.QRectF(p.x() - 5, p.y() - 5, 10, 10) for p in at]
        heard = [mark for mark, (_, _, colour, *_) in zip(marks, self._points) if colour]
        taken = []
        room = self._view.rect()
        for text in self._texts[len(self._points) :]:
            text.hide()
        for k, (text, (_, whole, colour, *_)) in enumerate(zip(self._texts, self._points)):
            short = metrics.elidedText(whole, Qt.ElideRight, SHORT_NAME * metrics.averageCharWidth())
            for name, kept_free in itertools.product(dict.fromkeys((whole, short)), (marks, heard)):
                boxes = _boxes_beside(at[k], metrics.horizontalAdvance(name) + 4, metrics.height())
                free = [
                    box
                    for box in boxes
                    if room.contains(box) and not any(map(box.intersects, taken + kept_free))
                ]
                if free or not colour:  # of what is not heard, a name covers no mark and is not cut
                    break
            text.setVisible(bool(free))
            if free:
                taken.append(free[0])
                text.setFont(self.font())
                text.setText(name, self.foreground if colour else self.faint)
                text.setPos(self._view.mapToView(free[0].topLeft()))


def _boxes_beside(point, wide, high):
    """Where a text of that size may stand, the best place first."""
    x, y = point.x(), point.y()
    right, left, middle = x + 8, x - 8 - wide, x - wide / 2
    places = [(side, y - share * high) for share in (0.5, 1, 0) for side in (right, left)]
    over, under = y - 8 - high, y + 8
    places += [(side, level) for side in (middle, right - 2, left + 2) for level in (over, under)]
    return [QtCore.QRectF(*place, wide, high) for place in places]


class _Figure(QtWidgets.QWidget):
    """A caption and what it is of."""

    def __init__(self, caption):
        super().__init__()
        self.caption = caption
        self._warns = False
        self._text = _plain_label("–")
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(_plain_label(caption))
        layout.addWidget(self._text)
        self.take_look()

    def show_text(self, text):
        self._text.setText(text)

    def text(self):
        return self._text.text()

    def warn(self, on):
        self._warns = on
        self.take_look()

    def take_look(self):
        dark = self.palette().color(self.backgroundRole()).lightness() < 128
        style = "font-weight: bold" + f"; color: {WARNING[dark]}" * self._warns
        if style != self._text.styleSheet():
            self._text.setStyleSheet(style)


def _plain_label(text):
    label = QtWidgets.QLabel(text)
    label.setTextFormat(Qt.PlainText)  # what a message holds is never HTML
    return label


def _plain_tip(text):
    return text.replace("<", "‹")  # Qt would take it for HTML


def _colour(order):
    """The colour of the class that was heard after so many others."""
    return QtGui.QColor(class_colour(order))


def _count(value):
    return f"{value:,}".replace(",", "\u202f") if is_count(value) else "–"


def _ago(seconds):
    if seconds < 2:
        return "now"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
