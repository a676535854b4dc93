# SPDX-License-Identifier: GPL-3.0-or-later
"""Flowgraphs that are started, stopped and changed many times leave nothing behind."""

import gc

import pytest
from stress import descriptors, rss, size, threads, until

pytest.importorskip("gnuradio")

from gnuradio import blocks, gr, sr2cnn
from gnuradio.sr2cnn.outputs.output import Output

TIMES = size(10, 200)
WARM = 5  # times until all that is kept is there
GROWTH = 20e6  # bytes in all times; each that left a recognizer behind would cost 2 MB


class Counts(Output):
    """How many frames the labels tell of."""

    name = "counts"
    frames = 0

    def _write(self, kind, event):
        if kind == "labels":
            self.frames += event["n_frames"]


def flowgraph(model, samples):
    """A live recognizer and an event sink; the counts of its labels."""
    top = gr.top_block()
    counts = Counts()
    # Runs are cut, so that labels come even where all frames are alike.
    recognizer = sr2cnn.recognizer(
        str(model), device="cpu", condition=False, live=True, max_run=16, max_unknown=4
    )
    sink = sr2cnn.event_sink(path="", outputs=[counts])
    source = blocks.vector_source_c(samples, True)
    throttle = blocks.throttle(gr.sizeof_gr_complex, 1e6)
    top.connect(source, throttle, recognizer)
    sr2cnn.connect_events(top, recognizer, sink)
    return top, throttle, recognizer, sink, counts


def left_behind():
    return threads(), descriptors()


@pytest.mark.parametrize("anew", [False, True], ids=["one", "a new one each time"])
def test_started_and_stopped(tiny_bundle, mixed_samples, anew):
    after = memory = None
    for n in range(WARM + TIMES):
        if anew or n == 0:
            top, _, recognizer, sink, counts = flowgraph(tiny_bundle, mixed_samples)
        before = counts.frames
        top.start()
        until(lambda: counts.frames > before)
        top.stop()
        top.wait()
        assert not sink.refused
        if anew:
            sink.close()
            del top, recognizer, sink, _
            gc.collect()
        if n == WARM:
            after, memory = left_behind(), rss()
        elif n > WARM:
            until(lambda: threads() <= after[0])  # the kernel lists them a little longer
            assert descriptors() <= after[1]
    assert rss() - memory < GROWTH


def test_locked_and_unlocked(tiny_bundle, mixed_samples):
    top, throttle, recognizer, sink, counts = flowgraph(tiny_bundle, mixed_samples)
    top.start()
    until(lambda: counts.frames)
    probe, after = blocks.null_sink(gr.sizeof_gr_complex), None
    for n in range(WARM + TIMES):
        before = counts.frames
        top.lock()
        (top.disconnect if n % 2 else top.connect)(throttle, probe)
        top.unlock()
        until(lambda: counts.frames > before)
        if n == WARM:
            after, memory = left_behind(), rss()
    assert descriptors() <= after[1]
    assert rss() - memory < GROWTH
    top.stop()
    top.wait()
    assert not sink.refused
