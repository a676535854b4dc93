# SPDX-License-Identifier: GPL-3.0-or-later
"""The framer in flowgraphs. Its arithmetic is tested in lib/qa_framer_core.cc."""

import numpy as np
import pmt
import pytest
from gnuradio import blocks, gr, sr2cnn


def run(samples, tags=(), frame_len=128, hop=0, max_noutput_items=None):
    """The framer in a flowgraph: frames (n, frame_len), tags [(frame, key, value)], the block."""
    tag_list = []
    for offset, key, value in tags:
        tag = gr.tag_t()
        tag.offset, tag.key, tag.value = offset, pmt.intern(key), pmt.to_pmt(value)
        tag_list.append(tag)
    source = blocks.vector_source_c(samples, False, 1, tag_list)
    framer = sr2cnn.framer(frame_len, hop)
    sink = blocks.vector_sink_c(frame_len)
    top_block = gr.top_block()
    top_block.connect(source, framer, sink)
    if max_noutput_items:
        top_block.run(max_noutput_items)
    else:
        top_block.run()
    frames = np.array(sink.data(), np.complex64).reshape(-1, frame_len)
    got = [(t.offset, pmt.symbol_to_string(t.key), pmt.to_python(t.value)) for t in sink.tags()]
    return frames, got, framer


def ramp(n):
    return np.arange(n).astype(np.complex64)


def others(tags):
    return [tag for tag in tags if tag[1] not in ("frame_start", "stream_start")]


def frame_starts(tags):
    return [(frame, value) for frame, key, value in tags if key == "frame_start"]


@pytest.mark.parametrize("max_noutput_items", [None, 7, 100])
@pytest.mark.parametrize("hop", [0, 1, 64, 100, 128, 200, 1000])
def test_every_whole_frame(hop, max_noutput_items):
    samples = ramp(20_000 + 50)
    frames, tags, framer = run(samples, hop=hop, max_noutput_items=max_noutput_items)
    starts = np.arange(0, len(samples) - 127, hop or 128)
    assert np.array_equal(frames[:, 0], samples[starts])
    assert np.array_equal(frames[:, -1], samples[starts + 127])
    assert framer.frames == len(starts)
    assert frame_starts(tags) == [(0, 0)]


def test_partial_last_frame_is_counted():
    frames, _, framer = run(ramp(3 * 128 + 50))
    assert (len(frames), framer.samples_left) == (3, 50)


@pytest.mark.parametrize("n", [0, 1, 127])
def test_less_than_a_frame(n):
    frames, tags, framer = run(ramp(n))
    assert (len(frames), tags, framer.samples_left) == (0, [], n)


@pytest.mark.parametrize("max_noutput_items", [None, 7])
@pytest.mark.parametrize("key", ["rx_freq", "custom"])
@pytest.mark.parametrize("offset", [0, 63, 64, 127])
def test_tag_lands_on_the_frame_that_holds_its_sample(offset, key, max_noutput_items):
    tags = [(128 * k + offset, key, float(k)) for k in (0, 5, 99)]
    _, got, _ = run(ramp(128 * 100), tags, max_noutput_items=max_noutput_items)
    assert others(got) == [(k, key, float(k)) for k in (0, 5, 99)]


@pytest.mark.parametrize("offset", [0, 63, 64, 127])
def test_rx_time_restarts_the_framing(offset):
    samples = ramp(128 * 10)
    at = 128 * 4 + offset
    frames, tags, framer = run(samples, [(at, "rx_time", 1.5)])
    assert np.array_equal(frames[:4, 0], samples[: 4 * 128 : 128])
    assert np.array_equal(frames[4:, 0], samples[at::128][: len(frames) - 4])
    assert len(frames) == 10 - bool(offset)
    assert others(tags) == [(4, "rx_time", 1.5)]
    assert frame_starts(tags) == [(0, 0), (4, at)]
    assert framer.samples_dropped == offset


def test_overlapping_frames_carry_a_tag_once():
    _, tags, _ = run(ramp(128 * 10), [(300, "custom", 1)], hop=32)
    assert others(tags) == [(300 // 32, "custom", 1)]


def test_tag_between_frames_moves_to_the_next():
    _, tags, _ = run(ramp(1000), [(127, "a", 1), (128, "b", 2), (250, "c", 3)], hop=300)
    assert others(tags) == [(0, "a", 1), (1, "b", 2), (1, "c", 3)]


def test_frames_that_are_not_finite_are_skipped_and_counted():
    samples = ramp(128 * 10)
    samples[128 * 3 + 127] = np.nan
    samples[128 * 4] = complex(0, np.inf)
    frames, tags, framer = run(samples, [(128 * 3 + 5, "custom", 1)])
    assert frames[:, 0].real.tolist() == [128 * k for k in (0, 1, 2, 5, 6, 7, 8, 9)]
    assert framer.frames_skipped == 2
    assert frame_starts(tags) == [(0, 0), (3, 128 * 5)]
    assert others(tags) == [(3, "custom", 1)]


@pytest.mark.parametrize(
    "arguments, error",
    [
        ((0, 0), "frame_len is 0, expected at least 1"),
        ((-1, 0), "frame_len is -1, expected at least 1"),
        ((128, -1), "hop is -1, expected at least 0"),
    ],
)
def test_bad_parameters(arguments, error):
    with pytest.raises(ValueError, match=error):
        sr2cnn.framer(*arguments)
