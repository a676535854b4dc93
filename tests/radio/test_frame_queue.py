# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame queue in flowgraphs: what it keeps, what it drops and what it says about it."""

import contextlib
import threading
import time
from pathlib import Path

import numpy as np
import pmt
import pytest
from gnuradio import blocks, gr, sr2cnn
from message_log import message_log
from waiting import PATIENCE, until

FRAME_LEN = 64
STEADY = 0.3  # seconds without a change after which the blocks wait for each other


def numbered(n):
    """n frames, each sample of which is the frame's number."""
    return np.repeat(np.arange(n), FRAME_LEN).astype(np.complex64)


def tag(frame, key, value):
    return gr.tag_utils.python_to_tag((frame, pmt.intern(key), value, pmt.intern("test")))


class gate(gr.basic_block):
    """Passes frames and their tags on once `is_open()`; until then it takes none."""

    def __init__(self, is_open):
        gr.basic_block.__init__(self, "gate", [(np.complex64, FRAME_LEN)], [(np.complex64, FRAME_LEN)])
        self.is_open = is_open

    def general_work(self, input_items, output_items):
        if not self.is_open():
            time.sleep(0.001)
            return 0
        n = min(len(input_items[0]), len(output_items[0]))
        output_items[0][:n] = input_items[0][:n]
        self.consume(0, n)
        return n


class Run:
    """Numbered frames through a queue into a slow reader, as a flowgraph to be run."""

    def __init__(self, n, capacity, overload, is_open=lambda: True, tags=(), hop=0, repeat=False):
        self._others = block_threads()
        self.capacity = capacity
        self.source = blocks.vector_source_c(numbered(n), repeat, FRAME_LEN, list(tags))
        self.queue = sr2cnn.frame_queue(FRAME_LEN, capacity, overload, hop)
        self.gate = gate(is_open)
        self.sink = blocks.vector_sink_c(FRAME_LEN)
        self.top = gr.top_block()
        self.top.connect(self.source, self.queue, self.gate, self.sink)

    @property
    def counts(self):
        counts = self.queue.count()
        return (counts.frames_in, counts.frames_out, counts.frames_dropped, counts.frames_waiting)

    @property
    def threads(self):
        """Those of its blocks of this module."""
        return block_threads() - self._others

    def until_full(self):
        """The counts once the queue is full and nothing moves any more."""

        def held_up():
            _, out, _, waiting = self.counts
            return waiting == self.capacity and (out, waiting)

        until(held_up, steady=STEADY)
        return self.counts

    @property
    def numbers(self):
        frames = np.array(self.sink.data(), np.complex64).reshape(-1, FRAME_LEN)
        assert (frames == frames[:, :1]).all()
        return frames[:, 0].real.astype(int)

    def tags(self, key):
        return {t.offset: t.value for t in self.sink.tags() if pmt.eq(t.key, pmt.intern(key))}

    def starts(self, hop):
        """First samples of the frames as the blocks behind the queue know them."""
        told, start, starts = self.tags("frame_start"), 0, []
        for frame in range(len(self.numbers)):
            start = pmt.to_uint64(told[frame]) if frame in told else start
            starts.append(start)
            start += hop
        return starts


def overrun(n, capacity, **kw):
    """A whole run of n frames whose reader takes none until the last one is queued."""
    deadline = time.monotonic() + PATIENCE

    def is_open():
        return run.counts[0] >= n or time.monotonic() > deadline

    run = Run(n, capacity, "drop", is_open, **kw)
    run.top.run()
    return run


def block_threads():
    """Numbers of the process's threads of blocks of this module."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # any thread of the process may end while we look
            if (task / "comm").read_text().startswith("sr2cnn_"):
                found.add(task.name)
    return found


@pytest.mark.parametrize("most", [3, 100, None])
@pytest.mark.parametrize("capacity", [1, 7, 500])
@pytest.mark.parametrize("overload", ["block", "drop"])
def test_nothing_changes_on_the_way(capacity, overload, most):
    n = 2000 if overload == "block" else capacity  # so many that none is dropped
    tags = [tag(0, "frame_start", pmt.from_uint64(5)), tag(n - 1, "frame_start", pmt.from_uint64(9))]
    tags += [tag(n // 2, key, pmt.from_long(k)) for k, key in enumerate(("a", "a", "rx_time"))]
    run = Run(n, capacity, overload, tags=tags)
    run.top.run(*[most] if most else [])
    assert np.array_equal(run.numbers, np.arange(n))
    assert run.counts == (n, n, 0, 0)
    assert sorted(map(as_text, run.sink.tags())) == sorted(map(as_text, tags))


def as_text(tag):
    return f"{tag.offset} {tag.key} {tag.value} {tag.srcid}"


def test_block_waits_for_the_reader_and_loses_nothing():
    n = 5000
    ready = threading.Event()
    run = Run(n, 10, "block", ready.is_set)
    run.top.start()
    in_, out, dropped, waiting = run.until_full()
    assert (in_, dropped, waiting) == (out + 10, 0, 10)
    assert in_ < n  # the source waits
    ready.set()
    run.top.wait()
    assert np.array_equal(run.numbers, np.arange(n))
    assert run.counts == (n, n, 0, 0)


@pytest.mark.parametrize("capacity", [1, 64, 1000])
def test_drop_never_makes_the_source_wait(capacity):
    n = 10_000
    run = overrun(n, capacity)
    in_, out, dropped, waiting = run.counts
    assert (in_, waiting) == (n, 0)  # all were taken before the reader took any
    assert in_ == out + dropped and dropped > 0
    numbers = run.numbers
    assert len(numbers) == out
    assert (np.diff(numbers) > 0).all()
    # The newest, behind what GNU Radio's buffer of 64 KiB took before it was full.
    assert np.array_equal(numbers[-capacity:], np.arange(n - capacity, n))
    assert len(numbers) - capacity < 2**16 / (8 * FRAME_LEN)


@pytest.mark.parametrize("hop", [0, 16, 200])
@pytest.mark.parametrize("tagged", [True, False])
def test_samples_stay_known_across_drops(hop, tagged):
    step, first = hop or FRAME_LEN, 1000 if tagged else 0
    tags = [tag(0, "frame_start", pmt.from_uint64(first))] if tagged else []
    run = overrun(20_000, 50, tags=tags, hop=hop)
    assert run.counts[2] > 0
    numbers = run.numbers
    assert run.starts(step) == (first + step * numbers).tolist()
    drops = np.flatnonzero(np.diff(numbers, prepend=-1) > 1).tolist()
    assert sorted(run.tags("frame_start")) == sorted({*drops, *([0] if tagged else [])})


def test_samples_stay_known_across_gaps_and_drops():
    gaps = {100 * k: 7 * k for k in range(200)}  # samples that the framer left out so far
    starts = np.arange(20_000) * FRAME_LEN + 7 * (np.arange(20_000) // 100)
    tags = [tag(k, "frame_start", pmt.from_uint64(int(starts[k]))) for k in gaps]
    run = overrun(20_000, 350, tags=tags)
    assert run.counts[2] > 0
    assert run.starts(FRAME_LEN) == starts[run.numbers].tolist()


@pytest.mark.parametrize("rate", [pmt.from_double(1e6), pmt.from_uint64(1_000_000), None])
def test_what_the_radio_said_stays_true_across_drops(rate):
    n, hop = 20_100, FRAME_LEN
    tags = [tag(0, "rx_rate", rate)] if rate else []
    for frame in range(0, n, 300):
        whole, rest = divmod(frame * hop, 10**6)
        now = pmt.make_tuple(pmt.from_uint64(10**9 + whole), pmt.from_double(rest / 1e6))
        tags += [tag(frame, "rx_time", now), tag(frame, "rx_freq", pmt.from_long(frame))]
    run = overrun(n, 200, tags=tags)
    numbers = run.numbers
    said = numbers // 300 * 300  # the latest frame with tags
    news = said > np.concatenate([[-1], numbers[:-1]])  # since the last frame that came out
    moved = news & (said < numbers)
    assert moved.any()
    frequencies = {k: pmt.to_long(value) for k, value in run.tags("rx_freq").items()}
    assert frequencies == {k: said[k] for k in np.flatnonzero(news)}
    times = run.tags("rx_time")
    assert sorted(times) == np.flatnonzero(news if rate else news & ~moved).tolist()
    for frame, value in times.items():
        assert pmt.to_uint64(pmt.tuple_ref(value, 0)) == 10**9 + numbers[frame] * hop // 10**6
        fraction = pmt.to_double(pmt.tuple_ref(value, 1))
        assert fraction == pytest.approx(numbers[frame] * hop / 1e6 % 1, abs=1e-9)


@pytest.mark.parametrize("overload", ["block", "drop"])
def test_all_ends_when_the_reader_does(overload):
    run = Run(1000, 16, overload, repeat=True)
    head = blocks.head(gr.sizeof_gr_complex * FRAME_LEN, 5000)
    run.top.disconnect(run.gate, run.sink)
    run.top.connect(run.gate, head, run.sink)
    run.top.run()
    assert len(run.numbers) == 5000
    until(lambda: not run.threads)  # the kernel lists them a little longer


@pytest.mark.parametrize("overload", ["block", "drop"])
@pytest.mark.parametrize("is_open", [True, False])
def test_stop_leaves_no_thread(overload, is_open):
    # The reader waits for frames, or the writer for room.
    run = Run(1000, 16, overload, lambda: is_open, repeat=True)
    if is_open:
        closed = gate(lambda: False)
        run.top.disconnect(run.source, run.queue)
        run.top.connect(run.source, closed, run.queue)
    run.top.start()
    until(lambda: len(run.threads) == 2)
    if not is_open:
        run.until_full()
    run.top.stop()
    run.top.wait()
    until(lambda: not run.threads)  # the kernel lists them a little longer
    in_, out, dropped, waiting = run.counts
    assert in_ == out + dropped + waiting


def test_what_waits_over_lock_and_unlock_comes_out():
    n = 5000
    ready = threading.Event()
    run = Run(n, 10, "block", ready.is_set)
    run.top.start()
    for _ in range(5):
        run.until_full()
        run.top.lock()
        run.top.unlock()
        until(lambda: len(run.threads) == 2)
    run.until_full()
    ready.set()
    run.top.wait()
    # With unlock() GNU Radio empties its own buffers, before and behind the queue; from then on nothing is lost.
    numbers = run.numbers
    assert len(numbers) > n // 2
    assert numbers[-1] == n - 1 and (np.diff(numbers) > 0).all()
    in_, out, dropped, waiting = run.counts
    assert in_ == out == len(numbers) and (dropped, waiting) == (0, 0)
    assert (np.diff(run.starts(FRAME_LEN)) == FRAME_LEN).all()
    until(lambda: not run.threads)


@pytest.mark.parametrize("overload", ["block", "drop"])
def test_what_waits_at_stop_comes_out_in_the_next_run(overload):
    run = Run(1000, 16, overload, lambda: False, repeat=True)
    run.top.start()
    run.until_full()
    run.top.stop()
    run.top.wait()
    *_, left = run.counts
    run.source.set_repeat(False)
    run.source.rewind()
    run.gate.is_open = lambda: True
    run.top.run()
    in_, out, dropped, waiting = run.counts
    assert (in_, out + dropped, waiting) == (left + 1000, left + 1000, 0)
    assert run.numbers[-1] == 999 and len(run.numbers) == out
    if overload == "block":
        assert dropped == 0
        assert np.array_equal(run.numbers[left:], np.arange(1000))
        # The samples count on: those behind the queue were lost with GNU Radio's buffers.
        starts = np.array(run.starts(FRAME_LEN))
        assert (np.diff(starts) == FRAME_LEN).all() and starts[0] > 0
    until(lambda: not run.threads)


def test_status_counts_what_was_dropped():
    n = 20_000
    deadline = time.monotonic() + PATIENCE
    run = Run(n, 32, "drop", lambda: run.counts[0] >= n or time.monotonic() > deadline)
    log = message_log("status")
    run.top.msg_connect((run.queue, "status"), (log, "status"))
    run.top.run()
    last = log["status"][-1]
    in_, _, dropped, _ = run.counts
    assert (last["frames_queued"], last["frames_overrun"]) == (in_, dropped)
    assert 0 <= last["frames_waiting"] <= 32


@pytest.mark.parametrize(
    "arguments, error",
    [
        ((0,), "frame_len is 0, expected at least 1"),
        ((128, 0), "capacity is 0, expected at least 1"),
        ((128, 8, "lose"), "overload is 'lose', expected one of block, drop"),
        ((128, 8, "drop", -1), "hop is -1, expected at least 0"),
    ],
)
def test_bad_parameters(arguments, error):
    with pytest.raises(ValueError, match=error):
        sr2cnn.frame_queue(*arguments)


# -- in the recognizer --------------------------------------------------------------------


class LiveRun:
    """Numbered frames through a live recognizer, in place of whose network a function decides.

    Frame k is of class k % 2, so that each frame has a label of its own.
    """

    def __init__(self, model, samples, before_encoding, repeat=False, **parameters):
        self._others = block_threads()
        self.recognizer = sr2cnn.recognizer(
            str(model), device="cpu", live=True, condition=False, **parameters
        )
        self.source = blocks.vector_source_c(samples, repeat)
        self.log = message_log("labels", "status")
        self.numbers = []
        bundle = self.recognizer.encoder.bundle

        def encode(frames, batch_size):
            before_encoding()
            numbers = frames[:, 0].real.astype(int)
            self.numbers += numbers.tolist()
            return bundle.centers[numbers % 2].astype(np.float32)

        bundle.encode = encode
        self.top = gr.top_block()
        self.top.connect(self.source, self.recognizer)
        sr2cnn.connect_events(self.top, self.recognizer, self.log)

    @property
    def threads(self):
        return block_threads() - self._others

    @property
    def queued(self):
        return self.recognizer.queue.count().frames_in


@pytest.mark.parametrize("hop", [128, 200])
def test_slow_encoder_of_a_live_recognizer(tiny_bundle, hop):
    n, capacity, deadline = 5000, 100, time.monotonic() + PATIENCE
    samples = np.repeat(np.arange(n), hop).astype(np.complex64)
    samples[1000 * hop] = np.nan  # one frame is skipped

    def until_all_is_queued():
        while run.queued < n - 1 and time.monotonic() < deadline:
            time.sleep(0.01)

    run = LiveRun(tiny_bundle, samples, until_all_is_queued, hop=hop, queue_frames=capacity, batch_size=16)
    run.top.run()
    assert run.queued == run.recognizer.frames == n - 1  # the source never waited
    last = run.log["status"][-1]
    assert last["frames_in"] == n == last["frames_out"] + last["frames_dropped"]
    assert last["frames_out"] == len(run.numbers) < n
    assert last["frames_dropped"] == last["frames_skipped"] + last["frames_overrun"]
    assert last["frames_skipped"] == 1
    for status in run.log["status"]:
        assert status["frames_in"] >= status["frames_out"] + status["frames_dropped"]
    # Labels are of the frames that were encoded, at their samples, up to the newest.
    expected = [(hop * k, 1, k % 2) for k in run.numbers]
    labels = [(m["start_sample"], m["n_frames"], m["class_id"]) for m in run.log["labels"]]
    assert labels == expected
    assert labels[-1][0] == (n - 1) * hop
    assert run.numbers[-capacity:] == list(range(n - capacity, n))
    # Besides them no more than the buffer before the encoder holds: GNU Radio's 64 KiB.
    assert len(run.numbers) - capacity <= 2**16 / (8 * 128)


def test_live_without_load_drops_nothing(tiny_bundle):
    n = 500
    run = LiveRun(
        tiny_bundle, np.repeat(np.arange(n), 128).astype(np.complex64), lambda: None, queue_frames=n
    )
    run.top.run()
    last = run.log["status"][-1]
    assert (last["frames_in"], last["frames_out"], last["frames_dropped"]) == (n, n, 0)
    assert run.numbers == list(range(n))
    assert [m["start_sample"] for m in run.log["labels"]] == [128 * k for k in range(n)]


def test_status_comes_while_the_network_is_busy(tiny_bundle):
    deadline = time.monotonic() + PATIENCE

    def busy():  # until a second status told of drops
        while len(told()) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)

    def told():
        return [status for status in run.log["status"] if status.get("frames_overrun", 0) > 0]

    samples = np.repeat(np.arange(1000), 128).astype(np.complex64)
    run = LiveRun(tiny_bundle, samples, busy, repeat=True, queue_frames=50, batch_size=16)
    run.top.start()
    until(lambda: len(told()) >= 2)
    run.top.stop()
    run.top.wait()
    first, second = told()[:2]
    assert first["frames_out"] == second["frames_out"] == 0
    assert second["frames_in"] > first["frames_in"]
    assert second["frames_dropped"] > first["frames_dropped"]
    until(lambda: not run.threads)


def test_a_second_live_run_has_counts_of_its_own(tiny_bundle):
    n = 500
    run = LiveRun(tiny_bundle, np.repeat(np.arange(n), 128).astype(np.complex64), lambda: None)
    for _ in range(2):
        run.source.rewind()
        run.top.run()
        last = run.log["status"][-1]
        assert last["frames_in"] == n == last["frames_out"] + last["frames_dropped"]
    assert run.log["labels"][-1]["start_sample"] == 128 * (2 * n - 1)  # the samples count on
    until(lambda: not run.threads)


def test_only_a_live_recognizer_of_frames_has_a_queue(tiny_bundle):
    options = dict(model=str(tiny_bundle), device="cpu")
    assert sr2cnn.recognizer(**options, condition=False).queue is None
    assert sr2cnn.recognizer(**options, live=True).queue is None  # emissions wait, not frames
    assert sr2cnn.recognizer(**options, condition=False, live=True).queue
    with pytest.raises(ValueError, match="capacity is 0, expected at least 1"):
        sr2cnn.recognizer(**options, condition=False, live=True, queue_frames=0)
