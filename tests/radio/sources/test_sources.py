# SPDX-License-Identifier: GPL-3.0-or-later
"""Sources of samples: what is said of them, and radios that go away."""

import contextlib
import gc
import json
import math
import os
import threading
import time

import numpy as np
import pmt
import pytest
import zmq

pytest.importorskip("gnuradio")

from gnuradio import blocks, gr, sr2cnn, zeromq
from gnuradio.sr2cnn.sources import reopening_source as reopening
from gnuradio.sr2cnn.sources import supervision
from gnuradio.sr2cnn.sources.address import KINDS, Address, connectable
from gnuradio.sr2cnn.sources.pacer import pacer
from gnuradio.sr2cnn.sources.radio import open_source
from gnuradio.sr2cnn.sources.raw_source import raw_source
from gnuradio.sr2cnn.sources.supervision import LATE, MOST_WAITING, Backoff, Supervisor
from hypothesis import example, given
from hypothesis import strategies as st
from message_log import message_log
from sr2cnn_learn.recordings import DATATYPES, open_recording
from waiting import until

RATE = 1e6
LONGEST = 60  # seconds until a test gives up


class Radio(gr.sync_block):
    """Gives these samples, then does what the name of its end says."""

    def __init__(self, samples, end):
        gr.sync_block.__init__(self, "Radio", in_sig=None, out_sig=[np.complex64])
        self.samples = samples
        self.end = end

    def work(self, input_items, output_items):
        n = min(len(self.samples), len(output_items[0]))
        if n:
            output_items[0][:n] = self.samples[:n]
            self.samples = self.samples[n:]
            return n
        if self.end == "ends":
            return -1
        if self.end == "raises":
            raise RuntimeError("the cable was pulled")
        time.sleep(1000 if self.end == "hangs" else 0.02)
        return 0


class Radios:
    """What makes one radio after the other, each with its part of the samples; each second time it fails."""

    def __init__(self, samples, n_parts, end, last="is silent"):
        self.parts = np.array_split(samples, n_parts)
        self.ends = [end] * (n_parts - 1) + [last]
        self.calls = 0
        self.made = []

    def __call__(self, freq):
        self.calls += 1
        if self.calls % 2 == 0:
            raise OSError("no such device")
        k = min(len(self.made), len(self.parts) - 1)
        self.made.append(Radio(self.parts[k], self.ends[k]))
        return self.made[-1], RATE


def run_until(top_block, reached):
    top_block.start()
    until(reached)
    top_block.stop()
    top_block.wait()


# -- a radio that goes away, in a flowgraph -------------------------------------------------------------


@pytest.mark.parametrize("end", ["ends", "raises", "is silent", "hangs"])
def test_a_radio_that_goes_away_is_opened_again(
    end, tmp_path, tiny_bundle, mixed_samples, monkeypatch, flowgraphs
):
    monkeypatch.setattr(reopening, "PATIENCE", 0.3)
    radios, reports = Radios(mixed_samples, 3, end), []
    source = reopening.reopening_source(
        "test:", radios, 868e6, reports.append, patience=0.5, backoff=Backoff(0.02, 0.1)
    )
    chain = sr2cnn.recognizer(str(tiny_bundle), live=True, condition=False)
    path = tmp_path / "events.jsonl"
    sink, iq = sr2cnn.event_sink(str(path)), blocks.vector_sink_c()
    top_block = gr.top_block()
    top_block.connect(source, chain)
    top_block.connect(source, iq)
    sr2cnn.connect_events(top_block, chain, sink)
    sr2cnn.connect_events(top_block, source, sink)
    parts = [len(part) for part in radios.parts]
    n_frames = sum(n // 128 for n in parts)
    judged = chain.discriminator
    run_until(top_block, lambda: judged.frames() == n_frames and len(iq.data()) == len(mixed_samples))

    assert np.array_equal(iq.data(), mixed_samples)
    begins = [0, parts[0], parts[0] + parts[1]]
    times = [tag.offset for tag in iq.tags() if pmt.symbol_to_string(tag.key) == "rx_time"]
    assert times == begins
    events = [json.loads(line) for line in path.read_text().splitlines()]
    gaps = [event for event in events if event["event"] == "gap"][:2]  # the third is that at the end
    assert [gap["start_sample"] for gap in gaps] == begins[1:]
    for gap in gaps:
        assert gap["source"] == "test:" and gap["seconds"] > 0 and gap["reason"]
        assert abs(gap["begin"] - time.time()) < 1000
    labels = [event for event in events if event["event"] == "label"]
    assert sum(label["n_frames"] for label in labels) == n_frames
    for label in labels:  # no frame, and no run, spans a gap
        first, behind = label["start_sample"], label["start_sample"] + label["n_samples"]
        assert sum(begin <= first for begin in begins) == sum(begin < behind for begin in begins)
        assert label["rx_freq"] == 868e6 and label["sample_rate"] == RATE
    assert any("samples again" in line for line in reports)
    assert any("no such device" in line for line in reports)
    assert all(gap["rx_freq"] == 868e6 for gap in gaps)
    if end == "hangs":
        assert any("left behind" in line for line in reports)
        for left in reopening._hung:
            flowgraphs.remove(left)


def test_discovered_classes_live_on(tiny_bundle, mixed_samples):
    """What is announced as new after a gap was not there before."""
    radios = Radios(np.tile(mixed_samples, 2), 2, "ends")
    source = reopening.reopening_source("test:", radios, report=print, backoff=Backoff(0.02, 0.1))
    chain, novel = sr2cnn.recognizer(str(tiny_bundle), condition=False), message_log("novel")
    top_block = gr.top_block()
    top_block.connect(source, chain)
    top_block.msg_connect((chain, "novel"), (novel, "novel"))
    run_until(top_block, lambda: chain.frames == 2 * (len(mixed_samples) // 128))
    ids = [message["class_id"] for message in novel["novel"]]
    assert ids and len(set(ids)) == len(ids)


def test_a_gap_at_the_end_is_told(tmp_path):
    radios = Radios(np.ones(1000, np.complex64), 1, None, last="ends")
    source = reopening.reopening_source("test:", radios, report=print, backoff=Backoff(20, 20))
    sink, null = sr2cnn.event_sink(str(tmp_path / "events")), blocks.null_sink(8)
    top_block = gr.top_block()
    top_block.connect(source, null)
    sr2cnn.connect_events(top_block, source, sink)
    run_until(top_block, lambda: source.samples == 1000 and source._supervisor._reason)
    (gap,) = map(json.loads, (tmp_path / "events").read_text().splitlines())
    assert (gap["event"], gap["reason"], gap["start_sample"]) == ("gap", "it ended", 1000)


def test_a_flowgraph_starts_again(mixed_samples):
    radios = Radios(mixed_samples, 1, None)
    source, iq = reopening.reopening_source("test:", radios, report=print), blocks.vector_sink_c()
    top_block = gr.top_block()
    top_block.connect(source, iq)
    for _ in range(2):
        iq.reset()
        run_until(top_block, lambda: len(iq.data()) == len(mixed_samples))
        assert np.array_equal(iq.data(), mixed_samples)
        radios.made.clear()
        radios.calls = 0


def test_a_device_is_free_when_it_is_opened_again():
    """GNU Radio's file descriptor source closes its file when the last reference to it is gone."""
    reader, writer = os.pipe()
    os.close(writer)
    opened, closed = [], []

    def make(freq):
        gc.collect()
        for descriptor in opened:
            with pytest.raises(OSError):
                os.fstat(descriptor)
            closed.append(descriptor)
        opened[:] = [os.dup(reader)]
        return blocks.file_descriptor_source(gr.sizeof_gr_complex, opened[0]), RATE

    source = reopening.reopening_source("test:", make, report=print, backoff=Backoff(0.02, 0.1))
    null = blocks.null_sink(gr.sizeof_gr_complex)
    top_block = gr.top_block()
    top_block.connect(source, null)
    run_until(top_block, lambda: len(closed) >= 2)
    os.close(reader)


def test_a_zmq_publisher_that_goes_away_and_comes_back():
    def publisher(address):
        top_block = gr.top_block()
        parts = blocks.null_source(8), pacer(RATE), zeromq.pub_sink(8, 1, address)
        top_block.connect(*parts)
        top_block.parts = parts
        return top_block

    first = publisher("tcp://127.0.0.1:*")
    address = Address.parse("zmq:" + first.parts[2].last_endpoint())
    reports = []
    source = reopening.reopening_source(
        str(address), lambda freq: open_source(address, RATE), None, reports.append, patience=0.5
    )
    sink, null = blocks.message_debug(), blocks.null_sink(8)
    top_block = gr.top_block()
    top_block.connect(source, null)
    top_block.msg_connect((source, "gap"), (sink, "store"))
    top_block.start()
    first.start()

    until(lambda: source.samples > 1000)
    first.stop()
    first.wait()
    first.disconnect_all()
    del first  # its socket, and with it the port
    gc.collect()
    until(lambda: any("no samples" in line for line in reports))
    second = publisher(address.argument)
    second.start()
    until(lambda: sink.num_messages() == 1)
    gap = pmt.to_python(sink.get_message(0))
    second.stop()
    second.wait()
    top_block.stop()
    top_block.wait()
    assert gap["source"] == str(address) and gap["reason"] == "no samples for 0.5 s"


def test_a_source_whose_thread_died_is_opened_again_at_once(mixed_samples):
    """Not only after the time without samples that tells of silence."""
    radios, reports = Radios(mixed_samples, 3, "raises"), []
    source = reopening.reopening_source(
        "test:", radios, None, reports.append, patience=1e6, backoff=Backoff(0.01, 0.01)
    )
    iq, top_block = blocks.vector_sink_c(), gr.top_block()
    top_block.connect(source, iq)
    run_until(top_block, lambda: len(iq.data()) == len(mixed_samples))
    assert np.array_equal(iq.data(), mixed_samples)
    assert "test:: it ended; opening it again" in reports


@pytest.mark.parametrize("length", [3, 13, 14, 15, 16, 17, 40])
def test_a_block_s_thread_is_known_by_its_name(length):
    """Whatever the length of its name and number: GNU Radio shortens the one, Linux the other."""
    for _ in range(12):

        class named(gr.sync_block):
            def __init__(self):
                name = "a long name of a block that says a lot"[:length]
                gr.sync_block.__init__(self, name, None, [np.complex64])

            def work(self, input_items, output_items):
                return 0

        block, top_block = named(), gr.top_block()
        top_block.connect(block, blocks.null_sink(8))
        top_block.start()
        assert reopening._thread_name(block) in reopening._thread_names()
        top_block.stop()
        top_block.wait()


@contextlib.contextmanager
def heard(endpoint, reports):
    """What a running flowgraph takes from a publisher: its source and its sink."""
    address = Address.parse(f"zmq:{endpoint}")
    made = []

    def make(freq):
        made.append(open_source(address, RATE, report=reports.append))
        return made[-1]

    source = reopening.reopening_source(str(address), make, None, reports.append, patience=1e6)
    iq, top_block = blocks.vector_sink_c(), gr.top_block()
    top_block.connect(source, iq)
    top_block.start()
    try:
        yield made[0].block, iq
    finally:
        top_block.stop()
        top_block.wait()


def test_messages_that_are_no_samples_are_left_out(mixed_samples):
    good = mixed_samples[:3000]
    hostile = [
        [b"123"],
        [b""],
        [b"x" * 8001],
        [b"a", b"b", good.tobytes()],
        [good.tobytes(), b"1234567"],
        [b"key", b""],
    ]
    reports = []
    with zmq.Context() as context, context.socket(zmq.PUB) as publisher:
        publisher.linger = 0
        publisher.bind("tcp://127.0.0.1:*")
        with heard(publisher.getsockopt_string(zmq.LAST_ENDPOINT), reports) as (source, iq):

            def subscribed():
                publisher.send(bytes(8))
                return len(iq.data())

            until(subscribed)
            before = until(lambda: len(iq.data()), steady=0.3)
            for message in hostile:
                publisher.send_multipart(message)
                publisher.send(good.tobytes())
                publisher.send_multipart([b"key", good.tobytes()])
            n = 2 * len(good) * len(hostile)
            until(lambda: len(iq.data()) >= before + n)
            assert np.array_equal(iq.data()[before:], np.tile(good, 2 * len(hostile)))
            assert source.left_out == len(hostile)
    left_out = [line for line in reports if "left out" in line]
    assert len(left_out) == 1 and "a message of 3 bytes" in left_out[0]
    assert not any("opening it again" in line for line in reports)


def test_a_publisher_of_messages_too_long_is_cut_off_and_comes_back(monkeypatch):
    monkeypatch.setattr("gnuradio.sr2cnn.sources.zmq_samples.LARGEST", 1000)
    with zmq.Context() as context, context.socket(zmq.PUB) as publisher:
        publisher.linger = 0
        publisher.bind("tcp://127.0.0.1:*")
        with heard(publisher.getsockopt_string(zmq.LAST_ENDPOINT), []) as (source, iq):

            def more():
                publisher.send(bytes(8))
                return len(iq.data()) > before

            for _ in range(2):
                before = len(iq.data())
                until(more)
                publisher.send(bytes(8000))
            assert len(iq.data()) < 1000 and source.left_out == 0


@pytest.mark.parametrize("key, pass_tags", [("", False), ("radio", False), ("", True)])
def test_gnu_radios_publisher(key, pass_tags):
    """With a key; with tags, which are no samples, and said so."""
    tags = [gr.tag_utils.python_to_tag((0, pmt.intern("rx_freq"), pmt.from_double(1e6), pmt.PMT_F))]
    values = np.arange(1000) + 1j
    source = blocks.vector_source_c(values, True, 1, tags)
    sink, top_block = zeromq.pub_sink(8, 1, "tcp://127.0.0.1:*", 100, pass_tags, -1, key), gr.top_block()
    throttle = blocks.throttle(8, 1e5)
    top_block.connect(source, throttle, sink)
    reports = []
    with heard(sink.last_endpoint(), reports) as (heard_from, iq):
        top_block.start()
        try:
            if pass_tags:
                until(lambda: heard_from.left_out > 3)
                assert not iq.data() and "Pass Tags" in reports[0]
            else:
                until(lambda: len(iq.data()) > 5000)
                got = np.array(iq.data()[:5000])
                assert np.array_equal(got, np.resize(np.roll(values, -int(got[0].real)), 5000))
                assert heard_from.left_out == 0
        finally:
            top_block.stop()
            top_block.wait()


# -- its logic, without GNU Radio -----------------------------------------------------------------------


def test_backoff_doubles():
    backoff = Backoff()
    waits = [backoff.next() for _ in range(9)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    backoff.reset()
    assert backoff.next() == 0.5


class Session:
    """Of a supervisor: puts so many samples at once, then is over."""

    sample_rate = RATE

    def __init__(self, n):
        self.n = n
        self.taken = None
        self.ended = False
        self.closed = 0

    def start(self, put):
        threading.Thread(target=self._run, args=(put,), daemon=True).start()

    def _run(self, put):
        self.taken = put(np.full(self.n, self.n, np.complex64), [])
        self.ended = True

    def close(self):
        self.closed += 1
        return True


def take_all(supervisor, n):
    chunks = []
    while sum(len(chunk.samples) for chunk in chunks) < n:
        chunk = supervisor.take(LONGEST)
        assert chunk is not None
        chunks.append(chunk)
    return chunks


def test_supervisor_marks_each_opening():
    sessions = []

    def open_session(freq):
        sessions.append(Session(10 * (len(sessions) + 1)))
        return sessions[-1]

    reports = []
    supervisor = Supervisor("s", open_session, reports.append, backoff=Backoff(0.01, 0.01))
    supervisor.start()
    chunks = take_all(supervisor, 30)
    supervisor.stop()
    assert [len(chunk.samples) for chunk in chunks] == [10, 20]
    assert all(chunk.began is not None for chunk in chunks)
    assert chunks[0].gap is None and chunks[1].gap.reason == "it ended"
    assert reports[0] == "s: it ended; opening it again"
    assert reports[1].startswith("s: samples again after")
    assert all(session.closed == 1 for session in sessions[:-1])


class Tuned(Session):
    """Of a supervisor: gives the frequency that it is tuned to, as samples, until its end."""

    def __init__(self, freq):
        super().__init__(100)
        self.freq = freq

    def tune(self, freq):
        if freq < 0:
            raise ValueError("no such frequency")
        self.freq = freq

    def _run(self, put):
        while put(np.full(self.n, self.freq, np.complex64), []):
            time.sleep(0.002)


def test_a_supervisor_tunes(monkeypatch):
    """Samples of a new frequency come behind a gap, and the next session begins with it."""
    monkeypatch.setattr(supervision, "SETTLING", 0.05)
    sessions, reports = [], []

    def open_session(freq):
        sessions.append(Tuned(freq))
        return sessions[-1]

    supervisor = Supervisor("s", open_session, reports.append, backoff=Backoff(0.01, 0.01), freq=1.0)
    supervisor.start()

    def next_gap():
        while not (chunk := supervisor.take(LONGEST)).gap:
            assert chunk.freq == chunk.samples[0].real
        assert chunk.freq == chunk.samples[0].real and chunk.began
        return chunk

    supervisor.tune(2.0)
    chunk = next_gap()
    assert (chunk.freq, chunk.gap.reason) == (2.0, "tuned to 2 Hz") and chunk.gap.seconds > 0
    sessions[-1].ended = True
    chunk = next_gap()
    assert (chunk.freq, chunk.gap.reason) == (2.0, "it ended") and len(sessions) == 2
    supervisor.tune(-1.0)
    assert next_gap().freq == 2.0  # it goes on as it was
    supervisor.stop()
    assert [line for line in reports if "tuned" in line] == [
        "s: tuned to 2 Hz",
        "s: not tuned to -1 Hz: no such frequency",
    ]


@pytest.mark.parametrize("a_while, n_resets", [(LONGEST, 0), (0.05, 1)])
def test_one_that_was_there_for_a_while_is_not_waited_for_longer(a_while, n_resets, monkeypatch):
    monkeypatch.setattr(supervision, "A_WHILE", a_while)
    first, second = Session(1), Session(2)

    def run(put):
        assert put(np.ones(1, np.complex64), [])
        time.sleep(0.1)
        assert put(np.ones(1, np.complex64), [])
        first.ended = True

    first._run = run
    sessions, backoff, resets = iter([first, second]), Backoff(0.01, 0.01), []
    monkeypatch.setattr(backoff, "reset", lambda: resets.append(1))
    supervisor = Supervisor("s", lambda freq: next(sessions), print, patience=LONGEST, backoff=backoff)
    supervisor.start()
    take_all(supervisor, 4)
    assert len(resets) == n_resets
    supervisor.stop()


def test_a_source_never_waits():
    """Where nobody takes its samples it goes on; what is lost makes a gap."""
    n = int(MOST_WAITING * RATE) // 4
    session, reports, done = Session(0), [], threading.Event()

    def run(put):
        for k in range(6):  # two too many
            assert put(np.full(n, k, np.complex64), [])
        done.set()
        while not session.ended:
            assert put(np.full(5, 7, np.complex64), [])
            time.sleep(0.01)

    session._run = run
    supervisor = Supervisor("s", lambda freq: session, reports.append)
    supervisor.start()
    assert done.wait(LONGEST)
    chunks = take_all(supervisor, 4 * n + 5)
    session.ended = True
    supervisor.stop()
    assert [chunk.samples[0] for chunk in chunks[:5]] == [0, 1, 2, 3, 7]
    assert [chunk.gap for chunk in chunks[:4]] == [None] * 4
    assert chunks[4].gap.reason == LATE and chunks[4].began
    assert reports[0] == f"s: {LATE}; samples are lost"


def test_what_a_closed_source_still_gives_is_refused():
    late = threading.Event()
    first, second = Session(1), Session(2)

    def run(put):
        first.ended = True
        late.wait(LONGEST)
        first.taken = put(np.ones(1, np.complex64), [])
        late.clear()

    first._run = run
    sessions = iter([first, second])
    supervisor = Supervisor(
        "s", lambda freq: next(sessions), print, patience=LONGEST, backoff=Backoff(0.01, 0.01)
    )
    supervisor.start()
    assert len(supervisor.take(LONGEST).samples) == 2
    late.set()
    while late.is_set():
        time.sleep(0.01)
    assert first.taken is False and supervisor.take(0) is None
    supervisor.stop()


def test_the_first_failure_to_open_is_the_callers():
    def fail(freq):
        raise OSError("no such device")

    with pytest.raises(OSError, match="no such device"):
        Supervisor("s", fail, print)


# -- real constructors ----------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["soapy:driver=rtlsdr", "soapy:driver=null", "uhd:type=b200"])
def test_a_device_that_is_not_there(source):
    pytest.importorskip(f"gnuradio.{source.partition(':')[0]}")
    with pytest.raises(OSError) as caught:
        open_source(Address.parse(source), 1e6, 868e6, 30)
    assert str(caught.value).startswith(f"{source}: ") and "\n" not in str(caught.value)


def test_osmosdr(tmp_path, mixed_samples):
    """gr-osmosdr's own file source, where it is installed; else one line that says it is not."""
    path = tmp_path / "samples.cf32"
    mixed_samples.tofile(path)
    address = Address.parse(f"osmosdr:file={path},rate=1e6,repeat=false,throttle=false")
    try:
        import osmosdr  # noqa: F401
    except ImportError:
        with pytest.raises(OSError, match="osmosdr.* not installed"):
            open_source(address, 1e6, 0.0)
        return
    source, rate, *_ = open_source(address, 1e6, 0.0)
    iq = blocks.vector_sink_c()
    top_block = gr.top_block()
    top_block.connect(source, iq)
    top_block.run()
    assert rate == 1e6 and np.array_equal(iq.data(), mixed_samples)


# -- what is said of a source ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, kind, argument",
    [
        ("soapy:driver=rtlsdr,serial=00000001", "soapy", "driver=rtlsdr,serial=00000001"),
        ("uhd:", "uhd", ""),
        ("uhd:type=b200,num_recv_frames=1000", "uhd", "type=b200,num_recv_frames=1000"),
        ("osmosdr:rtl=0", "osmosdr", "rtl=0"),
        ("zmq:tcp://localhost:5555", "zmq", "tcp://127.0.0.1:5555"),
        ("zmq:5555", "zmq", "tcp://127.0.0.1:5555"),
        ("file:a:b.cf32", "file", "a:b.cf32"),
        ("stdin:", "stdin", "cf32"),
        ("stdin:ci16_be", "stdin", "ci16_be"),
    ],
)
def test_addresses(text, kind, argument):
    address = Address.parse(text)
    assert (address.kind, address.argument) == (kind, argument)
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    ["", "soapy", "soapy:", "soapy:rtlsdr", "soapy:=x", "rtl:0", "X.sigmf-meta", "file:", "file:a\nb", "zmq:"]
    + ["zmq:tcp://*:5555", "zmq:tcp://h:0", "zmq:http://h:1", "stdin:cf16", "stdin:wav", " file:x"],
)
def test_addresses_that_are_none(text):
    with pytest.raises(ValueError):
        Address.parse(text)


@given(st.one_of(st.text(), st.builds("{}:{}".format, st.sampled_from(KINDS), st.text())))
@example("zmq:\U00010000")
@example("stdin:cf٣٢")
def test_any_text_is_an_address_or_refused(text):
    try:
        address = Address.parse(text)
    except ValueError as error:
        assert str(error) and "\n" not in str(error)
    else:
        assert Address.parse(str(address)) == address


def test_connectable():
    assert connectable("5555") == "tcp://127.0.0.1:5555"
    with pytest.raises(ValueError, match="publisher"):
        connectable("tcp://*:5555")


@pytest.mark.parametrize(
    "source, tuning, words",
    [
        ("soapy:driver=x", (None, 1e6, None), "--rate"),
        ("soapy:driver=x", (1e6, None, None), "--freq"),
        ("soapy:driver=x", (0.0, 1e6, None), "0 Hz"),
        ("soapy:driver=x", (-1.0, 1e6, None), "-1 Hz"),
        ("soapy:driver=x", (math.inf, 1e6, None), "inf Hz"),
        ("soapy:driver=x", (math.nan, 1e6, None), "nan Hz"),
        ("soapy:driver=x", (1e6, -1.0, None), "freq"),
        ("soapy:driver=x", (1e6, 1e6, math.nan), "gain"),
        ("stdin:cf32", (None, None, None), "--rate"),
        ("zmq:5555", (None, None, None), "--rate"),
        ("zmq:5555", (1e6, None, 30.0), "gain"),
    ],
)
def test_tuning_that_is_none(source, tuning, words):
    with pytest.raises(ValueError, match=words):
        Address.parse(source).check_tuning(*tuning)


def test_tuning():
    Address.parse("soapy:driver=x").check_tuning(1e6, 0.0, None)
    Address.parse("soapy:driver=x").check_tuning(1e6, 1e9, -3.0)
    Address.parse("zmq:5555").check_tuning(1e6, 868e6, None)
    Address.parse("file:x").check_tuning(None, None, None)
    Address.parse("file:x").check_tuning(None, 868e6, None)


# -- pipes and pacing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("datatype", DATATYPES)
def test_raw_samples_are_those_of_a_recording(datatype, tmp_path):
    path = tmp_path / "samples"
    rng = np.random.default_rng(1)
    data = rng.normal(size=2000).astype("<" + datatype[1:2] + str(int(datatype[2:]) // 8)).tobytes()
    path.write_bytes(data + b"\x01")
    expected = open_recording(path, datatype).samples()
    reader, writer = os.pipe()
    source, iq = raw_source(datatype, 1e6, 868e6, reader), blocks.vector_sink_c()
    top_block = gr.top_block()
    top_block.connect(source, iq)
    top_block.start()
    for k in range(0, len(data) + 1, 333):  # no whole samples
        os.write(writer, (data + b"\x01")[k : k + 333])
    os.close(writer)
    top_block.wait()
    os.close(reader)
    assert np.array_equal(iq.data(), expected) and source.samples == len(expected)
    assert source.trailing_bytes == 1
    assert {pmt.symbol_to_string(tag.key): pmt.to_python(tag.value) for tag in iq.tags()} == {
        "rx_rate": 1e6,
        "rx_freq": 868e6,
    }


def test_a_pipe_without_samples_does_not_keep_a_flowgraph():
    reader, writer = os.pipe()
    source, null = raw_source("cf32", descriptor=reader), blocks.null_sink(8)
    top_block = gr.top_block()
    top_block.connect(source, null)
    top_block.start()
    top_block.stop()
    top_block.wait()
    os.close(writer)
    os.close(reader)
    assert source.samples == 0


def test_pacer(mixed_samples):
    source, pace, iq = blocks.vector_source_c(mixed_samples), pacer(1e6), blocks.vector_sink_c()
    top_block = gr.top_block()
    top_block.connect(source, pace, iq)
    began = time.monotonic()
    top_block.run()
    assert time.monotonic() - began >= len(mixed_samples) / 1e6  # none before its time
    assert np.array_equal(iq.data(), mixed_samples)


@pytest.mark.parametrize("n", range(410, 2000, 60))
def test_a_pacer_passes_the_end_of_a_stream_whatever_its_length(n):
    """GNU Radio asks for half of what there is, at times: the pacer is not to wait for more."""
    source, pace, iq = blocks.vector_source_c(np.ones(n)), pacer(1e5), blocks.vector_sink_c()
    top = gr.top_block()
    top.connect(source, pace, iq)
    top.start()
    try:
        until(lambda: len(iq.data()) == n)
    finally:
        top.stop()
        top.wait()


def test_a_slow_pacer_does_not_keep_a_flowgraph():
    source, pace, iq = blocks.null_source(8), pacer(1e-3), blocks.vector_sink_c()
    top_block = gr.top_block()
    top_block.connect(source, pace, iq)
    top_block.start()
    top_block.stop()
    top_block.wait()
    assert len(iq.data()) == 0


@pytest.mark.parametrize("rate", [0, -1, math.inf, math.nan])
def test_rates_that_are_none(rate):
    with pytest.raises(ValueError, match="sample rate"):
        pacer(rate)
