# SPDX-License-Identifier: GPL-3.0-or-later
"""The event sink in flowgraphs, with all its outputs."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import urllib.request
from collections import Counter

import numpy as np
import pmt
import pytest
import sigmf
from gnuradio import blocks, gr, sr2cnn
from gnuradio.sr2cnn.messages import EVENTS
from gnuradio.sr2cnn.outputs.json_lines import JsonLines, read_json_lines
from prometheus_client.parser import text_string_to_metric_families
from waiting import PATIENCE

N_FRAMES = 600  # of mixed_samples
SUBSCRIBER = """
    import json, sys, zmq
    socket = zmq.Context().socket(zmq.SUB)
    socket.rcvtimeo = 60_000
    socket.subscribe(b"")
    socket.connect(sys.argv[1])
    while True:
        kind, event = socket.recv_multipart()
        event = json.loads(event)
        print(json.dumps([kind.decode(), event]), flush=True)
        if event.get("end"):
            break
"""


def label_message(**more):
    meta = pmt.to_pmt({"label": "QPSK", "known": True, "score": 0.5, **more})
    meta = pmt.dict_add(meta, pmt.intern("start_sample"), pmt.from_uint64(2**63))
    return pmt.cons(meta, pmt.init_f32vector(3, [1.0, 2.0, float("nan")]))


def status_message(**more):
    return pmt.to_pmt(more)


def lines(path):
    return [json.loads(line, parse_constant=pytest.fail) for line in path.read_text().splitlines()]


def run_python(code, *arguments, **options):
    """A process of the code, ended by leaving the context."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, text=True, **options)


def listening():
    """Addresses that this process listens at, (IP address in hex as the kernel has it, port)."""
    inodes = set()
    for entry in os.scandir("/proc/self/fd"):
        try:
            inodes.add(os.readlink(entry.path))
        except OSError:
            continue
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in open(table).read().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                address, port = fields[1].split(":")
                found.add((address, int(port, 16)))
    return found


def scrape(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as reply:
        families = text_string_to_metric_families(reply.read().decode())
    return [sample for family in families for sample in family.samples]


@pytest.fixture
def recording(tmp_path, mixed_samples):
    """A SigMF recording with an annotation of somebody else."""
    data = tmp_path / "air.sigmf-data"
    mixed_samples.tofile(data)
    meta = sigmf.SigMFFile(
        global_info={"core:datatype": "cf32_le", "core:sample_rate": 1e6, "core:author": "me"}
    )
    meta.add_capture(0, {"core:frequency": 868.95e6})
    meta.add_annotation(128, 10, {"core:label": "a click", "core:comment": "by ear"})
    path = tmp_path / "air.sigmf-meta"
    path.write_text(meta.dumps())
    return path


def flowgraph(recording, model, sink):
    top_block = gr.top_block()
    source = sr2cnn.recording_source(str(recording))
    recognizer = sr2cnn.recognizer(str(model), batch_size=32, condition=False)
    top_block.connect(source, recognizer)
    sr2cnn.connect_events(top_block, recognizer, sink)
    top_block.parts = source, recognizer
    return top_block


def test_all_outputs_at_once(tmp_path, recording, tiny_bundle):
    path, before = tmp_path / "events.jsonl", listening()
    sink = sr2cnn.event_sink(str(path), sigmf=str(recording), zmq="tcp://127.0.0.1:0", prometheus_port=0)
    json_lines, annotations, publisher, metrics = sink.outputs
    ports = {int(publisher.endpoint.rpartition(":")[2]), metrics.port}
    assert listening() - before == {("0100007F", port) for port in ports}

    with run_python(SUBSCRIBER, publisher.endpoint, stdout=subprocess.PIPE) as subscriber:
        received, n_hello = [], 0
        os.set_blocking(subscriber.stdout.fileno(), False)
        while not received:  # until its subscription has come through
            sink._on_status(status_message(hello=True))
            n_hello += 1
            received += subscriber.stdout.readlines()
            assert subscriber.poll() is None
        os.set_blocking(subscriber.stdout.fileno(), True)
        flowgraph(recording, tiny_bundle, sink).run()
        sink._on_status(status_message(end=True))
        received += subscriber.stdout.readlines()
    assert subscriber.returncode == 0
    assert all((output.lost, output.fault) == (0, None) for output in sink.outputs)

    events = lines(path)[n_hello:]
    labels = [event for event in events if event["event"] == "label"]
    novel = [event for event in events if event["event"] == "novel"]
    assert sum(event["n_frames"] for event in labels) == N_FRAMES and novel
    assert list(read_json_lines(path)) == lines(path)

    received = [json.loads(line) for line in received]
    for kind in ("labels", "novel", "status"):
        of_kind = [event for of, event in received if of == kind and not event.get("hello")]
        sequence = [event.pop("sequence") for event in of_kind]
        assert sequence == list(range(sequence[0], sequence[0] + len(of_kind)))
        assert of_kind == [e for e in events if e["event"] == EVENTS[kind]]

    samples = scrape(metrics.port)
    value = {(s.name, *s.labels.values()): s.value for s in samples}
    frames = Counter()
    for event in labels:
        frames[event["label"]] += event["n_frames"]
    for label, n in frames.items():
        assert value["sr2cnn_label_frames_total", label] == n
    assert value["sr2cnn_frames_in_total",] == value["sr2cnn_frames_out_total",] == N_FRAMES
    assert value["sr2cnn_discovered_classes",] == len(novel)
    assert value["sr2cnn_events_total", "labels"] == len(labels)
    assert value["sr2cnn_latency_seconds", "0.99"] > 0
    assert value["sr2cnn_events_lost_total", f"JSON lines {path}"] == 0

    meta = sigmf.fromfile(recording)
    meta.validate()
    assert meta.author == "me" and len(meta) == N_FRAMES * 128 + 50
    theirs, ours = [], []
    for annotation in meta.get_annotations():
        (ours if annotation.get("core:generator") == "gr-sr2cnn" else theirs).append(annotation)
    assert [a["core:label"] for a in theirs] == ["a click"]
    heard = [(e["start_sample"], e["n_samples"], e["label"], e["score"]) for e in labels]
    assert heard == [
        (a["core:sample_start"], a["core:sample_count"], a["core:label"], a["sr2cnn:score"]) for a in ours
    ]
    sink.close()
    assert listening() == before


def test_all_interfaces_only_when_told_to():
    before = listening()
    sink = sr2cnn.event_sink(None, zmq=0, prometheus_port=0)
    assert {address for address, _ in listening() - before} == {"0100007F"}
    sink.close()
    sink = sr2cnn.event_sink(None, zmq="tcp://*:0", prometheus_port=0, prometheus_address="0.0.0.0")
    assert {address for address, _ in listening() - before} == {"00000000"}
    sink.close()
    assert listening() == before


def test_outputs_fail_alone(tmp_path, recording, tiny_bundle):
    """Whatever is wrong with the others, one that is sound gets everything."""
    (tmp_path / "file").write_text("")
    good = JsonLines(tmp_path / "good.jsonl")
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        sink = sr2cnn.event_sink(
            "/dev/full",
            sigmf=str(tmp_path / "file" / "air"),
            zmq=first.getsockname()[1],
            prometheus_port=second.getsockname()[1],
            outputs=[good],
        )
        flowgraph(recording, tiny_bundle, sink).run()
    assert good.lost == 0 and good.fault is None
    events = lines(tmp_path / "good.jsonl")
    assert sum(event["n_frames"] for event in events if event["event"] == "label") == N_FRAMES
    _, full, annotations, publisher, metrics = sink.outputs
    for output in (full, publisher, metrics):
        assert output.lost == len(events) and output.fault
    assert "No space left" in full.fault and "in use" in publisher.fault and "in use" in metrics.fault
    assert "Not a directory" in annotations.fault

    # what was wrong is over
    sink._on_status(status_message(frames_in=7))
    assert publisher.fault is metrics.fault is None
    assert [s.value for s in scrape(metrics.port) if s.name == "sr2cnn_frames_in_total"] == [7]
    sink.close()


def test_a_fault_is_logged_once(tmp_path):
    code = """
        import pmt
        from gnuradio import sr2cnn
        sink = sr2cnn.event_sink("/dev/full")
        for n in range(100):
            sink._on_status(pmt.to_pmt({"n": n}))
            sink._on_labels(pmt.PMT_T)
        assert (sink.outputs[0].lost, sink.refused) == (100, 100)
    """
    process = run_python(code, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, output
    assert output.count("No space left") == output.count("expected a dict or a PDU") == 1


KILLED = """
    import pmt, sys
    from gnuradio import sr2cnn
    from gnuradio.sr2cnn.outputs.sigmf_annotations import SigmfAnnotations
    path, meta, first = *sys.argv[1:3], int(sys.argv[3])
    annotations = SigmfAnnotations(meta, interval=0.01)
    sink = sr2cnn.event_sink(path, rotate_bytes=100_000, rotate_keep=50, outputs=[annotations])
    for n, _ in enumerate(sys.stdin, first):  # one for each line
        label = {"label": f"L{n % 3}", "start_sample": 128 * n, "n_samples": 128, "n": n, "of": "x" * 200}
        sink._on_labels(pmt.to_pmt(label))
        print(n, flush=True)
"""


def test_kill_9_costs_no_line(tmp_path):
    path, meta = tmp_path / "events.jsonl", tmp_path / "air.sigmf-meta"
    rng = np.random.default_rng(1)
    first = 0
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    for _ in range(10):
        with run_python(KILLED, path, meta, first, **pipes) as process:

            def ask(n):
                process.stdin.write("\n" * n)
                process.stdin.flush()

            said = first - 1
            ask(int(rng.integers(1, 1000)))
            for _ in range(int(rng.integers(1, 1000))):
                ask(1)
                said = int(process.stdout.readline())
            while not meta.exists():  # it is written some time after the first label
                ask(1)
                said = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)  # while it works off what was asked for first
            said = int((process.stdout.readlines() or [said])[-1])
        found = [event["n"] for event in read_json_lines(path)]
        assert found == list(range(len(found))) and len(found) > said
        sigmf.fromfile(meta).validate()
        first = len(found)
    assert (tmp_path / "events.jsonl.1").exists()


def test_loads_no_library_that_it_does_not_need():
    code = """
        import sys
        from gnuradio import sr2cnn
        assert not {"zmq", "sigmf", "prometheus_client", "torch"} & set(sys.modules)
    """
    with run_python(code) as process:
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    "arguments, words",
    [
        (dict(path=None), "no output"),
        (dict(path=7), "path is 7, expected"),
        (dict(rotate_bytes=100), "rotate_bytes is for a file"),
        (dict(path="x", rotate_bytes=0), "rotate_bytes is 0, expected an integer from 1"),
        (dict(path="x", rotate_keep=0), "rotate_keep is 0, expected an integer from 1"),
        (dict(zmq="nowhere"), "ZMQ address is 'nowhere', expected"),
        (dict(zmq=70000), "ZMQ address is 70000, expected"),
        (dict(zmq=True), "ZMQ address is True, expected"),
        (dict(zmq="http://127.0.0.1:80"), "ZMQ address"),
        (dict(prometheus_port=-1), "Prometheus port is -1, expected an integer from 0 to 65535"),
        (dict(prometheus_port="metrics"), "prometheus_port is 'metrics', expected a whole number"),
        (dict(prometheus_port=0, prometheus_address="here"), "Prometheus address is 'here'"),
        (dict(sigmf=7), "SigMF recording is 7"),
    ],
)
def test_wrong_arguments(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=words):
        sr2cnn.event_sink(**arguments)


def test_metadata_that_is_none_is_left_alone(tmp_path):
    path = tmp_path / "a.sigmf-meta"
    path.write_text("{}")
    with pytest.raises(ValueError, match="a.sigmf-meta: not SigMF metadata"):
        sr2cnn.event_sink(None, sigmf=str(path))
    assert path.read_text() == "{}"


def test_events_are_json_lines(tmp_path):
    path = tmp_path / "events.jsonl"
    sink = sr2cnn.event_sink(str(path))
    sink._on_labels(label_message(distance=float("inf"), rx_time=(5, 0.25)))
    sink._on_novel(label_message())
    sink._on_status(pmt.to_pmt({"frames_in": 3, "mean_batch": None, "list": [1, 2j]}))
    label, novel, status = lines(path)
    assert label == {
        "event": "label",
        "label": "QPSK",
        "known": True,
        "score": 0.5,
        "start_sample": 2**63,
        "distance": None,
        "rx_time": [5, 0.25],
        "vector": [1.0, 2.0, None],
    }
    assert novel["event"] == "novel"
    assert status == {"event": "status", "frames_in": 3, "mean_batch": None, "list": [1, [0, 2]]}
    (output,) = sink.outputs
    assert (output.written, output.lost, output.fault) == (3, 0, None)


@pytest.mark.parametrize("message", [pmt.PMT_T, pmt.intern("x"), pmt.from_long(1), pmt.PMT_NIL])
def test_what_is_no_event_is_logged_and_counted(tmp_path, message):
    path = tmp_path / "events.jsonl"
    sink = sr2cnn.event_sink(str(path))
    sink._on_status(message)
    assert (sink.refused, path.read_text()) == (1, "")


class talker(gr.sync_block):
    """A sink that publishes a message an item, and one at stop."""

    def __init__(self):
        gr.sync_block.__init__(self, "talker", [np.uint8], None)
        self.message_port_register_out(pmt.intern("out"))

    def work(self, input_items, output_items):
        for item in input_items[0]:
            self.message_port_pub(pmt.intern("out"), pmt.to_pmt({"n": int(item)}))
        return len(input_items[0])

    def stop(self):
        self.message_port_pub(pmt.intern("out"), pmt.to_pmt({"n": -1}))
        return True


@pytest.mark.parametrize("attempt", range(5))
def test_events_at_the_end_of_a_run_are_not_lost(tmp_path, attempt):
    path = tmp_path / "events.jsonl"
    source, block = blocks.vector_source_b(list(range(200))), talker()
    sink = sr2cnn.event_sink(str(path))
    top_block = gr.top_block()
    top_block.connect(source, block)
    top_block.msg_connect((block, "out"), (sink, "status"))
    top_block.run()
    assert [line["n"] for line in lines(path)] == [*range(200), -1]


CROWDED = """
    import json, pmt, resource, sys
    from gnuradio import sr2cnn
    from sr2cnn_learn.atomic import write_atomically
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
    path, registry = sys.argv[1:]
    sink = sr2cnn.event_sink(path, prometheus_port=0, rotate_bytes=1000, rotate_keep=500)
    print(sink.outputs[1].port, flush=True)
    sys.stdin.readline()
    for n in range(3000):
        sink._on_status(pmt.to_pmt({"n": n}))
        if n % 500 == 0:
            write_atomically(registry, str(n))
    print(json.dumps([output.lost for output in sink.outputs]), flush=True)
    sys.stdin.readline()
"""


def test_connections_without_end_stop_no_output(tmp_path):
    """96 that say nothing, to a process that may have 100 descriptors."""
    path, registry = tmp_path / "events.jsonl", tmp_path / "registry"
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with run_python(CROWDED, path, registry, **pipes) as process, contextlib.ExitStack() as peers:
        port = int(process.stdout.readline())
        for _ in range(96):
            peers.enter_context(socket.create_connection(("127.0.0.1", port)))
        process.stdin.write("\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline()) == [0, 0]
        assert [s.value for s in scrape(port) if s.name == "sr2cnn_events_total"] == [3000]
    assert process.returncode == 0 and registry.read_text() == "2500"
    assert [event["n"] for event in read_json_lines(path)] == list(range(3000))


def test_flowgraphs_leave_no_descriptor_open(tmp_path):
    def n_open():
        return len(os.listdir("/proc/self/fd"))

    tops, counts, before = [], [], n_open()
    for k in range(12):
        source, block = blocks.vector_source_b(list(range(20))), talker()
        sink = sr2cnn.event_sink(str(tmp_path / f"{k}.jsonl"), sigmf=str(tmp_path / f"{k}"))
        top_block = gr.top_block()
        top_block.connect(source, block)
        top_block.msg_connect((block, "out"), (sink, "status"))
        top_block.run()
        counts.append(n_open())
        tops.append((top_block, source, block, sink))
    assert counts == [before] * 12
    top_block, source, _, sink = tops[3]
    source.rewind()
    top_block.run()  # a second time: it goes on
    assert [line["n"] for line in lines(tmp_path / "3.jsonl")] == 2 * [*range(20), -1]
    assert sink.outputs[0].lost == 0 and n_open() == before


def test_no_half_line_stays(tmp_path):
    """A file system that takes a part of a line, as one that is filling up does."""
    code = f"""
        import pmt, resource, signal
        from gnuradio import sr2cnn
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        sink = sr2cnn.event_sink({str(tmp_path / "events.jsonl")!r})
        for n in range(10):
            sink._on_status(pmt.to_pmt({{"n": n}}))
        assert sink.outputs[0].lost > 0, sink.outputs[0].written
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        sink._on_status(pmt.to_pmt({{"n": 10}}))
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=PATIENCE)
    numbers = [line["n"] for line in lines(tmp_path / "events.jsonl")]
    assert numbers == [0, 1, 2, 10]


def test_standard_output_and_its_closed_pipe():
    code = """
        import pmt
        from gnuradio import sr2cnn
        sink = sr2cnn.event_sink()
        for n in range(20000):
            sink._on_status(pmt.to_pmt({"n": n}))
        assert sink.outputs[0].lost > 0
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert json.loads(process.stdout.readline()) == {"event": "status", "n": 0}
        process.stdout.close()
    assert process.returncode == 0


def test_a_folder_that_comes_later(tmp_path):
    path = tmp_path / "nowhere" / "events.jsonl"
    sink = sr2cnn.event_sink(str(path))
    (output,) = sink.outputs
    assert "nowhere" in output.fault
    sink._on_status(status_message(n=1))
    path.parent.mkdir()
    sink._on_status(status_message(n=2))
    assert (output.lost, output.fault) == (1, None)
    assert [line["n"] for line in lines(path)] == [2]
