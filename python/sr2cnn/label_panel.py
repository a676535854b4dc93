# SPDX-License-Identifier: GPL-3.0-or-later
"""The Qt widget that shows labels: table, timeline, map and figures. It knows nothing of GNU Radio."""

import os
import time
import warnings

os.environ.setdefault("PYQTGRAPH_QT_LIB", "PyQt5")  # GNU Radio's; pyqtgraph would take another

import numpy as np
import pyqtgraph
from PyQt5 import QtCore, QtGui, QtWidgets
from PyQt5.QtCore import Qt
from sr2cnn_learn.attributes import in_words

from .label_statistics import BINS, LabelStatistics, is_count, is_finite, one_line
from .semantic_map import SemanticMap

TICK = 0.2  # seconds from look to look at what came
BUDGET = 0.05  # of them, at most, that taking it may cost: the flowgraph needs the interpreter, too
REFRESH = 0.5  # seconds from picture to picture
LANES = 14  # of the timeline, at most
NOTICE = 10.0  # seconds that one is shown
FAINTEST = 0.3  # opacity of a class with few of a bin's frames
# Told apart, and from light and dark grounds. Classes get them in the order in which they are heard.
COLOURS = [
    "#1f77d4", "#f08a00", "#2ca02c", "#d62f3c", "#9a5cd0", "#8c6239", "#e060b0", "#00a8b0", "#a8a000",
    "#5a6acf", "#c98bd9", "#00c070", "#b04a6a", "#70a8f0", "#e8907a", "#607a30", "#c04000", "#808090",
    "#40c8d8", "#b08040", "#c00080", "#007850", "#b8b878", "#7048a0",
]  # fmt: skip
SHADES = (100, 145, 75)  # of them, in percent of darkness, when they run out
UNHEARD = "#909090"
WARNING = "#d62f3c"
CAPTIONS = ("model", "frames", "frames/s", "dropped", "waiting", "latency p50 / p99", "discovered")
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


class LabelPanel(QtWidgets.QWidget):
    """Classes as a table, a timeline and a map; the flowgraph's figures above.

    A class has one colour everywhere, and a discovered one a triangle. Known classes not heard yet are grey.

    Args:
        events: called often, without arguments; gives pairs of an event, a dict as from `event_sink.event`,
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
        self.statistics = LabelStatistics(window, sample_rate)
        self.map = SemanticMap(None if bundle is None else bundle.centers)
        self._names = [] if bundle is None else [one_line(name) for name in bundle.classes]
        self._model_name = None if bundle is None else bundle.name
        self._events, self._rename, self._missed, self._report = events, rename, missed, report
        self._looks = {}  # class id -> a line on what it looks like
        self._failed = False
        self._notice_until = 0.0
        self._error_at = 0.0
        self._refreshed = 0.0
        self.setWindowTitle("Labels")
        self.resize(1100, 700)

        self.figures = {}
        header = QtWidgets.QHBoxLayout()
        header.setSpacing(28)
        for caption in CAPTIONS:
            self.figures[caption] = _Figure(caption)
            header.addWidget(self.figures[caption])
        header.addStretch()
        self.notice = _plain_label("")
        self.notice.setWordWrap(True)
        self.notice.setAlignment(Qt.AlignRight | Qt.AlignVCenter)
        header.addWidget(self.notice, 10)

        self.rows = _Rows(self._name, self._looks, window)
        self.table = _table(self.rows)
        self.table.doubleClicked.connect(self._on_double_click)
        self.plane = _Plane()
        self.timeline = _Timeline()
        upper = QtWidgets.QSplitter(Qt.Horizontal)
        upper.addWidget(self.table)
        upper.addWidget(self.plane)
        upper.setSizes([590, 510])
        both = QtWidgets.QSplitter(Qt.Vertical)
        both.addWidget(upper)
        both.addWidget(self.timeline)
        both.setSizes([345, 275])
        layout = QtWidgets.QVBoxLayout(self)
        layout.addLayout(header)
        layout.addWidget(both, 1)

        self._timer = QtCore.QTimer(self)
        self._timer.timeout.connect(self._on_timer)
        self._timer.start(int(1000 * TICK))
        self.refresh()

    def take(self):
        """Take events in, for a while at most."""
        end = time.monotonic() + BUDGET
        for event, at in self._events():
            id = self.statistics.take(event, at)
            if id is not None and "vector" in event:
                self.map.take(id, event["vector"], event["n_frames"])
            if id is not None and "description" in event:
                self._look(id, event["description"])
            if time.monotonic() > end:
                break

    def refresh(self):
        """Draw what was taken in."""
        now = time.monotonic()
        self._refreshed = now
        statistics = self.statistics
        self.map.keep(statistics.classes)
        for id in self._looks.keys() - statistics.classes.keys():
            del self._looks[id]
        if not self.table.is_editing():
            self.rows.show(statistics.rows(), now)
        ids, shares, start, end = statistics.timeline(self.timeline.lanes())
        lanes = [statistics.classes[id].name if id is not None else "others" for id in ids]
        colours = [self._colour(id) for id in ids]
        self.timeline.show_lanes(lanes, colours, shares, start, end, statistics.in_stream_time)
        self._refresh_map()
        self._refresh_figures(now)

    def set_window(self, window):
        """Seconds that the timeline covers. It begins anew."""
        self.statistics.set_window(window)
        self.rows.set_window(window)

    def tell(self, text):
        """Show a line for a while."""
        self.notice.setText(text)
        self._notice_until = time.monotonic() + NOTICE

    def _look(self, id, description):
        try:
            self._looks[id] = one_line(in_words(description), 200)
        except (AttributeError, KeyError, TypeError, ValueError):
            pass  # it is no description

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
        points.sort(key=lambda point: (point[3], -frames.get(point[1], 0)))
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
            one_line(said) if isinstance(said, str) else self._model_name or "–",
            _count(out),
            "–" if self.statistics.rate is None else _count(round(self.statistics.rate)),
            drops,
            _count(status.get("frames_waiting")),
            " / ".join(f"{ms:.3g}" for ms in latency if is_finite(ms)) + " ms",
            _count(status.get("n_discovered")),
        )
        for figure, text in zip(self.figures.values(), texts):
            figure.show_text(text)
        self.figures["dropped"].warn(self.statistics.dropping)
        self.figures["waiting"].setVisible("frames_waiting" in status)

        if self.statistics.error and self.statistics.error_at != self._error_at:
            self._error_at = self.statistics.error_at
            self.tell(f"refused: {self.statistics.error}")
        if now >= self._notice_until:
            lasting = []
            if self._model_name and isinstance(said, str) and said != self._model_name:
                lasting.append(f"the map is that of {self._model_name}")
            if lost := self._missed():
                lasting.append(f"{_count(lost)} messages not shown, they came too fast")
            self.notice.setText("; ".join(lasting))

    def _colour(self, id):
        heard = self.statistics.classes.get(id)
        return _colour(heard.order) if heard else QtGui.QColor(UNHEARD)

    def _name(self, heard, name):
        """A class gets a name, from the operator."""
        name = name.strip()
        if not name or name == heard.name:
            return
        if heard.id >= 0:
            self.tell(f"{heard.name} is a known class: its name is the model's")
        elif not name.isprintable():
            self.tell(f"{one_line(name)} is no name: expected printable text")
        elif heard.id in self.statistics.classes:
            self.statistics.rename(heard.id, name, time.monotonic())
            self._rename(heard.id, name)
            self._refreshed = 0.0

    def _on_double_click(self, index):
        heard = self.rows.heard(index.row())
        if heard.known:
            self.tell(f"{heard.name} is a known class: its name is the model's")

    def _on_timer(self):
        try:  # PyQt ends the process for what a slot raises
            self.take()
            if time.monotonic() - self._refreshed >= REFRESH and self.isVisible():
                self.refresh()
        except Exception as error:
            if not self._failed:
                self._report(f"display: {type(error).__name__}: {error}; the flowgraph goes on")
            self._failed = True

    def changeEvent(self, event):
        super().changeEvent(event)
        if event.type() in (QtCore.QEvent.PaletteChange, QtCore.QEvent.StyleChange):
            self._paint_ground()

    def showEvent(self, event):
        super().showEvent(event)
        self._paint_ground()
        self._refreshed = 0.0

    def _paint_ground(self):
        for plot in self.findChildren(_Plot):
            plot.set_ground(self.palette())


class _Table(QtWidgets.QTableView):
    def is_editing(self):
        return self.state() == self.EditingState


def _table(rows):
    table = _Table()
    table.setModel(rows)
    table.setSelectionMode(table.NoSelection)
    table.setEditTriggers(table.DoubleClicked)
    table.setShowGrid(False)
    table.setAlternatingRowColors(True)
    table.setWordWrap(False)
    table.setSortingEnabled(True)
    table.sortByColumn(2, Qt.DescendingOrder)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 8)
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    header.setStretchLastSection(False)
    header.setSectionResizeMode(header.ResizeToContents)
    header.setResizeContentsPrecision(0)  # of what is seen, however many there are
    header.setSectionResizeMode(0, header.Stretch)
    return table


class _Rows(QtCore.QAbstractTableModel):
    """What the table shows. `name` is called with a `Heard` and what the operator typed."""

    def __init__(self, name, looks, window):
        super().__init__()
        self._name = name
        self._looks = looks
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
            return _plain_tip("\n".join(filter(None, (heard.name, self._looks.get(heard.id)))))
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


class _Plot(pyqtgraph.PlotWidget):
    """A plot on the ground of the window."""

    def __init__(self):
        super().__init__()
        self.setMenuEnabled(False)
        self.foreground = self.faint = QtGui.QColor("gray")

    def set_ground(self, palette):
        ground, self.foreground = palette.color(palette.Base), palette.color(palette.Text)
        self.faint = QtGui.QColor(*(
            (a + b) // 2 for a, b in zip(ground.getRgb()[:3], self.foreground.getRgb()[:3])
        ))
        self.setBackground(ground)
        for side in ("left", "bottom"):
            self.getAxis(side).setPen(self.faint)
            self.getAxis(side).setTextPen(self.foreground)


class _Timeline(_Plot):
    """A lane a class; the stronger its colour, the larger its share of the frames then."""

    THICK, GAP = 7, 2  # rows of the picture

    def __init__(self):
        super().__init__()
        self.setMouseEnabled(False, False)
        self.hideButtons()
        self._image = pyqtgraph.ImageItem(axisOrder="row-major")
        self.addItem(self._image)
        self.getAxis("left").setWidth(130)
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
        shown = [name if len(name) <= 16 else name[:15] + "…" for name in names]
        self.getAxis("left").setTicks([[(lane + 0.5, name) for lane, name in enumerate(shown)]])
        self.setXRange(start, end, padding=0)
        self.setYRange(0, n_lanes, padding=0)
        self.setLabel("bottom", f"time {'in the stream' if in_stream_time else 'since the first label'}, s")


class _Plane(_Plot):
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

    def set_ground(self, palette):
        super().set_ground(palette)
        self.setTitle("● known  ▲ new  · latest runs", color=self.faint, size="9pt")

    def show_points(self, points, runs, colours):
        """Points: a tuple of position, name, colour (None: not heard), whether known, and tip a class."""
        self._points = points
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
        taken = [QtCore.QRectF(p.x() - 5, p.y() - 5, 10, 10) for p in at]
        room = self._view.rect()
        for text in self._texts[len(self._points) :]:
            text.hide()
        for k, (text, (_, name, colour, *_)) in enumerate(zip(self._texts, self._points)):
            wide, high = metrics.horizontalAdvance(name) + 4, metrics.height()
            x, y = at[k].x(), at[k].y()
            right, left, middle = x + 8, x - 8 - wide, x - wide / 2
            places = [(side, y - share * high) for share in (0.5, 1, 0) for side in (right, left)]
            over, under = y - 8 - high, y + 8
            places += [(side, level) for side in (middle, right - 2, left + 2) for level in (over, under)]
            boxes = [QtCore.QRectF(*place, wide, high) for place in places]
            free = [
                box for box in boxes
                if room.contains(box) and not any(box.intersects(other) for other in taken)
            ]  # fmt: skip
            text.setVisible(bool(free))
            if free:
                taken.append(free[0])
                text.setText(name, self.foreground if colour else self.faint)
                text.setPos(self._view.mapToView(free[0].topLeft()))


class _Figure(QtWidgets.QWidget):
    """A caption and what it is of."""

    def __init__(self, caption):
        super().__init__()
        self._text = _plain_label("–")
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(_plain_label(caption))
        layout.addWidget(self._text)
        self.warn(False)

    def show_text(self, text):
        self._text.setText(text)

    def text(self):
        return self._text.text()

    def warn(self, on):
        self._text.setStyleSheet("font-weight: bold" + f"; color: {WARNING}" * on)


def _plain_label(text):
    label = QtWidgets.QLabel(text)
    label.setTextFormat(Qt.PlainText)  # what a message holds is never HTML
    return label


def _plain_tip(text):
    return text.replace("<", "‹")  # Qt would take it for HTML


def _colour(order):
    """The colour of the class that was heard after so many others."""
    turn, k = divmod(order, len(COLOURS))
    return QtGui.QColor(COLOURS[k]).darker(SHADES[turn % len(SHADES)])


def _count(value):
    return f"{value:,}".replace(",", "\u202f") if is_count(value) else "–"


def _ago(seconds):
    if seconds < 2:
        return "now"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
