# SPDX-License-Identifier: GPL-3.0-or-later
"""The label display: in flowgraphs, under the operator's hand, and its parts. No screen is needed."""

import importlib.util
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pmt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import ROOT

os.environ["QT_QPA_PLATFORM"] = "offscreen"
pytest.importorskip("PyQt5")
pytest.importorskip("pyqtgraph")

from gnuradio import blocks, gr, sr2cnn
from gnuradio.sr2cnn.display import label_counts
from gnuradio.sr2cnn.display import label_statistics as ls
from gnuradio.sr2cnn.display import semantic_map as sm
from PyQt5 import QtCore, QtGui, QtTest, QtWidgets, sip
from PyQt5.QtCore import Qt
from waiting import PATIENCE

PORTS = ("labels", "novel", "status")


@pytest.fixture(scope="module")
def application():
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    application.setFont(QtGui.QFont("DejaVu Sans", 10))  # as on most desktops
    return application


@pytest.fixture
def make(application):
    """Displays that are shown, and are closed and deleted in the end: left to Python's garbage collector, which
    runs in whatever thread comes to it, parts of them would go while Qt is at work on others."""
    made = []

    def make(**arguments):
        display = sr2cnn.label_display(**arguments)
        display.widget().show()
        made.append(display)
        return display

    yield make
    for display in made:
        display.widget().close()
        sip.delete(display.widget())


def until(application, condition, seconds=30):
    """Let Qt work until the condition holds, which it has to."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        application.processEvents()
        time.sleep(0.01)


def label(id, name=None, n=1, start=0, **more):
    name = name or (f"K{id}" if id >= 0 else f"unknown_{-id}")
    return dict(
        event="label",
        label=name,
        class_id=id,
        known=id >= 0,
        score=0.5,
        n_frames=n,
        start_sample=start,
        n_samples=128 * n,
        **more,
    )


def pdu(event, vector=(0.0, 1.0, 2.0)):
    meta = {key: value for key, value in event.items() if key != "event"}
    return pmt.cons(pmt.to_pmt(meta), pmt.init_f32vector(len(vector), list(vector)))


def table(display):
    """What the table shows: class -> the other columns."""
    rows = display.widget().rows
    cells = [[rows.data(rows.index(r, c)) for c in range(rows.columnCount())] for r in range(rows.rowCount())]
    return {name: others for name, *others in cells}


def row_of(display, name):
    return list(table(display)).index(name)


def type_name(display, name, text):
    """Double-click the class in the table and type."""
    QtWidgets.QApplication.processEvents()  # rows get their places
    view = display.widget().table
    index = view.model().index(row_of(display, name), 0)
    view.scrollTo(index)
    at = view.visualRect(index).center()
    QtTest.QTest.mouseClick(view.viewport(), Qt.LeftButton, pos=at)
    QtTest.QTest.mouseDClick(view.viewport(), Qt.LeftButton, pos=at)
    editor = view.findChild(QtWidgets.QLineEdit)
    if editor is None:
        return False
    editor.setText(text)
    QtTest.QTest.keyClick(editor, Qt.Key_Return)
    QtWidgets.QApplication.processEvents()  # the table takes it a moment later
    return True


# -- in a flowgraph ---------------------------------------------------------------------------


class Watched(gr.top_block):
    """Frames that go on until stopped, a recognizer, its display, and what it says."""

    def __init__(self, display, bundle, samples):
        gr.top_block.__init__(self)
        self.source = blocks.vector_source_c(samples.tolist(), True)
        self.throttle = blocks.throttle(gr.sizeof_gr_complex, 128_000)
        self.recognizer = sr2cnn.recognizer(str(bundle), device="cpu", condition=False, max_run=20)
        self.debug = blocks.message_debug()
        self.connect(self.source, self.throttle, self.recognizer)
        sr2cnn.connect_events(self, self.recognizer, display)
        self.msg_connect((self.recognizer, "labels"), (self.debug, "store"))

    def labels(self):
        stored = [self.debug.get_message(k) for k in range(self.debug.num_messages())]
        return [pmt.to_python(pmt.car(message))["label"] for message in stored]


def test_double_click_renames_in_the_flowgraph(application, make, tiny_bundle, mixed_samples):
    display = make(model=str(tiny_bundle))
    top = Watched(display, tiny_bundle, mixed_samples)
    top.start()
    try:
        until(application, lambda: "unknown_1" in table(display))
        assert type_name(display, "unknown_1", "hopper")
        until(application, lambda: "hopper" in top.labels())
        heard = len(top.labels())
        until(application, lambda: len(top.labels()) > heard + 50)
        assert "unknown_1" not in top.labels()[heard:]
        assert "hopper" in table(display) and "unknown_1" not in table(display)
        until(application, lambda: display.widget().figures["frames"].text() != "–")
    finally:
        top.stop()
        top.wait()
    assert display.missed == 0


def test_classes_merged_in_the_flowgraph_go(application, make, tiny_bundle, mixed_samples):
    display = make(model=str(tiny_bundle))
    top = Watched(display, tiny_bundle, mixed_samples)
    top.start()
    try:
        until(application, lambda: {"unknown_1", "unknown_2"} <= set(table(display)))
        display.message_port_pub(pmt.intern("cmd"), pmt.to_pmt({"merge": {"from": -2, "into": -1}}))
        until(application, lambda: "unknown_2" not in table(display))
        heard = len(top.labels())
        until(application, lambda: len(top.labels()) > heard + 50)
        assert "unknown_1" in table(display) and "unknown_2" not in table(display)
        display.message_port_pub(pmt.intern("cmd"), pmt.to_pmt({"freeze": True, "forget": "all"}))
        until(application, lambda: not any(name.startswith("unknown") for name in table(display)))
    finally:
        top.stop()
        top.wait()


def test_everything_is_counted_when_a_file_ends(application, make, tiny_bundle, replay):
    display = make()
    top = gr.top_block()
    source = sr2cnn.radioml_source(str(replay))
    recognizer = sr2cnn.recognizer(str(tiny_bundle), device="cpu", condition=False)
    top.connect(source, recognizer)
    sr2cnn.connect_events(top, recognizer, display)
    top.run()  # Qt does nothing meanwhile: the flowgraph does not wait for it
    display.stop()
    panel = display.widget()
    panel.take()
    panel.refresh()
    assert panel.statistics.frames == len(source.dataset)
    assert sum(one.frames for one in panel.statistics.classes.values()) == len(source.dataset)
    assert panel.figures["dropped"].text() == "0"


def test_flowgraph_outlives_the_panel(application, make, tiny_bundle, mixed_samples):
    parent = QtWidgets.QWidget()
    display = sr2cnn.label_display(str(tiny_bundle), parent=parent)
    top = Watched(display, tiny_bundle, mixed_samples)
    top.start()
    try:
        until(application, lambda: top.labels())
        parent.deleteLater()  # C++ deletes the panel
        del parent
        application.sendPostedEvents(None, QtCore.QEvent.DeferredDelete)
        heard = len(top.labels())
        until(application, lambda: len(top.labels()) > heard + 50)
    finally:
        top.stop()
        top.wait()


def run_example(*arguments, seconds=120, **options):
    return subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, timeout=seconds, **options
    )


def test_example_ends_with_ctrl_c(replay, tiny_bundle):
    command = [sys.executable, ROOT / "examples" / "label_display.py", replay, "--model", tiny_bundle]
    with subprocess.Popen(
        [*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        assert any("propagateSizeHints" in line for line in run.stdout)  # Qt, as the window is shown
        run.send_signal(signal.SIGINT)
        out, _ = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, out
    assert "Traceback" not in out and "core dumped" not in out


def test_grc_flowgraph_shows_the_panel(application, replay, tiny_bundle, tmp_path):
    environment = {**os.environ, "GRC_BLOCKS_PATH": str(ROOT / "grc")}
    subprocess.run(
        ["grcc", "-o", tmp_path, ROOT / "examples" / "label_display.grc"],
        env=environment,
        check=True,
        capture_output=True,
    )
    spec = importlib.util.spec_from_file_location("generated", tmp_path / "label_display_grc.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    top = module.label_display_grc(model=str(tiny_bundle), path=str(replay), rate=64e3)
    top.show()
    top.start()
    try:
        until(application, lambda: len(table(top.display)) >= 3)
        assert top.display.widget().isVisible()
        top.set_rate(32e3)
    finally:
        top.stop()
        top.wait()
        top.hide()


def test_a_panel_is_gone_before_pyqt_cleans_up(tiny_bundle):
    """Where the application lives to the end: PyQt5 meets wrappers of pyqtgraph's that are no more, and crashes."""
    code = """
        import atexit, sys
        from PyQt5 import QtWidgets, sip

        application = QtWidgets.QApplication([])
        atexit.register(lambda: print("deleted" if sip.isdeleted(panel) else "there"))  # called after later ones
        from gnuradio import sr2cnn

        display = sr2cnn.label_display(sys.argv[1])
        panel = display.widget()
        panel.show()
        application.processEvents()
    """
    command = [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(code), str(tiny_bundle)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert (result.returncode, result.stdout.split()[-1]) == (0, "deleted"), result.stderr


def test_blocks_load_without_qt():
    code = "import sys; from gnuradio import sr2cnn; sr2cnn.label_display; print(sorted(sys.modules))"
    done = run_example("-c", code)
    assert done.returncode == 0, done.stderr
    assert not [name for name in ("PyQt5", "pyqtgraph", "torch") if f"'{name}'" in done.stdout]


def test_without_an_application_it_says_so():
    done = run_example("-c", "from gnuradio import sr2cnn; sr2cnn.label_display()")
    assert done.returncode == 1 and "RuntimeError: there is no QApplication" in done.stderr


@pytest.mark.parametrize(
    "arguments", [dict(window=0), dict(window="much"), dict(sample_rate=-1.0), dict(sample_rate="no")]
)
def test_arguments_are_checked(make, arguments):
    with pytest.raises(ValueError, match=str(next(iter(arguments.values())))):
        make(**arguments)


def test_missing_model(make):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        make(model="nowhere")


# -- what the panel shows ----------------------------------------------------------------------


def shown(display, *messages):
    """Messages of a port each, and the panel drawn."""
    for port, message in messages:
        getattr(display, f"_on_{port}")(message)
    display.widget().take()
    display.widget().refresh()


def commands(display):
    """What it sends on cmd, as it comes."""
    sent = []
    display.message_port_pub = lambda port, message: sent.append(pmt.to_python(message))
    return sent


def test_table(make):
    display = make()
    shown(display, ("labels", pdu(label(0, "QPSK", 30))), ("labels", pdu(label(-1, n=10))))
    assert table(display) == {
        "QPSK": ["known", "75.0%", "75.0%", "now", "0.50"],
        "unknown_1": ["new", "25.0%", "25.0%", "now", "0.50"],
    }
    display.widget().table.sortByColumn(0, Qt.DescendingOrder)
    assert list(table(display)) == ["unknown_1", "QPSK"]


def test_merged_class_goes_everywhere(application, make):
    display = make()
    for k, id in enumerate((0, -1, -2)):
        shown(display, ("labels", pdu(label(id, n=10), 5.0 * np.eye(4)[k])))
    display.widget()._looks[-2] = "like FM"
    shown(display, ("status", pmt.to_pmt({"merged": {"from": -2, "into": -1}})))
    panel = display.widget()
    assert list(table(display)) == ["unknown_1", "K0"]
    assert [name for _, name, *_ in panel.plane._points] == ["unknown_1", "K0"]
    assert [name for _, name in panel.timeline.getAxis("left")._tickLevels[0]] == ["K0", "unknown_1"]
    assert panel._looks == {}


def test_set_window_keeps_the_timeline(make):
    display = make(window=10.0)
    shown(display, ("labels", pdu(label(-1, n=100, sample_rate=12_800.0))))
    display.set_window("100")  # a text, as GNU Radio Companion hands some on
    shown(display)
    assert [name for _, name in display.widget().timeline.getAxis("left")._tickLevels[0]] == ["unknown_1"]
    assert display.widget().rows.headerData(3, Qt.Horizontal) == "last 100 s"
    with pytest.raises(ValueError, match="-1"):
        display.set_window(-1)
    with pytest.raises(ValueError, match="^window is 'much', expected a number$"):
        display.set_window("much")


def test_one_colour_a_class_everywhere(make):
    display = make()
    for id in (3, -1, 5):
        centre = np.zeros(8)
        centre[abs(id)] = 10
        shown(display, ("labels", pdu(label(id, n=10), centre)))
    panel = display.widget()
    seen = {}
    for row in range(3):
        icon = panel.rows.data(panel.rows.index(row, 0), Qt.DecorationRole)
        seen[panel.rows.heard(row).name] = [QtGui.QColor(icon.toImage().pixel(7, 8)).name()]
    for _, name, colour, _, _ in panel.plane._points:
        seen[name].append(colour.name())
    picture = panel.timeline._image.image
    names = [name for _, name in panel.timeline.getAxis("left")._tickLevels[0]]
    high = panel.timeline.THICK + panel.timeline.GAP
    for lane, name in enumerate(names):
        rows = picture[lane * high : (lane + 1) * high]
        r, g, b, _ = rows[rows[..., 3] > 0][0]
        seen[name].append(QtGui.QColor(int(r), int(g), int(b)).name())
    assert [len(colours) for colours in seen.values()] == [3, 3, 3]
    assert all(len(set(colours)) == 1 for colours in seen.values())
    assert len({colours[0] for colours in seen.values()}) == 3


def test_tip_tells_what_a_new_class_looks_like(make):
    display = make()
    look = {"family": "FM/FSK", "envelope": "constant", "nearest_known": {"label": "GFSK", "distance": 1.3}}
    for description in (look, {"family": 3, "nearest_known": "<b>"}):  # the other is none, and is left out
        shown(display, ("novel", pdu({**label(-1), "description": description})))
        rows = display.widget().rows
        tip = rows.data(rows.index(0, 0), Qt.ToolTipRole)
        assert "FM/FSK, constant envelope, near GFSK (1.3 Θ)" in tip


def test_known_class_is_not_renamed(make):
    display = make()
    sent = commands(display)
    shown(display, ("labels", pdu(label(0, "QPSK"))))
    assert not type_name(display, "QPSK", "mine")
    assert "known class" in display.widget().notice.text()
    display.widget()._name(display.widget().statistics.classes[0], "mine")
    assert sent == [] and list(table(display)) == ["QPSK"]


@pytest.mark.parametrize("name", ["", "  ", " unknown_1 ", "a\tb"])
def test_what_is_no_name_is_not_sent(make, name):
    display = make()
    sent = commands(display)
    shown(display, ("labels", pdu(label(-1))))
    assert type_name(display, "unknown_1", name)
    assert sent == [] and list(table(display)) == ["unknown_1"]


def test_refused_name_is_taken_back(make):
    display = make()
    sent = commands(display)
    shown(display, ("labels", pdu(label(-1))))
    type_name(display, "unknown_1", "taken")
    assert sent == [{"rename": {"id": -1, "name": "taken"}}]
    shown(display)
    assert list(table(display)) == ["taken"]
    shown(display, ("status", pmt.to_pmt({"error": "rename: belongs to another", "command": sent[0]})))
    shown(display)
    assert list(table(display)) == ["unknown_1"]
    assert "belongs to another" in display.widget().notice.text()


def test_editing_is_not_disturbed(make):
    display = make()
    shown(display, ("labels", pdu(label(-1))))
    panel = display.widget()
    panel.table.edit(panel.rows.index(0, 0))
    shown(display, *[("labels", pdu(label(k))) for k in range(5)])
    assert panel.table.is_editing() and list(table(display)) == ["unknown_1"]


def test_figures(make):
    display = make()
    status = dict(
        frames_in=1100,
        frames_out=1000,
        frames_dropped=100,
        n_discovered=2,
        model="sr2cnn",
        latency_ms_p50=1.5,
        latency_ms_p99=20.0,
    )
    shown(display, ("status", pmt.to_pmt(status)))
    texts = {caption: figure.text() for caption, figure in display.widget().figures.items()}
    assert texts["dropped"] == "100 (9.1%)"
    assert texts["latency p50 / p99"] == "1.5 / 20 ms"
    assert texts["frames"] == "1\u202f000" and texts["discovered"] == "2"


def test_too_many_messages_leave_the_oldest_out_and_say_so(make, monkeypatch):
    monkeypatch.setattr(sys.modules["gnuradio.sr2cnn.label_display"], "MOST_WAITING", 100)
    display = make()
    for k in range(150):
        display._on_labels(pdu(label(0 if k < 50 else 1)))
    assert display.missed == 50
    while display._waiting:
        display.widget().take()
    display.widget().refresh()
    assert list(table(display)) == ["K1"] and display.widget().statistics.frames == 100
    assert "50 messages not shown" in display.widget().notice.text()


def test_names_on_the_map_do_not_overlap(make, application):
    display = make()
    rng = np.random.default_rng(1)
    for k in range(40):
        shown(display, ("labels", pdu(label(k - 10, n=k + 1), rng.normal(size=8))))
    application.processEvents()
    display.widget().refresh()
    plane = display.widget().plane
    boxes = [text.mapRectToScene(text.boundingRect()) for text in plane._texts if text.isVisible()]
    assert len(boxes) > 10
    inner = [box.adjusted(1.5, 1.5, -1.5, -1.5) for box in boxes]
    assert not any(a.intersects(b) for k, a in enumerate(inner) for b in inner[:k])


# -- in any theme and at any size -------------------------------------------------------------

LEGIBLE = 4.5  # contrast of text and ground, of WCAG 2 level AA
THEMES = Path(gr.prefix()) / "share" / "gnuradio" / "themes"
NAMES = {
    0: "QPSK",
    1: "AM-DSB",
    2: "PI4-DQPSK",
    -1: "unknown_1",
    -2: "hopper",
    -3: "a name of many words, " * 2,
}


@pytest.fixture(params=["", "plain", "dark", "alt", "projector"])
def theme(request, application):
    """A theme's style sheet, as GNU Radio gives it to its application."""
    sheet = (THEMES / f"{request.param}.qss").read_text() if request.param else ""
    application.setStyleSheet(sheet)
    yield sheet
    application.setStyleSheet("")


def filled(display, application, size):
    """A display of that size in which classes of each kind were heard."""
    panel = display.widget()
    panel.resize(*size)
    for k, (id, name) in enumerate(NAMES.items()):
        vector = 10.0 * np.eye(16)[k]
        event = label(id, name, n=10 + k, start=12800 * k, sample_rate=12800.0)
        shown(display, ("labels", pdu(event, vector)))
    for out, dropped in ((1000, 0), (2000, 10)):
        status = dict(
            frames_out=out,
            frames_dropped=dropped,
            n_discovered=3,
            model="tiny",
            latency_ms_p50=1.5,
            latency_ms_p99=20.0,
            frames_waiting=0,
        )
        shown(display, ("status", pmt.to_pmt(status)))
    panel.tell("something to say")
    for _ in range(5):  # the layout, then what is placed in it
        application.processEvents()
        panel.refresh()
    application.processEvents()
    return panel


def luminance(colours):
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(picture, rectangle=None):
    """Between the ground, the colour of most pixels, and the one that stands out most."""
    picture = picture.toImage() if isinstance(picture, QtGui.QPixmap) else picture
    picture = picture.copy(rectangle) if rectangle else picture
    picture = picture.convertToFormat(QtGui.QImage.Format_RGB32)
    bits = picture.constBits().asarray(picture.sizeInBytes())
    pixels = np.frombuffer(bits, np.uint8).reshape(-1, 4)[:, 2::-1]
    colours, counts = np.unique(pixels, axis=0, return_counts=True)
    bright = luminance(colours / 255)
    ground = bright[counts.argmax()]
    return max((max(one, ground) + 0.05) / (min(one, ground) + 0.05) for one in bright)


def texts_of(panel):
    """What is written where: (what, widget, rectangle in it)."""
    for figure in panel.figures.values():
        if figure.isVisible():
            yield from (("figure", each, each.rect()) for each in figure.findChildren(QtWidgets.QLabel))
    yield "notice", panel.notice, panel.notice.rect()
    table, header = panel.table, panel.table.horizontalHeader()
    for column in range(6):
        if table.isColumnHidden(column):
            continue
        at, wide = header.sectionViewportPosition(column), header.sectionSize(column)
        if panel.rows.headerData(column, Qt.Horizontal):
            yield "header", header.viewport(), QtCore.QRect(at, 0, wide, header.height())
        for row in range(panel.rows.rowCount()):
            cell = table.visualRect(panel.rows.index(row, column))
            if table.viewport().rect().contains(cell):
                yield "cell", table.viewport(), cell.adjusted(24 if column == 0 else 0, 0, 0, 0)
    for text in panel.plane._texts:
        if text.isVisible():
            box = text.mapRectToScene(text.boundingRect()).toRect()
            yield "name on the map", panel.plane.viewport(), box.adjusted(1, 1, -1, -1)
    for side in ("left", "bottom"):
        axis = panel.timeline.getAxis(side)
        yield side, panel.timeline.viewport(), axis.mapRectToScene(axis.boundingRect()).toRect()
    title = panel.timeline.getAxis("bottom").label
    yield "title", panel.timeline.viewport(), title.mapRectToScene(title.boundingRect()).toRect()


@pytest.mark.parametrize("size", [(640, 430), (1100, 700)])
@pytest.mark.parametrize("owner", ["application", "window"])
def test_every_text_is_legible(make, application, theme, size, owner):
    display = make()
    if owner == "window":  # as a flowgraph with a theme of its own
        application.setStyleSheet("")
        display.widget().setStyleSheet(theme)
    panel = filled(display, application, size)
    assert (panel.width(), panel.height()) == size
    pictures, seen = {}, set()
    for what, widget, rectangle in texts_of(panel):
        picture = pictures.setdefault(widget, widget.grab().toImage())
        assert contrast(picture, rectangle) >= LEGIBLE, (what, rectangle)
        seen.add(what)
    assert seen >= {"figure", "notice", "header", "cell", "name on the map", "left", "bottom"}


def test_tips_are_legible(make, application, theme):
    panel = filled(make(), application, (640, 430))
    for widget in (panel.table.viewport(), panel.table.horizontalHeader(), panel.plane.viewport()):
        QtWidgets.QToolTip.showText(QtCore.QPoint(5, 5), "FM/FSK, near GFSK", widget)
        (tip,) = (each for each in application.topLevelWidgets() if each.inherits("QTipLabel"))
        assert contrast(tip.grab()) >= LEGIBLE
        QtWidgets.QToolTip.hideText()
        until(application, lambda: not QtWidgets.QToolTip.isVisible())
        tip.deleteLater()
        application.sendPostedEvents(None, QtCore.QEvent.DeferredDelete)


@pytest.mark.parametrize("size", [(640, 430), (480, 320), (1100, 700)])
def test_names_have_room(make, application, theme, size):
    panel = filled(make(), application, size)
    table, metrics = panel.table, panel.table.fontMetrics()
    room = table.columnWidth(0) - 28  # but for icon and margins
    assert table.rowHeight(0) >= metrics.height()
    assert table.columnWidth(0) == table.viewport().width() - sum(
        table.columnWidth(column) for column in range(1, 6) if not table.isColumnHidden(column)
    )
    assert metrics.horizontalAdvance("unknown_1") <= room
    axis = panel.timeline.getAxis("left")
    lanes = [name for _, name in axis._tickLevels[0]]
    assert all(panel.timeline.fontMetrics().horizontalAdvance(name) < axis.width() for name in lanes)
    assert axis.width() < 0.5 * panel.timeline.width()
    if "32px" not in theme:
        assert metrics.horizontalAdvance("PI4-DQPSK") <= room
        assert not table.isColumnHidden(2) or size[0] < 640
        on_map = {text.toPlainText() for text in panel.plane._texts if text.isVisible()}
        assert {"QPSK", "unknown_1", "hopper"} <= on_map
    if size == (1100, 700) and "32px" not in theme:
        assert not any(table.isColumnHidden(column) for column in range(6))


def test_a_theme_may_come_while_it_runs(make, application):
    panel = filled(make(), application, (640, 430))
    for name in ("dark", "plain", "projector"):
        application.setStyleSheet((THEMES / f"{name}.qss").read_text())
        application.processEvents()
        panel.refresh()
        for what, widget, rectangle in texts_of(panel):
            assert contrast(widget.grab(), rectangle) >= LEGIBLE, (name, what)
    application.setStyleSheet("")


@pytest.mark.parametrize(
    "message",
    [
        pmt.PMT_NIL,
        pmt.PMT_T,
        pmt.intern("x"),
        pmt.make_dict(),
        pmt.cons(pmt.make_dict(), pmt.from_long(1)),
        pmt.to_pmt({"label": "<b>x</b>", "class_id": 1, "n_frames": 1, "known": True}),
        pdu(label(0, "Q" * 500)),
        pdu(label(0, "a\nb")),
        pdu(label(-1), [float("nan")] * 3),
        pdu(label(-1), ()),
    ],
)
def test_nothing_that_a_message_holds_breaks_it(make, message):
    display = make()
    for port in PORTS:
        shown(display, (port, message))
    shown(display, ("labels", pdu(label(0, "QPSK"))))
    assert "QPSK" in table(display)
    assert all(len(name) <= 60 and name.isprintable() for name in table(display))


# -- statistics -----------------------------------------------------------------------------


def test_timeline_in_stream_time():
    statistics = ls.LabelStatistics(window=30.0)
    statistics.take(label(1, n=1000, start=0, sample_rate=12_800.0), now=0)  # 10 s
    statistics.take(label(-1, n=500, start=128_000, sample_rate=12_800.0), now=0)  # 5 s
    ids, shares, start, end = statistics.timeline()
    assert statistics.in_stream_time and (ids, start, end) == ([1, -1], 0.0, 30.0)
    seconds = np.arange(ls.BINS) * 30 / ls.BINS
    assert np.array_equal(shares[0] > 0, seconds < 9.99) and np.allclose(shares[0, :100], 1)
    assert np.array_equal(shares[1] > 0, (seconds > 9.99) & (seconds < 14.99))


def test_timeline_moves_on_and_forgets():
    statistics = ls.LabelStatistics(window=10.0)
    for second in range(25):
        event = label(second % 2 - 1, n=100, start=12_800 * second, sample_rate=12_800.0)
        statistics.take(event, now=0)
    ids, shares, start, end = statistics.timeline()
    assert (start, end) == (15.0, 25.0)
    assert np.allclose(shares.sum(0), 1)
    statistics.take(label(7, start=128 * 10**7, sample_rate=12_800.0), now=0)
    assert statistics.timeline()[0] == [7]
    statistics.take(label(3, start=0, sample_rate=12_800.0), now=0)  # the stream began anew
    assert statistics.timeline()[0] == [3]


def test_timeline_by_arrival():
    statistics = ls.LabelStatistics(window=30.0)
    statistics.take(label(0), now=1000.0)
    statistics.take(label(1), now=1000.5)
    ids, shares, start, end = statistics.timeline()
    assert not statistics.in_stream_time and (ids, start, end) == ([0, 1], 0.0, 30.0)
    assert np.allclose(shares[1, 1:5], 1) and not shares[:, 5:].any()


def test_rare_classes_share_a_lane():
    statistics = ls.LabelStatistics()
    for id in range(20):
        statistics.take(label(id, n=id + 1, sample_rate=1e3), now=0)
    ids, shares, _, _ = statistics.timeline(most=5)
    assert ids == [16, 17, 18, 19, None] and len(shares) == 5
    assert shares.sum(0).max() == pytest.approx(1)


def test_share_and_score():
    statistics = ls.LabelStatistics()
    statistics.take({**label(0, n=3), "score": 0.2}, now=0)
    statistics.take({**label(0, n=1), "score": 0.6}, now=0)
    statistics.take({**label(1, n=4), "score": None}, now=5)
    (first, *shares), (second, *_) = statistics.rows()
    assert (first.score, second.score, second.last) == (pytest.approx(0.3), None, 5)
    assert shares == [0.5, 0.5]


def test_merged_class_is_part_of_the_other_one():
    statistics = ls.LabelStatistics(window=30.0)
    statistics.take(label(-1, n=100, sample_rate=12_800.0), now=0)  # a second
    statistics.take(label(-2, n=300, start=12_800, sample_rate=12_800.0), now=1)
    before = statistics.timeline()[1].sum(0)
    statistics.take(dict(event="status", merged={"from": -2, "into": -1}), now=2)
    ((one, share, recent),) = statistics.rows()
    assert (one.key, one.name, one.frames, one.last, share, recent) == (-1, "unknown_1", 400, 1, 1, 1)
    ids, shares, *_ = statistics.timeline()
    assert ids == [-1] and np.allclose(shares[0], before)
    # A label that was on its way is the older class's; the id of one that comes much later is another's.
    assert statistics.take(label(-2, n=5), now=3) == -1 and one.name == "unknown_1" and one.frames == 405
    statistics.take(dict(event="status", merged={"from": -1, "into": -3}), now=4)
    assert statistics.take(label(-2), now=5) == -3 and statistics.take(label(-1), now=5) == -3
    assert statistics.take(label(-2), now=100) == -2


def test_forgotten_classes_go():
    statistics = ls.LabelStatistics()
    for id in (0, -1, -2, -3):
        statistics.take(label(id), now=0)
    statistics.take(dict(event="status", forgotten=[-1, -3, 0, "x", None, -77]), now=1)
    assert [one.key for one, *_ in statistics.rows()] == [0, -2] and statistics.timeline()[0] == [0, -2]
    assert statistics.take(label(-1), now=2) is None and len(statistics.rows()) == 2
    assert statistics.take(label(-1), now=100) == -1


def test_another_window_keeps_history():
    statistics = ls.LabelStatistics(window=30.0)
    for second in range(25):
        event = label(second // 10 % 2 - 1, n=100, start=12_800 * second, sample_rate=12_800.0)
        statistics.take(event, now=second)
    for window, first, bin in ((60.0, 0, 0.2), (15.0, 10, 0.2), (90.0, 10, 0.3)):
        statistics.set_window(window)
        ids, shares, start, end = statistics.timeline()
        assert ids == [0, -1] and end - start == pytest.approx(window) and statistics.window == window
        middle = start + (np.arange(ls.BINS) + 0.5) * window / ls.BINS
        sure = lambda a, b: (middle > max(a, first) + bin) & (middle < b - bin)  # noqa: E731
        assert np.allclose(shares[1][sure(0, 10)], 1) and np.allclose(shares[1][sure(20, 25)], 1)
        assert np.allclose(shares[0][sure(10, 20)], 1)
        assert not shares[:, (middle < first - bin) | (middle > 25 + bin)].any()
    statistics.take(label(7, n=100, start=12_800 * 25, sample_rate=12_800.0), now=25)  # it goes on
    assert list(statistics.timeline()[0]) == [0, 7, -1]


def test_novel_counts_no_frames():
    statistics = ls.LabelStatistics()
    assert statistics.take({**label(-1), "event": "novel"}, now=3) == -1
    assert statistics.frames == 0 and statistics.classes[-1].last == 3


def test_old_name_on_its_way_does_not_undo_a_new_one():
    statistics = ls.LabelStatistics()
    statistics.take(label(-1), now=0)
    statistics.rename(-1, "hopper", now=1)
    statistics.take(label(-1), now=1.5)
    assert statistics.classes[-1].name == "hopper"
    statistics.take(label(-1), now=100)  # it was not renamed
    assert statistics.classes[-1].name == "unknown_1"


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(label_counts, "MOST_CLASSES", most := 50)
    statistics = ls.LabelStatistics(window=1.0)
    space = sm.SemanticMap()
    for k in range(3 * most):
        statistics.take(label(-1 - k, start=128 * k, sample_rate=128_000.0), now=k)
        space.take(-1 - k, np.ones(4), 1)
        space.keep(statistics.classes)
    assert len(statistics.classes) == most
    assert -3 * most in statistics.classes and -1 not in statistics.classes
    assert len(statistics._bins) <= most and len(space._means) <= most
    assert statistics.frames == 3 * most


def test_frames_a_second_and_new_drops():
    statistics = ls.LabelStatistics()
    statistics.take(dict(event="status", frames_out=100, frames_dropped=5), now=10)
    assert statistics.rate is None and not statistics.dropping
    statistics.take(dict(event="status", frames_out=300, frames_dropped=6), now=12)
    assert statistics.rate == 100 and statistics.dropping


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=70),
    st.lists(st.floats(), max_size=3),
    st.dictionaries(
        st.sampled_from(["rename", "id", "from", "into"]), st.integers(-3, 1) | st.integers(), max_size=2
    ),
    st.lists(st.integers(-3, 1), max_size=3),
)
keys = [
    "event",
    "merged",
    "forgotten",
    "label",
    "class_id",
    "n_frames",
    "n_samples",
    "start_sample",
    "sample_rate",
    "score",
    "vector",
    "error",
    "command",
    "frames_out",
    "frames_dropped",
]


@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(keys, values)), max_size=8), st.booleans())
def test_any_event_is_taken_or_refused(events, valid):
    statistics = ls.LabelStatistics(window=5.0)
    space = sm.SemanticMap()
    for now, event in enumerate(events):
        event = {**label(-1), **event} if valid else event
        id = statistics.take(event, float(now))
        if id is not None:
            space.take(id, event.get("vector"), event["n_frames"])
    ids, shares, start, end = statistics.timeline()
    assert shares.shape == (len(ids), ls.BINS) and np.isfinite(shares).all() and start < end
    assert all(0 <= share <= 1 for _, *shares in statistics.rows() for share in shares)
    assert all(np.isfinite(position).all() for position in space.classes().values())
    space.runs()


# -- the map ---------------------------------------------------------------------------------


def apart(space, ids, centers):
    """Whether no two classes are drawn nearer than the map's scale allows."""
    at = space.classes()
    return all(
        np.linalg.norm(at[a] - at[b]) >= space.scale * np.linalg.norm(centers[a] - centers[b]) * (1 - 1e-6)
        for k, a in enumerate(ids)
        for b in ids[:k]
    )


def test_class_off_the_plane_is_seen_apart():
    known = np.zeros((4, 6))
    known[:, :2] = [[10, 0], [-10, 0], [0, 6], [0, -6]]
    space = sm.SemanticMap(known)
    off = {-1: [10, 0, 15, 0, 0, 0], -2: [10, 0, 0, 15, 0, 0], -3: [10, 0, -15, 0, 0, 0]}
    for id, vector in off.items():
        assert space.take(id, vector, 1)
    centers = {**dict(enumerate(known)), **{id: np.array(vector) for id, vector in off.items()}}
    assert apart(space, list(centers), centers)
    assert np.linalg.norm(space.classes()[-1] - space.classes()[0]) >= 15 * space.scale - 1e-6


def test_class_in_the_plane_is_drawn_at_its_projection():
    known = np.zeros((4, 6))
    known[:, :2] = [[10, 0], [-10, 0], [0, 6], [0, -6]]
    space = sm.SemanticMap(known)
    space.take(-1, [10, 10, 0, 0, 0, 0], 1)
    at = space.classes()
    for id, center in enumerate(known):
        true = np.linalg.norm(np.array([10, 10, 0, 0, 0, 0]) - center)
        assert np.linalg.norm(at[-1] - at[id]) == pytest.approx(true)
    assert space.nearest_known(-1) == (0, pytest.approx(10.0))


def test_many_random_classes_are_apart():
    rng = np.random.default_rng(0)
    known = rng.normal(size=(20, 30)) * 5
    space = sm.SemanticMap(known)
    centers = dict(enumerate(known))
    for k in range(15):
        centers[-1 - k] = rng.normal(size=30) * 5
        space.take(-1 - k, centers[-1 - k], 1)
    assert apart(space, list(centers), centers)


def test_runs_lie_about_their_class():
    rng = np.random.default_rng(0)
    known = rng.normal(size=(5, 12)) * 10
    space = sm.SemanticMap(known)
    for k in range(50):
        space.take(k % 5, known[k % 5] + 0.01 * rng.normal(size=12), 1)
    at = space.classes()
    ids, positions = space.runs()
    assert len(ids) == 50
    assert np.linalg.norm(positions - np.array([at[id] for id in ids]), axis=1).max() < 0.1


def test_without_a_model_the_map_is_fitted_and_keeps_its_side():
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(6, 12)) * 10
    space = sm.SemanticMap()
    assert space.classes() == {}
    for id in range(5):
        space.take(id, centers[id], 1)
    before = space.classes()
    space.take(5, centers[5], 1)
    after = space.classes()
    turned = sum(np.dot(before[id] - before[0], after[id] - after[0]) > 0 for id in range(1, 5))
    assert len(after) == 6 and turned >= 3


def test_merged_class_leaves_the_map():
    space = sm.SemanticMap(np.eye(6) * 10)
    for id, vector in ((-1, [1, 1, 1, 0, 0, 0]), (-2, [1, 1, 1, 4, 0, 0]), (-2, [1, 1, 1, 8, 0, 0])):
        space.take(id, vector, 1 - id)
    space.merge(-2, -1)
    assert -2 not in space.classes() and set(space.runs()[0]) == {-1} and len(space.runs()[0]) == 3
    assert np.allclose(space._means[-1][1], [1, 1, 1, (3 * 4 + 3 * 8) / 8, 0, 0]) and space._means[-1][0] == 8
    space.merge(-2, -1)  # it went already
    assert space._means[-1][0] == 8


def test_vectors_of_another_model_are_left_out():
    space = sm.SemanticMap(np.eye(4))
    assert not space.take(0, np.ones(5), 1)
    assert not space.take(0, None, 1) and not space.take(0, [1, None, 2, 3], 1)
    assert space.take(0, np.ones(4), 1)


@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_nearest_outside_is_free_and_nearest(n, seed):
    rng = np.random.default_rng(seed)
    point, middles, radii = rng.normal(size=2), rng.normal(size=(n, 2)) * 2, rng.uniform(0, 2, n)
    found = sm.nearest_outside(point, middles, radii)
    assert (np.linalg.norm(middles - found, axis=1) >= radii - 1e-6).all()
    grid = rng.normal(size=(2000, 2)) * 4
    free = (np.linalg.norm(grid[:, None] - middles, axis=2) >= radii).all(1)
    nearest = np.linalg.norm(grid[free] - point, axis=1).min(initial=np.inf)
    assert np.linalg.norm(found - point) <= nearest + 1e-9
