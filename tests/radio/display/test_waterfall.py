# SPDX-License-Identifier: GPL-3.0-or-later
"""The waterfall of the label display: its lines, what it keeps, and what is seen. No screen is needed."""

import os
import time

import numpy as np
import pmt
import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"
pytest.importorskip("PyQt5")
pytest.importorskip("pyqtgraph")

from gnuradio import blocks, gr, sr2cnn
from gnuradio.sr2cnn.display.spectrum_lines import BINS, MOST_SPECTRA, PER_SECOND, SpectrumLines
from gnuradio.sr2cnn.display.waterfall import COLUMNS, MOST_EMISSIONS, Waterfall
from PyQt5 import QtCore, QtGui, QtWidgets, sip
from waiting import PATIENCE, until

RATE = 100e3
RNG = np.random.default_rng(4)


def band(n, start=0, stop=0, frequency=0.0):
    """Noise of power 1, and a tone of 20 dB from sample to sample."""
    samples = RNG.standard_normal((n, 2)) @ [1, 1j] / np.sqrt(2)
    samples[start:stop] += 10 * np.exp(2j * np.pi * frequency * np.arange(stop - start))
    return samples.astype(np.complex64)


class Clock:
    def __init__(self, step):
        self.now, self.step = 0.0, step

    def __call__(self):
        self.now += self.step
        return self.now


# -- lines ----------------------------------------------------------------------------------


@pytest.mark.parametrize("pieces", [1, 7, 1000])
def test_lines_follow_each_other_and_say_what_is_where(pieces):
    lines, samples = SpectrumLines(RATE, Clock(1.0)), band(50_000, 20_000, 30_000, 0.25)
    told = [line for piece in np.array_split(samples, pieces) for line in lines.push(piece)]
    starts, counts, levels = zip(*told)
    assert starts == tuple(range(0, 50_000, 5000)) and set(counts) == {int(RATE / PER_SECOND)}
    quiet = np.median(levels)
    assert abs(quiet) < 2  # dB
    tone = BINS * 3 // 4
    for start, level in zip(starts, levels):
        if start == 30_000:  # a frame may begin in the line before
            continue
        assert (level[tone] - quiet > 30) == (20_000 <= start < 30_000)
        assert np.delete(level, range(tone - 4, tone + 5)).max() < quiet + 12


def test_no_more_lines_than_the_clock_allows():
    """A file that is read a thousand times faster than it was recorded; no sample is told twice or left out."""
    lines = SpectrumLines(RATE, Clock(0.001))
    told = [line for piece in np.array_split(band(200_000), 400) for line in lines.push(piece)]
    assert 1 < len(told) <= 400 * 0.002 * PER_SECOND + 2
    for (start, n, _), (after, _, _) in zip(told, told[1:]):
        assert start + n == after


def test_of_fast_streams_it_looks_at_a_part(monkeypatch):
    looked_at = []
    monkeypatch.setattr(
        "scipy.fft.fft", lambda frames, axis: looked_at.append(len(frames)) or np.zeros(frames.shape, complex)
    )
    lines, piece = SpectrumLines(20e6, Clock(1.0)), np.zeros(1 << 15, np.complex64)
    told = [line for _ in range(100) for line in lines.push(piece)]
    assert len(told) == 3 and sum(looked_at) <= 1.2 * MOST_SPECTRA * 100 * len(piece) / 1e6


def test_bad_samples():
    lines = SpectrumLines(RATE, Clock(1.0))
    for value in (np.nan, np.inf, 0):
        for _, _, level in lines.push(np.full(6000, value, np.complex64)):
            assert np.isfinite(level).all()


# -- what it keeps -------------------------------------------------------------------------


def line(start, n=1000, level=None, **more):
    level = [0.0] * 64 if level is None else level
    return {
        "event": "spectra",
        "start_sample": start,
        "n_samples": n,
        "vector": level,
        "sample_rate": RATE,
        **more,
    }


def emission(number=1, start=0, n=1000, offset=20e3, width=5e3, **more):
    place = dict(start_sample=start, n_samples=n, frequency_offset=offset, bandwidth=width)
    return (
        dict(event="emission", emission=number, label="QPSK", class_id=0, known=True, n_frames=3, **place)
        | more
    )


def test_it_scrolls():
    waterfall = Waterfall(window=6.0)  # 1000 samples a column
    for k in range(1000):
        waterfall.take_line(line(1000 * k, level=[30.0 if k == 700 else 0.0] * 64))
        first, end = waterfall.interval()
        assert (first, end) == (1000 * max(0, k + 1 - COLUMNS), 1000 * max(COLUMNS, k + 1))
    picture = waterfall.picture()
    assert (
        picture.shape == (COLUMNS, 64) and picture[300].min() > 250 and np.delete(picture, 300, 0).max() < 100
    )
    assert not waterfall.changed


def test_lines_longer_and_shorter_than_columns():
    waterfall = Waterfall(window=6.0)
    for start, n in ((0, 10_000), (10_000, 100), (10_100, 100), (10_200, 2_000_000)):
        assert waterfall.take_line(line(start, n))
    assert waterfall.interval() == (2_011_000 - 600_000, 2_011_000)
    assert (waterfall.picture() > 0).all()


def test_a_stream_that_begins_anew_and_another_rate():
    waterfall = Waterfall(window=6.0)
    waterfall.take_line(line(5_000_000, level=[30.0] * 64))
    waterfall.take_line(line(0))
    assert waterfall.interval()[0] == 0
    waterfall.take_line(line(1000, sample_rate=2 * RATE))
    assert waterfall.interval() == (0, 1_200_000)
    waterfall.take_line(line(2000, sample_rate=None))
    assert waterfall.interval() == (0, 600_000) and waterfall.scales()[0] == (1.0, "sample")
    waterfall.take_line(line(3000, rx_freq=868.95e6))
    assert waterfall.scales()[1].name == "frequency, MHz"


def test_boxes_come_and_go():
    waterfall = Waterfall(window=6.0)
    waterfall.take_line(line(0))
    assert waterfall.boxes() == []
    waterfall.take_emission(emission(1, 0, 1000, continues=True))
    waterfall.take_emission(emission(1, 0, 3000))
    (box,) = waterfall.boxes()
    assert (box.start, box.stop) == (0, 3000) and (box.low, box.high) == pytest.approx((0.175, 0.225))
    waterfall.take_line(line(601_000))
    assert len(waterfall.boxes()) == 1
    waterfall.take_line(line(602_000))
    assert waterfall.boxes() == []
    for k in range(2 * MOST_EMISSIONS):
        waterfall.take_emission(emission(k, 602_000))
    assert len(waterfall.boxes()) == MOST_EMISSIONS


@pytest.mark.parametrize(
    "wrong",
    [
        {"start_sample": -1},
        {"start_sample": 1 << 63},
        {"start_sample": "now"},
        {"n_samples": 0},
        {"n_samples": None},
        {"vector": []},
        {"vector": "loud"},
        {"vector": [None] * 64},
        {"vector": [0.0] * 100_000},
    ],
)
def test_what_is_no_line(wrong):
    waterfall = Waterfall(window=6.0)
    assert not waterfall.take_line(line(0) | wrong) and waterfall.picture() is None
    for event in ({}, {"emission": "x"}, emission(2, start=None), emission(3, width="wide")):
        waterfall.take_emission(event)
    assert waterfall.boxes() == []


# -- in a flowgraph, and on the screen ----------------------------------------------------------


def run(samples, block, tags=()):
    """The messages of a block at the end of a flowgraph."""
    top, debug = gr.top_block(), blocks.message_debug()
    source = blocks.vector_source_c(samples.tolist(), False, 1, list(tags))
    top.connect(source, block)
    top.msg_connect((block, "spectra"), (debug, "store"))
    top.run()
    until(lambda: debug.num_messages())
    time.sleep(0.1)
    return [debug.get_message(k) for k in range(debug.num_messages())]


def test_the_block(tmp_path):
    tags = [
        gr.tag_utils.python_to_tag((0, pmt.intern("rx_rate"), pmt.from_double(RATE), pmt.PMT_F)),
        gr.tag_utils.python_to_tag((0, pmt.intern("rx_freq"), pmt.from_double(868e6), pmt.PMT_F)),
        gr.tag_utils.python_to_tag((0, pmt.intern("rx_freq"), pmt.intern("no number"), pmt.PMT_F)),
    ]
    first, *_ = run(band(50_000, 0, 50_000, -0.25), sr2cnn.spectrum(), tags)
    about, level = pmt.to_python(pmt.car(first)), pmt.to_python(pmt.cdr(first))
    assert about == {"start_sample": 0, "n_samples": 5000, "sample_rate": RATE, "rx_freq": 868e6}
    assert abs(int(np.argmax(level)) - BINS // 4) <= 1


def test_a_wrong_rate():
    for wrong in (-1, float("nan"), "fast"):
        with pytest.raises(ValueError, match="sample.rate is"):
            sr2cnn.spectrum(wrong)


@pytest.fixture
def display():
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    application.setFont(QtGui.QFont("DejaVu Sans", 10))
    display = sr2cnn.label_display(window=6.0)
    display.widget().show()
    yield display
    display.widget().close()
    sip.delete(display.widget())


def tell(display, *events):
    for event in events:
        meta = {key: value for key, value in event.items() if key not in ("event", "vector")}
        message = pmt.to_pmt(meta)
        if "vector" in event:
            message = pmt.cons(message, pmt.init_f32vector(len(event["vector"]), event["vector"]))
        kind = {"emission": "emissions", "label": "labels"}.get(event["event"], event["event"])
        getattr(display, f"_on_{kind}")(message)
    panel = display.widget()
    panel.take()
    panel.refresh()
    panel.refresh_waterfall()
    QtWidgets.QApplication.processEvents()


def seen_boxes(plot):
    return [box for box in plot._boxes if box.isVisible()]


def seen_names(plot):
    return [name for name in plot._names if name.isVisible()]


def test_boxes_on_the_screen(display):
    plot = display.widget().waterfall_plot
    assert not plot.isVisible()
    tell(
        display,
        *(
            line(1000 * k, level=[20.0 if 100 <= k < 200 and 44 <= bin < 52 else 0.0 for bin in range(64)])
            for k in range(600)
        ),
    )
    assert plot.isVisible() and not seen_boxes(plot)
    tell(
        display,
        emission(1, 100_000, 100_000, 25e3, 12.5e3),
        emission(2, 300_000, 100_000, -25e3, 12.5e3, label="unknown_1", class_id=-1, known=False),
        emission(3, 500_000, 50_000, 0.0, 12.5e3, label=None, class_id=None),
    )
    known, new, other = seen_boxes(plot)
    assert known.rect().getRect() == pytest.approx((1.0, 18.75, 1.0, 12.5))
    assert [box.pen().style() for box in (known, new, other)] == [
        QtCore.Qt.SolidLine,
        QtCore.Qt.DashLine,
        QtCore.Qt.SolidLine,
    ]
    panel = display.widget()
    colours = [panel._colour(id).name() for id in (0, -1)]
    assert [box.pen().color().name() for box in (known, new)] == colours
    assert [name.textItem.toPlainText() for name in seen_names(plot)] == [
        "unknown_1",
        "QPSK",
    ]  # the latest first
    # The light part of the picture is within the box of the first.
    image = panel.grab().toImage().convertToFormat(QtGui.QImage.Format_RGB32)
    view = plot.getPlotItem().getViewBox()

    def pixel(x, y):
        at = plot.mapTo(panel, plot.mapFromScene(view.mapViewToScene(QtCore.QPointF(x, y))))
        return QtGui.QColor(image.pixel(at)).lightness()

    assert pixel(1.5, 25.0) > 150 and pixel(2.5, 25.0) < 80 and pixel(1.5, -25.0) < 80


@pytest.mark.parametrize("size", [(640, 430), (1100, 700), (1600, 1200)])
def test_names_cover_no_other(display, size):
    plot = display.widget().waterfall_plot
    tell(display, line(0), *(emission(k, 2000 * k, 20_000, RNG.uniform(-45e3, 45e3)) for k in range(290)))
    display.widget().resize(*size)
    QtWidgets.QApplication.processEvents()
    names = [name.mapRectToScene(name.boundingRect()) for name in seen_names(plot)]
    assert len(names) > 5 and len(seen_boxes(plot)) == 290
    for k, name in enumerate(names):
        for other in names[:k]:
            common = name.intersected(other)
            assert common.width() < 1.5 or common.height() < 1.5


def test_a_renamed_class_and_names_that_are_html(display):
    plot = display.widget().waterfall_plot
    tell(display, line(0), emission(1, label="<b>a\u202e", class_id=-1, known=False))
    assert [name.textItem.toPlainText() for name in seen_names(plot)] == ["<b>a\\u202e"]
    heard = display.widget().statistics.classes[-1]
    display.widget()._name(heard, "hopper")
    tell(display, line(1000))
    assert [name.textItem.toPlainText() for name in seen_names(plot)] == ["hopper"]


def test_live(display, tiny_bundle):
    """Emissions of a recognizer over the samples that they are in, while the flowgraph runs."""
    samples = np.concatenate([band(400_000, start, start + 50_000, 0.2) for start in (100_000, 250_000)])
    display.set_window(60)
    top = gr.top_block()
    source, throttle = blocks.vector_source_c(samples.tolist()), blocks.throttle(gr.sizeof_gr_complex, 400e3)
    recognizer = sr2cnn.recognizer(str(tiny_bundle), sample_rate=RATE, device="cpu")
    spectrum = sr2cnn.spectrum(RATE)
    top.connect(source, throttle, recognizer)
    top.connect(throttle, spectrum)
    for block in (recognizer, spectrum):
        sr2cnn.connect_events(top, block, display)
    plot = display.widget().waterfall_plot
    application = QtWidgets.QApplication.instance()
    top.start()
    try:
        end = time.monotonic() + PATIENCE
        while len(seen_boxes(plot)) < 2:
            assert time.monotonic() < end
            application.processEvents()
            time.sleep(0.01)
    finally:
        top.stop()
        top.wait()
    starts = sorted(box.rect().left() for box in seen_boxes(plot))[:2]
    assert starts == pytest.approx([1.0, 6.5], abs=0.2)
    assert plot._image.isVisible() and display.missed == 0
