# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of emissions: boxes where they are, a colour a class, labels that can be read."""

import warnings

import numpy as np
import pytest
from matplotlib.colors import same_color
from sigmf_support import SAMPLES, annotation, record
from sr2cnn_learn.plots.boxes import (
    NOT_JUDGED,
    Box,
    classes_of,
    event_boxes,
    frequency_scale,
    time_scale,
    true_boxes,
)
from sr2cnn_learn.plots.emissions import draw_emissions, draw_recording
from sr2cnn_learn.plots.file import picture
from sr2cnn_learn.plots.palette import COLOURS, NO_CLASS, SHADES, class_colour
from sr2cnn_learn.plots.spectrogram import Spectrogram
from sr2cnn_learn.recordings import ANNOTATOR, open_recording

RATE = 1e6
RNG = np.random.default_rng(9)
SEEN = Spectrogram(np.zeros((16, 32), np.float32), 0.0, 0, 1_000_000, -0.5, 0.5)


def emission(number=1, start=0, n=1000, offset=0.0, width=10e3, label="QPSK", known=True, **more):
    place = dict(start_sample=start, n_samples=n, frequency_offset=offset, bandwidth=width)
    return {"event": "emission", "emission": number, **place, "label": label, "known": known, **more}


def boxes_anywhere(n, labels=("QPSK", "GFSK", "unknown_1", None)):
    events = [
        emission(
            k,
            int(RNG.integers(950_000)),
            int(RNG.integers(100, 50_000)),
            RNG.uniform(-0.45e6, 0.45e6),
            RNG.uniform(1e3, 50e3),
            labels[k % len(labels)],
            not str(labels[k % len(labels)]).startswith("unknown"),
        )
        for k in range(n)
    ]
    return event_boxes(events, RATE)


def drawn(path, panels, **options):
    with picture(path, (16, 9)) as figure:
        draw_emissions(figure, SEEN, panels, RATE, 868.95e6, **options)
    return figure


def rectangles(axes):
    return list(axes.patches)


def labels_of(axes):
    return [text for text in axes.texts if text.get_text()]


def test_boxes_of_events():
    first, second = event_boxes(
        [
            emission(2, 500, 100, 200e3, 100e3, "unknown_1", False),
            emission(1, 0, 50, continues=True),
            emission(1, 0, 90, -250e3, 20e3, None),
            {"event": "emission", "emission": 3, "label": "QPSK"},
        ],
        RATE,
    )
    assert (first.start, first.stop, first.label, first.known) == (0, 90, None, True)
    assert (first.low, first.high) == pytest.approx((-0.26, -0.24))
    assert (second.start, second.stop, second.label, second.known) == (500, 600, "unknown_1", False)
    assert (second.low, second.high) == pytest.approx((0.15, 0.25))


def test_boxes_of_events_without_a_sample_rate():
    shares = dict(frequency_offset_share=0.25, bandwidth_share=0.1)
    event = {key: value for key, value in emission().items() if key not in ("frequency_offset", "bandwidth")}
    (box,) = event_boxes([{**event, **shares}], None)
    assert (box.low, box.high) == pytest.approx((0.2, 0.3))
    assert event_boxes([emission()], None) == []


def test_boxes_of_annotations(tmp_path):
    edges = {"core:freq_lower_edge": 100.1e6, "core:freq_upper_edge": 100.3e6}
    path = record(
        tmp_path / "a",
        [
            annotation(10, 20, "QPSK", **edges),
            annotation(5),
            annotation(0, 9, "heard", **{"core:generator": ANNOTATOR}),
        ],
    )
    whole, qpsk = true_boxes(open_recording(path, sample_rate=RATE, center_frequency=100e6))
    assert (whole.start, whole.stop, whole.low, whole.high, whole.label) == (5, len(SAMPLES), -0.5, 0.5, None)
    assert (qpsk.start, qpsk.stop, qpsk.label) == (10, 30, "QPSK")
    assert (qpsk.low, qpsk.high) == pytest.approx((0.1, 0.3))


def test_classes_get_colours_in_the_order_in_which_they_are_heard():
    boxes = [
        Box(k, k + 1, 0, 1, label, label != "new") for k, label in enumerate(["new", "b", None, "a", "b"])
    ]
    b, a, new, none = classes_of(reversed(boxes)).values()
    assert (new.label, new.colour, new.n) == ("new", COLOURS[0], 1)
    assert (b.label, b.colour, b.n, a.label, a.colour) == ("b", COLOURS[1], 2, "a", COLOURS[2])
    assert (none.title, none.colour) == (NOT_JUDGED, NO_CLASS)
    many = [class_colour(k) for k in range(len(COLOURS) * len(SHADES))]
    assert len(set(many)) == len(many)


def test_units():
    assert time_scale(100, None).name == "sample" and time_scale(3000, 1e6).name == "time, ms"
    assert time_scale(2_000_000, 1e6)(1_500_000) == 1.5 and time_scale(40, 1e6)(1) == 1
    absolute, offset = frequency_scale(1e6, 868.95e6), frequency_scale(48e3, None)
    assert absolute.name == "frequency, MHz" and absolute(0.25) == pytest.approx(869.2)
    assert offset.name == "frequency offset, kHz" and offset(-0.5) == pytest.approx(-24)
    assert frequency_scale(None, None)(0.1) == 0.1


def test_where_and_how_boxes_are_drawn(tmp_path):
    events = [
        emission(1, 100_000, 200_000, 100e3, 50e3),
        emission(2, 500_000, 200_000, -100e3, 50e3, "unknown_1", False),
        emission(3, 800_000, 50, 300e3, 10.0, None),
    ]
    figure = drawn(tmp_path / "a.png", {"found": event_boxes(events, RATE)})
    axes = figure.axes[0]
    known, new, small = rectangles(axes)
    (x, y), right, top = known.get_xy(), known.get_x() + known.get_width(), known.get_y() + known.get_height()
    assert (x, right) == pytest.approx((0.1, 0.3), abs=0.004)
    assert (y, top) == pytest.approx((869.025, 869.075), abs=0.004)
    assert same_color(known.get_edgecolor(), COLOURS[0]) and same_color(new.get_edgecolor(), COLOURS[1])
    assert same_color(small.get_edgecolor(), NO_CLASS)
    assert known.get_linestyle() in ("-", "solid") and small.get_linestyle() in ("-", "solid")
    assert new.get_linestyle() not in ("-", "solid")
    assert min(small.get_window_extent().size) >= 4.9  # it can be seen
    assert [text.get_text() for text in labels_of(axes)] == ["▲ unknown_1", "QPSK"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "QPSK  1",
        "▲ unknown_1  1",
        f"{NOT_JUDGED}  1",
    ]


@pytest.mark.parametrize("n", [0, 1, 15, 83, 400])
def test_labels_cover_no_other(tmp_path, n):
    figure = drawn(tmp_path / "a.png", {"found": boxes_anywhere(n)})
    axes = figure.axes[0]
    assert len(rectangles(axes)) == n
    extents = [text.get_window_extent().extents for text in labels_of(axes)]
    assert len(extents) == sum(k % 4 < 3 for k in range(n)) if n <= 15 else len(extents) > 40
    for k, (left, bottom, right, top) in enumerate(extents):
        assert (
            axes.bbox.x0 <= left and right <= axes.bbox.x1 and axes.bbox.y0 <= bottom and top <= axes.bbox.y1
        )
        for x, y, x1, y1 in extents[:k]:
            assert right <= x or x1 <= left or top <= y or y1 <= bottom


def test_truth_and_found_have_the_same_colours_and_axes(tmp_path):
    truth = event_boxes([emission(1, 0, label="GFSK"), emission(2, 500_000)], RATE)
    found = event_boxes([emission(1, 500_000)], RATE)
    figure = drawn(tmp_path / "a.png", {"what was in it": truth, "what was found": found})
    above, below = figure.axes
    assert [above.get_title("left"), below.get_title("left")] == ["what was in it", "what was found"]
    assert above.get_xlim() == below.get_xlim() and above.get_ylim() == below.get_ylim()
    assert same_color(rectangles(above)[1].get_edgecolor(), rectangles(below)[0].get_edgecolor())


def test_names_of_strangers(tmp_path):
    names = ["$\\frac{", "_hidden", "a\u202eb", "\x1b[31m", "\u5b57", "x" * 3000]
    events = [emission(k, 150_000 * k, 100_000, label=name) for k, name in enumerate(names)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = drawn(tmp_path / "a.svg", {"$\\frac{ \u202e": event_boxes(events, RATE)})
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert (
        texts[:4] == ["$\\frac{  1", "_hidden  1", "a\\u202eb  1", "\\x1b[31m  1"]
        and max(map(len, texts)) < 60
    )


def test_many_classes(tmp_path):
    figure = drawn(tmp_path / "a.png", {"": boxes_anywhere(400, [f"class {k}" for k in range(100)])})
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(texts) == 31 and texts[-1] == "and 70 classes more"
    assert figure.legends[0].get_window_extent().y0 > 0


@pytest.mark.parametrize(
    "suffix, begins",
    [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF"), ("jpg", b"\xff\xd8"), ("", b"\x89PNG")],
)
def test_the_suffix_tells_the_format(tmp_path, suffix, begins):
    recording = open_recording(record(tmp_path / "a"), sample_rate=RATE)
    path = tmp_path / f"picture.{suffix}".rstrip(".")
    draw_recording(path, recording, {"none": []})
    assert path.read_bytes().startswith(begins)


def test_no_such_format(tmp_path):
    with pytest.raises(ValueError, match="no format of pictures is called 'gif2'; expected one of .*png"):
        drawn(tmp_path / "a.gif2", {"": []})
    assert not list(tmp_path.iterdir())
