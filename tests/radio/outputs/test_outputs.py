# SPDX-License-Identifier: GPL-3.0-or-later
"""The outputs of the event sink, one by one."""

import contextlib
import gc
import json
import os
import re
import socket
import stat
import threading
import urllib.request

import numpy as np
import pytest
import sigmf
import zmq
from gnuradio.sr2cnn.outputs.json_lines import JsonLines, read_json_lines
from gnuradio.sr2cnn.outputs.metrics_server import MOST_CONNECTIONS
from gnuradio.sr2cnn.outputs.output import Output
from gnuradio.sr2cnn.outputs.prometheus import MOST_CLASSES, OTHER, Prometheus
from gnuradio.sr2cnn.outputs.sigmf_annotations import SigmfAnnotations
from gnuradio.sr2cnn.outputs.zmq_pub import ZmqPub, endpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sr2cnn_learn.datasets import load_dataset
from sr2cnn_learn.recordings import metadata_path, open_recording
from waiting import PATIENCE, until

FUZZ = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def label(start=0, n_frames=1, name="QPSK", **more):
    return {
        "event": "label",
        "label": name,
        "class_id": 1,
        "known": True,
        "score": 0.25,
        "start_sample": start,
        "n_samples": 128 * n_frames,
        "n_frames": n_frames,
        **more,
    }


# -- all of them ----------------------------------------------------------------------------------


class Failing(Output):
    name = "failing"
    error = OSError("broken")

    def _write(self, kind, event):
        if self.error:
            raise self.error


def test_a_fault_is_counted_and_reported_once():
    reports = []
    output = Failing(reports.append)
    for _ in range(5):
        output.write("status", {})
    assert (output.written, output.lost, output.fault) == (0, 5, "failing: broken")
    assert reports == ["failing: broken; the flowgraph goes on"]
    output.error = None
    output.write("status", {})
    assert (output.written, output.lost, output.fault) == (1, 5, None)
    output.error = ZeroDivisionError()
    output.write("status", {})
    assert output.fault == "failing: ZeroDivisionError"
    output.close()
    output.error = None
    output.write("status", {})
    assert (output.written, output.lost) == (1, 7)


# -- JSON lines -----------------------------------------------------------------------------------


def test_rotation(tmp_path):
    path = tmp_path / "events.jsonl"
    output = JsonLines(path, rotate_bytes=200, rotate_keep=3)
    for n in range(100):
        output.write("status", {"n": n, "text": "x" * 40})
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "events.jsonl",
        "events.jsonl.1",
        "events.jsonl.2",
        "events.jsonl.3",
    ]
    assert all(file.stat().st_size <= 200 for file in tmp_path.iterdir())
    kept = [event["n"] for event in read_json_lines(path)]
    assert kept == list(range(kept[0], 100)) and 9 <= len(kept) <= 12
    output.write("status", {"text": "x" * 500})  # a line larger than the limit has a file to itself
    output.write("status", {"n": 101})
    assert (tmp_path / "events.jsonl.1").stat().st_size > 500
    assert output.lost == 0


def test_append_goes_on_behind_a_line_that_was_cut(tmp_path):
    path = tmp_path / "events.jsonl"
    first = JsonLines(path)
    for n in range(3):
        first.write("status", {"n": n})
    first.close()
    with open(path, "rb+") as file:
        file.truncate(path.stat().st_size - 4)
    assert [event["n"] for event in read_json_lines(path)] == [0, 1]
    second = JsonLines(path, append=True)
    second.write("status", {"n": 3})
    second.close()
    assert [event["n"] for event in read_json_lines(path)] == [0, 1, 3]
    JsonLines(path)
    assert path.read_bytes() == b""


@pytest.mark.parametrize("options", [{}, {"append": True}, {"rotate_bytes": 100}])
def test_a_file_has_one_writer(tmp_path, options):
    path, link = tmp_path / "events.jsonl", tmp_path / "link"
    link.symlink_to(path)
    first = JsonLines(path)
    first.write("status", {"n": 0})
    second = JsonLines(link, report=lambda line: None, **options)
    second.write("status", {"n": 1})
    assert "another program" in second.fault and (second.written, second.lost) == (0, 1)
    first.write("status", {"n": 2})
    assert [event["n"] for event in read_json_lines(path)] == [0, 2]
    first.flush()
    second.write("status", {"n": 3})  # and nothing of the first's is lost
    assert second.fault is None and link.is_symlink()
    assert [event["n"] for event in read_json_lines(path)] == [0, 2, 3]
    first.write("status", {"n": 4})
    assert "another program" in first.fault
    second.close()
    first.write("status", {"n": 5})
    assert first.fault is None and [event["n"] for event in read_json_lines(link)] == [0, 2, 3, 5]


def test_a_writer_that_comes_within_a_rotation_is_refused(tmp_path, monkeypatch):
    path, late = tmp_path / "events.jsonl", []
    first = JsonLines(path, rotate_bytes=100)
    replace = os.replace

    def interrupted(source, target):
        if not os.path.exists(path) and not late:  # the old file has its new name already
            late.append(JsonLines(path, append=True, report=lambda line: None))
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    for n in range(30):
        first.write("status", {"n": n})
    assert "another program" in late[0].fault
    assert [event["n"] for event in read_json_lines(path)] == list(range(30)) and first.lost == 0


def test_a_flush_lets_go_of_the_file_until_the_next_event(tmp_path):
    before = os.listdir("/proc/self/fd")
    path = tmp_path / "events.jsonl"
    output, standard = JsonLines(path), JsonLines()
    for n in range(3):
        output.write("status", {"n": n})
        output.flush(), standard.flush()
        assert os.listdir("/proc/self/fd") == before
    assert [event["n"] for event in read_json_lines(path)] == [0, 1, 2]


def test_rotation_that_cannot_be_loses_nothing(tmp_path, monkeypatch):
    path, reports = tmp_path / "events.jsonl", []
    output = JsonLines(path, rotate_bytes=100, report=reports.append)

    def no_more(*arguments):
        raise OSError(24, "Too many open files")

    for n in range(40):
        if n == 10:
            monkeypatch.setattr("gnuradio.sr2cnn.outputs.json_lines.new_part", no_more)
        if n == 30:
            monkeypatch.undo()
            path.chmod(0o640)
        output.write("status", {"n": n})
    assert output.lost == 0 and output.fault is None
    (report,) = reports
    assert "Too many open files" in report
    kept = [event["n"] for event in read_json_lines(path)]
    assert kept == list(range(kept[0], 40)) and kept[0] <= 10
    assert path.stat().st_size <= 100 and stat.S_IMODE(path.stat().st_mode) == 0o640
    assert not [file for file in tmp_path.iterdir() if file.suffix == ".part"]


@given(st.lists(st.binary(max_size=30), max_size=5))
@FUZZ
def test_reader_takes_any_file(tmp_path, parts):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"n": 0}\n' + b"\n".join(parts) + b'\n{"n": 1}\n' + b"[" * 5000)
    events = list(read_json_lines(path))
    assert all(isinstance(event, dict) for event in events)
    assert events[0] == {"n": 0} and events[-1] == {"n": 1}


def test_reader_of_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(read_json_lines(tmp_path / "none"))
    (tmp_path / "none.1").write_text('{"n": 0}\n')  # a kill in the midst of a rotation
    assert list(read_json_lines(tmp_path / "none")) == [{"n": 0}]


def test_a_pipe_that_nobody_reads(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    output = JsonLines(path)  # does not wait for a reader
    output.write("status", {"n": 0})
    assert output.lost == 1 and output.fault
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    while not output.lost > 1:  # until the pipe is full
        output.write("status", {"n": output.written, "text": "x" * 1000})
    taken = b""
    while chunk := _read(reader):
        taken += chunk
    output.write("status", {"end": True})
    taken += _read(reader)
    os.close(reader)
    *whole, _torn, last = taken.splitlines()
    numbers = [json.loads(line)["n"] for line in whole]
    assert numbers == list(range(len(numbers))) and json.loads(last) == {"end": True}


def _read(descriptor):
    try:
        return os.read(descriptor, 1 << 20)
    except BlockingIOError:
        return b""


# -- SigMF ----------------------------------------------------------------------------------------


def annotations(path):
    meta = sigmf.fromfile(path)
    meta.validate()
    return [(a["core:sample_start"], a["core:sample_count"], a["core:label"]) for a in meta.get_annotations()]


def test_a_file_begun(tmp_path):
    path = tmp_path / "air.sigmf-meta"
    output = SigmfAnnotations(path)
    radio = {"sample_rate": 1e6, "rx_freq": 868e6}
    output.write("labels", label(0, 2, **radio))
    output.write("labels", label(256, 1, score=1.0, **radio))  # a piece of the same run
    output.write("labels", label(384, 1, "unknown_1", known=False, class_id=-1, score=1.5, **radio))
    output.write("labels", label(1024, 1, **dict(radio, rx_freq=869e6)))
    output.write("status", {"frames_in": 3})
    output.write("novel", label(384, 1, "unknown_1"))
    output.close()
    assert annotations(path) == [(0, 384, "QPSK"), (384, 128, "unknown_1"), (1024, 128, "QPSK")]
    meta = sigmf.fromfile(path)
    first, second, _ = meta.get_annotations()
    assert first["core:comment"] == "known class, score 0.5" and first["sr2cnn:score"] == 0.5
    assert second["core:comment"] == "discovered class, score 1.5"
    assert (second["sr2cnn:class_id"], second["sr2cnn:known"]) == (-1, False)
    assert meta.sample_rate == 1e6 and meta.datatype == "cf32_le"
    assert meta.get_captures() == [
        {"core:sample_start": 0, "core:frequency": 868e6},
        {"core:sample_start": 1024, "core:frequency": 869e6},
    ]
    assert meta.get_global_field("core:metadata_only") is True
    assert [file.name for file in tmp_path.iterdir()] == ["air.sigmf-meta"]

    # the next run, with the samples beside
    (tmp_path / "air.sigmf-data").write_bytes(bytes(8 * 2000))
    again = SigmfAnnotations(tmp_path / "air")
    again.write("labels", label(0, 3, "BPSK"))
    again.flush()
    assert annotations(path) == [(0, 384, "BPSK")]
    assert len(sigmf.fromfile(path)) == 2000
    assert open_recording(path).annotations[0]["core:label"] == "BPSK"


def test_what_others_wrote_stays(tmp_path):
    path = tmp_path / "air.sigmf-meta"
    meta = sigmf.SigMFFile(global_info={"core:datatype": "ci16_le", "core:offset": 1000})
    meta.add_capture(1000, {"core:frequency": 1e9, "core:datetime": "2026-01-01T00:00:00Z"})
    meta.add_annotation(1200, 50, {"core:label": "theirs"})
    path.write_text(meta.dumps())
    path.chmod(0o640)
    output = SigmfAnnotations(path)
    output.write("labels", label(0, 1, rx_freq=5e8, sample_rate=1.0))
    output.write("labels", label(512, 1))
    output.close()
    assert annotations(path) == [(1000, 128, "QPSK"), (1200, 50, "theirs"), (1512, 128, "QPSK")]
    after = sigmf.fromfile(path)
    assert after.get_captures() == meta.get_captures()
    assert after.datatype == "ci16_le" and not after.get_global_field("core:sample_rate")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_labels_that_were_heard_are_no_training_labels(tmp_path):
    data = tmp_path / "QPSK" / "air.sigmf-data"
    data.parent.mkdir()
    np.tile([1, 1j, -1, -1j], 320).astype(np.complex64).tofile(data)
    output = SigmfAnnotations(data, sample_rate=1e6)
    output.write("labels", label(0, 10, "WBFM"))
    output.close()
    assert set(load_dataset(tmp_path).modulations) == {"QPSK"}


def test_written_in_intervals_without_a_flush(tmp_path):
    path = tmp_path / "air.sigmf-meta"
    output = SigmfAnnotations(path, interval=0.01)
    for n in range(3):
        output.write("labels", label(1000 * n))
        while output._timer is not None:  # until it has written
            pass
        assert len(annotations(path)) == n + 1
    output.close()


def test_each_flush_validates_what_is_new(tmp_path, monkeypatch):
    """A long recording must not cost more and more: the interpreter's time is the encoder's, too."""
    checked = []
    validate = SigmfAnnotations._validate

    def counting(self, metadata):
        checked.append(len(metadata["annotations"]))
        validate(self, metadata)

    monkeypatch.setattr(SigmfAnnotations, "_validate", counting)
    often, once = (SigmfAnnotations(tmp_path / name, interval=1e6) for name in ("often", "once"))
    for n in range(300):
        event = label(128 * n, 1, ("QPSK", "BPSK")[n // 7 % 2])  # runs of seven, in pieces
        often.write("labels", event)
        once.write("labels", event)
        often.flush()
    assert sum(checked) <= 300 + 43  # the last of each flush may have become longer
    once.close()
    often.close()
    assert annotations(tmp_path / "often.sigmf-meta") == annotations(tmp_path / "once.sigmf-meta")
    assert len(annotations(tmp_path / "once.sigmf-meta")) == 43


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    output = SigmfAnnotations(tmp_path / "file" / "air", report=lambda line: None)
    output.write("labels", label())
    output.flush()
    assert "Not a directory" in output.fault
    (tmp_path / "file").unlink()
    (tmp_path / "file").mkdir()
    output.flush()
    assert output.fault is None and output.lost == 0
    assert annotations(tmp_path / "file" / "air.sigmf-meta") == [(0, 128, "QPSK")]


def test_arguments_of_annotations(tmp_path):
    for arguments, words in (
        (dict(path=""), "SigMF recording is ''"),
        (dict(datatype="cf99"), "a.sigmf-meta: not SigMF metadata: 'cf99'"),
        (dict(sample_rate=0), "sample rate is 0, expected more than 0 Hz"),
        (dict(interval=0), "interval is 0, expected more than 0 s"),
    ):
        with pytest.raises(ValueError, match=re.escape(words)):
            SigmfAnnotations(**{"path": tmp_path / "a", **arguments})
    assert metadata_path("b.sigmf-data").name == metadata_path("b").name == "b.sigmf-meta"
    assert metadata_path("b.cf32").name == "b.cf32.sigmf-meta"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
EVENT = st.fixed_dictionaries(
    {},
    optional={
        "label": st.text(max_size=3) | JSON,
        "start_sample": st.integers(0, 2000) | JSON,
        "n_samples": st.integers(0, 300) | JSON,
        "n_frames": st.integers(0, 3) | JSON,
        "score": st.floats(0, 3) | JSON,
        "known": st.booleans() | JSON,
        "class_id": st.integers(-3, 3) | JSON,
        "rx_freq": st.floats(0, 1e9) | JSON,
        "sample_rate": st.floats(0, 1e9) | JSON,
        "frames_in": JSON,
        "latency_ms_p99": JSON,
        "n_discovered": JSON,
    },
)


METRICS = Prometheus(0, report=lambda line: None)


@given(st.lists(st.tuples(st.sampled_from(["labels", "novel", "status"]), EVENT), min_size=1, max_size=5))
@settings(FUZZ, max_examples=30)
def test_metadata_stays_valid_and_metrics_readable_whatever_comes(tmp_path, events):
    path = tmp_path / "air.sigmf-meta"
    path.unlink(missing_ok=True)
    annotated = SigmfAnnotations(path, report=lambda line: None)
    for kind, event in events:
        annotated.write(kind, event)
        METRICS.write(kind, event)
    annotated.close()
    assert annotated.fault is None
    annotations(path)
    assert "sr2cnn_events_total" in scrape(METRICS)


# -- ZMQ ------------------------------------------------------------------------------------------


def subscriber(context, output, **options):
    socket = context.socket(zmq.SUB)
    socket.linger = 0
    socket.rcvtimeo = 60_000
    for name, value in options.items():
        setattr(socket, name, value)
    socket.subscribe(b"")
    socket.connect(output.endpoint)
    while not socket.poll(10):  # until the subscription has come through
        output.write("status", {"hello": True})
    while socket.poll(10) != 0:
        socket.recv_multipart()
    return socket


def test_a_subscriber_that_never_reads_costs_only_drops():
    output = ZmqPub(0, queue=10, report=lambda line: None)
    with zmq.Context() as context:
        good = subscriber(context, output)
        dead = subscriber(context, output, rcvhwm=1, rcvbuf=4096)
        while good.poll(10):
            good.recv_multipart()
        n = 0

        def send():  # does not wait, or this test does not end
            nonlocal n
            output.write("labels", {"n": n, "text": "x" * 10_000})
            kind, text = good.recv_multipart()
            assert kind == b"labels" and json.loads(text)["n"] == json.loads(text)["sequence"] == n
            n += 1

        while not output.lost:
            send()
        for _ in range(2000):  # more than the buffers on the way hold
            send()
        heard = []
        while dead.poll(500):
            heard.append(json.loads(dead.recv_multipart()[1])["sequence"])
        send()
        heard.append(json.loads(dead.recv_multipart()[1])["sequence"])
        assert heard == sorted(set(heard)) and heard[-1] == n - 1
        assert len(heard) < n // 2  # what it missed, the gaps tell
        good.close()
        dead.close()
    output.close()


def test_what_is_no_socket_is_not_replaced(tmp_path):
    path, link = tmp_path / "events.jsonl", tmp_path / "link"
    path.write_text("mine")
    link.symlink_to(path)
    for file in (path, link):
        output = ZmqPub(f"ipc://{file}", report=lambda line: None)
        output.write("status", {})
        assert "is no socket" in output.fault and (output.lost, output.endpoint) == (1, None)
        output.close()
    assert path.read_text() == "mine" and link.is_symlink()
    address = f"ipc://{tmp_path / 'socket'}"
    for _ in range(2):  # one that was left over is taken
        output = ZmqPub(address)
        assert output.endpoint == address
        output.close()
        if not (tmp_path / "socket").exists():
            socket.socket(socket.AF_UNIX).bind(str(tmp_path / "socket"))


def test_without_subscribers_nothing_is_lost():
    output = ZmqPub("tcp://127.0.0.1:0")
    for n in range(3000):
        output.write("labels", {"n": n})
    assert (output.written, output.lost, output.fault) == (3000, 0, None)
    output.close()


def test_hostile_peers(tmp_path):
    output = ZmqPub(0)
    address = ("127.0.0.1", int(output.endpoint.rpartition(":")[2]))
    for data in (b"GET / HTTP/1.0\r\n\r\n", b"\xff" * 10_000, os.urandom(1000), b""):
        with socket.create_connection(address) as peer:
            peer.sendall(data)
    with zmq.Context() as context:
        huge = context.socket(zmq.SUB)
        huge.linger = 0
        huge.connect(output.endpoint)
        huge.subscribe(b"x" * 100_000)
        good = subscriber(context, output)
        output.write("status", {"n": 1})
        assert json.loads(good.recv_multipart()[1])["n"] == 1
        good.close()
        huge.close()
    output.close()


def test_a_port_in_use_that_becomes_free():
    first = ZmqPub(0)
    second = ZmqPub(first.endpoint, report=lambda line: None)
    second.write("status", {})
    assert "in use" in second.fault and (second.lost, second.endpoint) == (1, None)
    where = first.endpoint
    first.close()
    while second.fault:  # ZeroMQ frees it in a thread of its own
        second.write("status", {})
    assert second.endpoint == where
    second.close()


@pytest.mark.parametrize(
    "address, expected",
    [
        (5555, "tcp://127.0.0.1:5555"),
        ("5555", "tcp://127.0.0.1:5555"),
        ("tcp://localhost:5555", "tcp://127.0.0.1:5555"),
        ("tcp://*:5555", "tcp://*:5555"),
        ("tcp://[::1]:5555", "tcp://[::1]:5555"),
        ("tcp://eth0:5555", "tcp://eth0:5555"),
        ("ipc:///tmp/events", "ipc:///tmp/events"),
    ],
)
def test_endpoint(address, expected):
    assert endpoint(address) == expected


@given(st.text() | st.from_regex(r"tcp://\S*:[0-9]*") | JSON)
@FUZZ
def test_any_address(address):
    try:
        result = endpoint(address)
    except ValueError as error:
        assert repr(address) in str(error) and "expected a port" in str(error)
    else:
        assert re.match("tcp://|ipc://", result)


# -- Prometheus -----------------------------------------------------------------------------------


def scrape(output):
    with urllib.request.urlopen(f"http://127.0.0.1:{output.port}/metrics", timeout=PATIENCE) as reply:
        return reply.read().decode()


def test_classes_without_end_do_not_fill_the_memory():
    output = Prometheus(0)
    for n in range(MOST_CLASSES + 50):
        output.write("labels", label(name=f"unknown_{n}"))
    text = scrape(output)
    assert text.count("sr2cnn_label_frames_total{") == MOST_CLASSES + 1
    assert f'sr2cnn_label_frames_total{{label="{OTHER}"}} 50.0' in text
    output.close()


def test_merged_and_forgotten_classes_free_their_places():
    output = Prometheus(0)

    def heard(id, name):
        output.write("labels", {**label(name=name), "class_id": id, "n_frames": 2})

    heard(0, "QPSK")
    for n in range(1, MOST_CLASSES):
        heard(-n, f"unknown_{n}")
    heard(-2000, "unknown_2000")  # no place
    heard(-1, "DECT")  # nor for another name
    output.write("status", {"merged": {"from": -3, "into": -2}})
    output.write("status", {"forgotten": [-4, -5, -2000]})
    heard(-1, "DECT")
    heard(-2001, "unknown_2001")
    text = scrape(output)
    frames = dict(re.findall(r'sr2cnn_label_frames_total{label="(.*?)"} (.*)', text))
    assert frames["QPSK"] == frames["DECT"] == frames["unknown_2001"] == "2.0"
    assert frames["unknown_2"] == "4.0" and frames[OTHER] == "8.0"
    assert not {"unknown_3", "unknown_4", "unknown_5", "unknown_2000"} & set(frames)
    output.write("status", {"merged": {"from": -1, "into": -2}})
    text = scrape(output)
    assert 'sr2cnn_label_frames_total{label="unknown_2"} 8.0' in text and "DECT" not in text
    assert output.lost == 0
    output.close()


def test_metrics_tell_what_other_outputs_lose():
    failing = Failing(lambda line: None)
    output = Prometheus(0, outputs=[failing])
    failing.write("status", {})
    assert 'sr2cnn_events_lost_total{output="failing"} 1.0' in scrape(output)
    output.close()


def connect(output):
    return socket.create_connection(("127.0.0.1", output.port), timeout=PATIENCE)


def closed(peer):
    """Wait until the other side has closed the connection."""
    try:
        while peer.recv(1 << 20):
            pass
    except ConnectionResetError:
        pass
    return True


def test_idle_connections_keep_no_scrape_out():
    output = Prometheus(0)
    n_before = len(os.listdir("/proc/self/fd"))
    idle = [connect(output) for _ in range(3 * MOST_CONNECTIONS)]
    assert "sr2cnn_events_lost_total" in scrape(output)
    n_served = len(os.listdir("/proc/self/fd")) - n_before - len(idle)
    assert n_served <= MOST_CONNECTIONS
    assert closed(idle[0])
    for peer in idle:
        peer.close()
    output.close()


@pytest.mark.parametrize("sent", [b"", b"GET /metrics HTTP/1.1\r\nHost: x\r\n", b"x"])
def test_no_connection_is_held_for_long(monkeypatch, sent):
    """However slowly a peer sends, and whatever it asks to be kept alive."""
    monkeypatch.setattr("gnuradio.sr2cnn.outputs.metrics_server.LONGEST", 0.1)
    output = Prometheus(0)
    with connect(output) as peer:
        peer.sendall(sent)
        ended = threading.Event()

        def trickle():
            with contextlib.suppress(OSError):
                while sent and not ended.wait(0.02):
                    peer.sendall(b"x")

        sender = threading.Thread(target=trickle)
        sender.start()
        assert closed(peer)
        ended.set()
        sender.join()
    output.close()


def test_a_peer_that_never_reads_is_let_go(monkeypatch):
    output = Prometheus(0)
    for n in range(MOST_CLASSES):
        output.write("labels", label(name=f"{n}" + "x" * 5000))  # a long reply
    before = threading.active_count()
    began = b""
    for longest in (0.1, 1, 10, 100):  # a busy machine takes a while to begin
        monkeypatch.setattr("gnuradio.sr2cnn.outputs.metrics_server.LONGEST", longest)
        with socket.socket() as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.connect(("127.0.0.1", output.port))
            peer.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                began = peer.recv(1)
            until(lambda: threading.active_count() <= before)
        if began:
            break
    assert began
    output.close()


def test_metrics_end_with_their_last_holder():
    output = Prometheus(0)
    port, thread = output.port, output._thread
    del output
    gc.collect()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_metrics_port_in_use_that_becomes_free():
    first = Prometheus(0)
    second = Prometheus(first.port, report=lambda line: None)
    second.write("labels", label())
    assert "in use" in second.fault and (second.lost, second.port) == (1, None)
    first.close()
    second.write("labels", label())
    assert second.fault is None
    assert 'sr2cnn_label_frames_total{label="QPSK"} 2.0' in scrape(second)
    second.close()
