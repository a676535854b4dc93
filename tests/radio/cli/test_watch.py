# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn watch`: what a publisher says, as a table or as lines, whoever the publisher is."""

import contextlib
import io
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading

import pytest
from cli_support import fails, run_cli
from places import APP

pytest.importorskip("gnuradio")

import zmq
from gnuradio.sr2cnn.cli.watch import KINDS, LARGEST, LiveTable, Seen, parse
from gnuradio.sr2cnn.display.label_counts import MOST_CLASSES
from gnuradio.sr2cnn.outputs.zmq_pub import ZmqPub
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console
from sr2cnn_learn.cli.output import stdout_console
from waiting import PATIENCE

HOSTILE = [
    [b"labels"],
    [b"labels", b"{}", b"{}"],
    [b"labels", b""],
    [b"labels", b"\xff\xfe"],
    [b"labels", b"[]"],
    [b"labels", b"[" * 100_000],
    [b"labels", b'{"label": 7, "known": true, "n_frames": 1}'],
    [b"labels", b'{"label": "\\u001b[2J", "known": true, "n_frames": 1}'],
    [b"labels", b'{"label": "\\u009b2J", "known": true, "n_frames": 1}'],
    [b"labels", b'{"label": "\\u202eKSPQ", "known": true, "n_frames": 1}'],
    [b"labels", b'{"label": "QPSK", "known": "yes", "n_frames": 1}'],
    [b"labels", b'{"label": "QPSK", "known": true, "n_frames": -1}'],
    [b"labels", b'{"label": "QPSK", "known": true, "n_frames": true}'],
    [b"labels", b'{"label": "QPSK", "known": true, "n_frames": 1, "score": 1e999}'],
    [b"labels", b'{"label": "QPSK", "known": true, "n_frames": 1, "score": NaN}'],
    [b"labels", b'{"label": "QPSK", "known": true, "n_frames": ' + b"9" * 5000 + b"}"],
    [b"labels", b'{"label": "' + b"Q" * 1025 + b'", "known": true, "n_frames": 1}'],
    [b"novel", b'{"label": "unknown_1"}'],
    [b"status", b'"frames_in"'],
    [b"status", b'{"text": "' + b"x" * LARGEST + b'"}'],
    [b"labelsx", b"{}"],
]


def label(name="QPSK", n_frames=1, **more):
    return {"event": "label", "label": name, "known": True, "n_frames": n_frames, **more}


def message(kind="labels", **more):
    return [kind.encode(), json.dumps(label(**more)).encode()]


@pytest.fixture
def publisher():
    """A socket that says when it has a subscriber: `subscribed` waits for the three kinds."""
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.linger = 0
        socket.rcvtimeo = 120_000
        socket.bind("tcp://127.0.0.1:*")

        def subscribed():
            kinds = {socket.recv() for _ in KINDS}
            assert kinds == {b"\x01" + kind.encode() for kind in KINDS}

        yield socket, socket.getsockopt_string(zmq.LAST_ENDPOINT), subscribed


def start(*arguments, **options):
    command = [sys.executable, str(APP), "watch", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, **options)


def test_live_table(publisher):
    socket, address, subscribed = publisher
    ours, theirs = pty.openpty()
    environment = dict(os.environ, TERM="xterm", COLUMNS="120", LINES="40")
    process = start(address, stdin=theirs, stdout=theirs, env=environment)
    os.close(theirs)
    subscribed()
    for n in range(3):
        event = label(n_frames=1, score=0.25, sequence=n)
        socket.send_multipart([b"labels", json.dumps(event).encode()])
    socket.send_multipart(message(name="unknown_1", known=False, score=2.0, sequence=5))
    socket.send_multipart([b"status", b'{"frames_in": 4, "frames_dropped": 0, "latency_ms_p99": 1.5}'])
    socket.send_multipart([b"novel", b"not JSON"])
    shown = b""
    while b"ignored 1" not in shown:
        shown += os.read(ours, 1 << 16)
    process.send_signal(signal.SIGINT)
    reader = threading.Thread(target=_exhaust, args=(ours,), daemon=True)  # or it waits for us
    reader.start()
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0 and b"1 messages ignored" in stderr and b"Traceback" not in stderr
    text = shown.decode()
    assert "QPSK" in text and "75.0 %" in text and "0.25" in text
    assert "unknown_1  new" in text and "25.0 %" in text and "2.00" in text
    for note in ("frames_in 4", "frames_dropped 0", "latency_ms_p99 1.5", "missed 2"):
        assert note in text


def _exhaust(descriptor):
    try:
        while os.read(descriptor, 1 << 16):
            pass
    except OSError:
        pass


def test_json_lines_of_a_sink(tmp_path):
    """Of `ZmqPub`, which cannot tell when it has a subscriber."""
    output = ZmqPub("tcp://127.0.0.1:0")
    process = start(output.endpoint, "--json", stdout=subprocess.PIPE)
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, b"")))
    reader.start()
    while not lines:
        output.write("status", {"hello": True})
    sent = [("labels", label(n_frames=n, vector=[0.5, None])) for n in range(50)]
    sent += [("novel", label("unknown_1", known=False)), ("status", {"end": True})]
    for kind, event in sent:
        output.write(kind, event)
    while b"end" not in lines[-1]:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    stderr = process.stderr.read()
    assert process.wait(PATIENCE) == 0 and stderr == b""
    reader.join()
    events = [json.loads(line) for line in lines]
    received = [event for event in events if not event.get("hello")]
    for event in received:
        del event["sequence"]
    assert received == [event for _, event in sent]
    output.close()


def test_hostile_messages_are_counted(publisher):
    socket, address, subscribed = publisher
    process = start(address, "--json", stdout=subprocess.PIPE)
    subscribed()
    for parts in HOSTILE:
        socket.send_multipart(parts)
    socket.send_multipart(message(name="last"))
    assert json.loads(process.stdout.readline())["label"] == "last"
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stdout) == (0, b"")
    assert stderr.decode() == f"{len(HOSTILE)} messages ignored: not an event sink's\n"


def test_a_publisher_that_speaks_something_else():
    ours, theirs = pty.openpty()
    with socket.create_server(("127.0.0.1", 0)) as server:
        process = start(f"tcp://127.0.0.1:{server.getsockname()[1]}", stdin=theirs, stdout=theirs)
        os.close(theirs)
        peer, _ = server.accept()
        peer.sendall(b"\xff" * 3000)
        with contextlib.suppress(ConnectionResetError):  # it has seen enough
            peer.recv(1000)
        peer.close()
        shown = b""
        while b"nothing heard yet" not in shown:
            shown += os.read(ours, 4096)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=PATIENCE)
    os.close(ours)
    assert process.returncode == 0 and stderr == b""


@pytest.mark.parametrize("address", ["nowhere", "tcp://*:5555", "70000", "http://127.0.0.1:80", "tcp://a:0"])
def test_addresses_that_are_none(address):
    fails(run_cli("watch", address), address)


@pytest.mark.parametrize("parts", HOSTILE)
def test_refuses(parts):
    with pytest.raises(ValueError):
        parse(parts)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
EVENT = st.fixed_dictionaries(
    {},
    optional={
        "label": st.text(max_size=3) | st.sampled_from(["[bold]", "QPSK"]) | JSON,
        "known": st.booleans() | JSON,
        "n_frames": st.integers(0, 9) | JSON,
        "score": st.floats() | JSON,
        "sequence": st.integers(-1, 9) | JSON,
        "class_id": st.integers(-3, 1) | JSON,
        "merged": st.fixed_dictionaries({"from": st.integers(-3, 0), "into": st.integers(-3, 0)}) | JSON,
        "forgotten": st.lists(st.integers(-3, 0), max_size=3) | JSON,
        "model": JSON,
        "frames_in": JSON,
        "latency_ms_p99": JSON,
    },
)
DATA = st.binary(max_size=50) | (EVENT | JSON).map(lambda value: json.dumps(value).encode())
KIND = st.sampled_from([kind.encode() for kind in KINDS]) | st.binary(max_size=8)


@given(st.lists(st.tuples(KIND, DATA).map(list) | st.lists(DATA, max_size=3), max_size=5))
@example([message(score=1e99, n_frames=1 << 53)] * 3)
@settings(deadline=None)
def test_any_messages(messages):
    """Each is an event or counted as none; the table can be drawn and the lines are JSON."""
    seen = Seen()
    events = [seen.take(parts) for parts in messages]
    assert events.count(None) == seen.ignored
    for event in events:
        json.loads(json.dumps(event, allow_nan=False))
    assert seen.gone + sum(heard.frames for heard in seen.classes.values()) == sum(
        event["n_frames"]
        for parts, event in zip(messages, events)
        if event is not None and parts[0] == b"labels"
    )
    Console(file=io.StringIO()).print(seen.table("tcp://here:1"))


def test_monitor_shows_names_of_before():
    """Its own registry may hold names that are refused by now: they count, and are escaped."""
    table = LiveTable()
    table.write("labels", label("\x1b[31mred", known=False))
    table.write("labels", label("[bold]"))
    console = stdout_console(file=io.StringIO(), width=100)
    console.print(table.table("file:\x1b[2J"))
    text = console.file.getvalue()
    assert (table.lost, table.written) == (0, 2)
    assert "\\x1b[31mred  new" in text and "[bold]" in text and "file:\\x1b[2J" in text and "\x1b" not in text


def test_classes_without_end():
    seen = Seen()
    for n in range(MOST_CLASSES + 7):
        seen.take(message(name=f"unknown_{n}", known=False))
    assert len(seen.classes) == MOST_CLASSES and (seen.ignored, seen.gone) == (0, 7)
    assert "unknown_0" not in seen.classes  # the longest unheard
    assert f"unknown_{MOST_CLASSES + 6}" in seen.classes
    table = seen.table("tcp://here:1")
    assert table.row_count < 50


def status(**event):
    return [b"status", json.dumps({"event": "status", **event}).encode()]


def test_merged_and_forgotten_classes_go():
    seen = Seen()
    for id in range(-5, 0):
        seen.take(message(name=f"unknown_{-id}", known=False, class_id=id, n_frames=2))
    seen.take(message(name="DECT", known=False, class_id=-1, n_frames=3))
    seen.take(status(merged={"from": -2, "into": -1}))
    seen.take(status(forgotten=[-3, -3, -9]))
    frames = {label: heard.frames for label, heard in seen.classes.items()}
    assert frames == {"unknown_5": 2, "unknown_4": 2, "unknown_1": 2, "DECT": 5} and seen.gone == 2
    seen.take(status(merged={"from": -4, "into": -5}, forgotten=[-5]))
    seen.take(status(merged={"from": -1, "into": -77}, forgotten="all"))
    seen.take(status(merged=[-1], forgotten=[[], {}, None]))
    assert not seen.classes and seen.gone == 13 and seen.ignored == 0


def test_a_sink_that_starts_anew_misses_nothing():
    seen = Seen()
    for sequence in (5, 6, 9, 0, 1):
        seen.take(message(sequence=sequence))
    assert seen.missed == 2
