# SPDX-License-Identifier: GPL-3.0-or-later
"""The tagger: every sample passes, every signal_class is at its frame's first sample."""

import numpy as np
import pmt
import pytest
from gnuradio import blocks, gr, sr2cnn

LEN = 128


def tag(offset, key, value):
    return gr.tag_utils.python_to_tag((offset, pmt.intern(key), value, pmt.intern("test")))


def signal_class(item, class_id):
    return tag(item, "signal_class", pmt.to_pmt({"class_id": class_id, "item": item}))


def frame_start(item, sample):
    return tag(item, "frame_start", pmt.from_uint64(sample))


def run(samples, n_classes, class_tags, iq_tags=(), most=None, **options):
    """Output samples, and (offset, key, value) of its tags."""
    top = gr.top_block()
    iq = blocks.vector_source_c(samples.tolist(), False, 1, list(iq_tags))
    classes = blocks.vector_source_s([0] * n_classes, False, 1, list(class_tags))
    block, sink = sr2cnn.tagger(**options), blocks.vector_sink_c()
    top.connect(iq, block, sink)
    top.connect(classes, (block, 1))
    top.run(most) if most else top.run()
    tags = [(t.offset, pmt.symbol_to_string(t.key), t.value) for t in sink.tags()]
    return np.array(sink.data(), np.complex64), tags


def places(tags):
    """{item: offset} of the signal_class tags."""
    found = [(pmt.to_python(v)["item"], offset) for offset, k, v in tags if k == "signal_class"]
    assert len(found) == len(dict(found))
    return dict(found)


def ramp(n):
    return np.arange(n).astype(np.complex64)


@pytest.mark.parametrize("most", [1, 7, 100, None])
@pytest.mark.parametrize("hop", [0, 32, 127, 300])
def test_sample_exact(most, hop):
    n = 50 if most == 1 else 400
    step = hop or LEN
    samples = ramp((n - 1) * step + LEN + 50)
    tags = [frame_start(0, 0)] + [signal_class(i, i % 3) for i in range(n)]
    out, tags = run(samples, n, tags, most=most, hop=hop)
    np.testing.assert_array_equal(out, samples)  # the trailing ones, too
    assert places(tags) == {i: i * step for i in range(n)}


@pytest.mark.parametrize("most", [7, None])
def test_gaps(most):
    tags = [frame_start(0, 10), frame_start(2, 1000), frame_start(5, 5000)]
    tags += [signal_class(i, 0) for i in range(6)]
    out, tags = run(ramp(6000), 6, tags, most=most, emit="every")
    assert len(out) == 6000
    assert places(tags) == {0: 10, 1: 138, 2: 1000, 3: 1128, 4: 1256, 5: 5000}


@pytest.mark.parametrize("most", [7, None])
def test_framing_that_starts_anew_between_frames(most):
    # hop 300: after the frame at 0 the next is due at 300, but an rx_time makes it begin at 200.
    tags = [frame_start(0, 0), frame_start(1, 200)] + [signal_class(i, i) for i in range(3)]
    rx_time = tag(200, "rx_time", pmt.make_tuple(pmt.from_uint64(1), pmt.from_double(0)))
    out, tags = run(ramp(900), 3, tags, [rx_time], most=most, hop=300)
    assert len(out) == 900
    assert places(tags) == {0: 0, 1: 200, 2: 500}


def test_own_tags_pass_and_those_of_classes_do_not():
    iq_tags = [tag(k, "burst", pmt.from_long(k)) for k in (0, 63, 64, 127, 128, 1299)]
    class_tags = [frame_start(0, 0), tag(3, "truth", pmt.PMT_T), signal_class(3, 1)]
    _, tags = run(ramp(1300), 10, class_tags, iq_tags, most=50)
    rest = [(o, k, pmt.to_python(v)) for o, k, v in tags if k != "signal_class"]
    assert sorted(rest) == [(k, "burst", k) for k in (0, 63, 64, 127, 128, 1299)]
    assert places(tags) == {3: 3 * LEN}


@pytest.mark.parametrize(
    "emit, items", [("change", [0, 2, 4, 6, 8]), ("every", range(9)), ("unknown", [2, 3, 8])]
)
def test_emit(emit, items):
    ids = [0, 0, -1, -1, 1, 1, 1, 1, -2]  # a gap before item 6
    tags = [frame_start(0, 0), frame_start(6, 2000)]
    tags += [signal_class(i, class_id) for i, class_id in enumerate(ids)]
    _, tags = run(ramp(3000), 9, tags, emit=emit)
    assert sorted(places(tags)) == list(items)


@pytest.mark.parametrize("n_samples, n_classes", [(0, 0), (50, 0), (0, 5), (500, 50)])
def test_streams_of_any_length(n_samples, n_classes):
    out, _ = run(ramp(n_samples), n_classes, [])
    assert len(out) == n_samples


@pytest.mark.parametrize("hop", [0, 64, 200, 20_000])
@pytest.mark.parametrize("most", [100, None])
def test_behind_the_framer(hop, most):
    """Both streams from one source, as on the air; a hop longer than the buffers, too."""
    hop_samples = hop or LEN
    n = 12 if hop > 1000 else 500
    samples = ramp((n - 1) * hop_samples + LEN + 50)
    top = gr.top_block()
    source = blocks.vector_source_c(samples.tolist())
    framer = sr2cnn.framer(LEN, hop)
    discriminator = sr2cnn.discriminator(["a"], [[0, 0]], [[1, 1]], emit="every", hop=hop)
    tagger, sink = sr2cnn.tagger(LEN, hop, "every"), blocks.vector_sink_c()
    encode = FirstSample()
    top.connect(source, framer, encode, discriminator, (tagger, 1))
    top.connect(source, tagger, sink)
    top.run(most) if most else top.run()
    np.testing.assert_array_equal(np.array(sink.data(), np.complex64), samples)
    offsets = [t.offset for t in sink.tags() if str(t.key) == "signal_class"]
    assert offsets == [i * hop_samples for i in range(n)]


class FirstSample(gr.sync_block):
    """Frames to semantic vectors of dim 2: I and Q of the first sample."""

    def __init__(self):
        gr.sync_block.__init__(self, "first", [(np.complex64, LEN)], [(np.float32, 2)])

    def work(self, input_items, output_items):
        first = np.ascontiguousarray(input_items[0][:, :1])
        output_items[0][:] = first.view(np.float32)
        return len(first)


def test_constructor_refuses():
    for options, message in [
        (dict(frame_len=0), "frame_len is 0, expected at least 1"),
        (dict(hop=-3), "hop is -3, expected at least 0"),
        (dict(emit="x"), "emit is 'x', expected one of change, every, unknown"),
    ]:
        with pytest.raises(ValueError, match=message):
            sr2cnn.tagger(**options)


def test_class_ids_of_emissions_are_refused_and_the_samples_pass(tiny_bundle, capfd):
    """Those that the recognizer judges have long gone by."""
    samples = (
        np.random.default_rng(5).standard_normal((300_000, 2)).astype(np.float32).view(np.complex64).ravel()
    )
    top, source = gr.top_block(), blocks.vector_source_c(samples)
    tagger, sink = sr2cnn.tagger(LEN), blocks.vector_sink_c()
    recognizer = sr2cnn.recognizer(str(tiny_bundle), device="cpu", sample_rate=1e6)
    top.connect(source, tagger, sink)
    top.connect(source, recognizer, (tagger, 1))
    top.run()
    assert np.array_equal(np.array(sink.data(), np.complex64), samples) and not sink.tags()
    assert "condition=False" in "".join(capfd.readouterr())
