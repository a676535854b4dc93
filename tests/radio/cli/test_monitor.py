# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn monitor` as typed: files, pipes, publishers; outputs; a configuration file; ways to end."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import sigmf
from cli_support import FRAME_LEN, events, fails, run_cli, write_small_bundle
from click.testing import CliRunner
from places import APP, SHARED

pytest.importorskip("gnuradio")

import zmq
from gnuradio.sr2cnn.cli.monitor import DISPLAYS
from gnuradio.sr2cnn.outputs.json_lines import read_json_lines
from gnuradio.sr2cnn.sources.supervision import LATE
from sr2cnn_learn.cli.app import sr2cnn
from waiting import PATIENCE

CAPTURES = SHARED / "captures"
RATE = 100e3
N_FRAMES = 60
N_LEFT = 17  # samples that make no frame
RAW = "--no-condition"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_small_bundle(tmp_path_factory.mktemp("model") / "small.pt")


@pytest.fixture(scope="module")
def samples():
    """complex64: tones, then noise."""
    rng = np.random.default_rng(0)
    n = np.arange(N_FRAMES * FRAME_LEN + N_LEFT)
    noise = rng.normal(size=(len(n), 2)) @ [1, 1j]
    return np.where(n < len(n) // 2, np.exp(0.3j * n), noise).astype(np.complex64)


@pytest.fixture
def recording(tmp_path, samples):
    samples.tofile(tmp_path / "air.sigmf-data")
    meta = sigmf.SigMFFile(global_info={"core:datatype": "cf32_le", "core:sample_rate": RATE})
    meta.add_capture(0, {"core:frequency": 868.95e6})
    path = tmp_path / "air.sigmf-meta"
    path.write_text(meta.dumps())
    return path


def on(source, model):
    """Options of a monitor that takes the samples as they are."""
    return "--source", source, "--model", model, RAW


def start(*arguments, **options):
    command = [sys.executable, str(APP), "monitor", *map(str, arguments)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(command, **options)


def run_here(*arguments):
    """`sr2cnn monitor` in this process, which is quick: for what fails before it begins."""
    result = CliRunner().invoke(sr2cnn, ["monitor", *map(str, arguments)])
    return SimpleNamespace(returncode=result.exit_code, stderr=result.output)


def frames_of(lines):
    return sum(event["n_frames"] for event in lines if event["event"] == "label")


class Publisher:
    """A ZeroMQ publisher of samples, until its context is left."""

    def __init__(self, samples, endpoint="tcp://127.0.0.1:*"):
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PUB)
        self._socket.linger = 0
        self._socket.bind(endpoint)
        self.endpoint = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self._samples = samples.tobytes()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._ending.wait(0.02):
            self._socket.send(self._samples)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        self._thread.join()
        self._socket.close()
        self._context.term()


# -- sources --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fast", [True, False])
def test_a_recording(fast, recording, model):
    result = run_cli("monitor", *on(f"file:{recording}", model), "--out", "-", *["--fast"] * fast)
    assert result.returncode == 0, result.stderr
    lines = events(result.stdout)
    assert frames_of(lines) == N_FRAMES
    labels = [event for event in lines if event["event"] == "label"]
    assert all(label["rx_freq"] == 868.95e6 and label["sample_rate"] == RATE for label in labels)
    assert any(event["event"] == "novel" for event in lines)
    status = [event for event in lines if event["event"] == "status"][-1]
    assert (status["frames_in"], status["frames_out"]) == (N_FRAMES, N_FRAMES)
    assert ("frames_overrun" in status) == (not fast)  # only a live recognizer drops


@pytest.mark.parametrize("kind", ["raw", "sigmf"])
def test_frequency_and_rate_of_a_file(kind, recording, samples, model, tmp_path):
    """What is given wins over what the metadata says, and raw samples say nothing."""
    file = recording
    if kind == "raw":
        file = tmp_path / "air.ci8"
        np.round(samples.view(np.float32) * 20).astype("i1").tofile(file)
    result = run_cli(
        "monitor",
        *on(f"file:{file}", model),
        "--freq",
        "433.92 MHz",
        "--rate",
        "250kHz",
        "--fast",
        "--out",
        "-",
    )
    assert result.returncode == 0, result.stderr
    labels = [event for event in events(result.stdout) if event["event"] == "label"]
    assert labels
    assert all(label["rx_freq"] == 433.92e6 and label["sample_rate"] == 250e3 for label in labels)


@pytest.mark.skipif(not CAPTURES.is_dir(), reason=f"no recordings in {CAPTURES}")
def test_a_capture_as_it_was_received(model):
    """Of a wireless meter: its two telegrams; labels, too, where they are asked for."""
    file = CAPTURES / "wmbus_868M_2fsk.sigmf-meta"
    options = "--source", f"file:{file}", "--model", model, "--fast", "--out", "-"
    for labels in ((), ("--labels",)):
        result = run_cli("monitor", *options, *labels)
        assert result.returncode == 0, result.stderr
        lines = events(result.stdout)
        told = [event for event in lines if event["event"] == "emission" and event["snr"] > 10]
        assert [round(event["start_sample"], -4) for event in told if event["bandwidth"] > 1e5] == [
            380_000,
            730_000,
        ]
        said = {event["emission"]: event["label"] for event in lines if event["event"] == "label"}
        judged = {e["emission"]: e["label"] for e in lines if e["event"] == "emission" and e["label"]}
        assert said == (judged if labels else {})


def test_a_pipe(samples, model):
    process = start(
        *on("stdin:cf32", model), "--rate", "100k", "--freq", "868.95M", "--out", "-", stdin=subprocess.PIPE
    )
    stdout, stderr = process.communicate(samples.tobytes() + b"\x01", timeout=PATIENCE)
    assert process.returncode == 0, stderr
    lines = events(stdout.decode())
    assert frames_of(lines) == N_FRAMES
    assert lines[0]["sample_rate"] == RATE and lines[0]["rx_freq"] == 868.95e6


def test_a_file_of_another_monitor(samples, model, tmp_path):
    """The second is refused; one that comes later goes on behind what is there."""
    out = tmp_path / "labels.jsonl"
    command = [*on("stdin:cf32", model), "--rate", "100k", "--out", out]
    with start(*command, stdin=subprocess.PIPE) as first:
        first.stdin.write(samples.tobytes())
        first.stdin.flush()
        wait_for(out.exists, first)
        second = run_cli("monitor", *command, stdin=subprocess.DEVNULL)
        assert second.returncode == 1 and second.stderr.count("another program") == 1
        assert second.stderr.splitlines()[-1].startswith(f"Error: JSON lines {out}: ")
        _, stderr = first.communicate(timeout=PATIENCE)
    assert first.returncode == 0, stderr
    heard = out.read_text()
    assert frames_of(events(heard)) == N_FRAMES
    with start(*command, stdin=subprocess.PIPE) as later:
        later.communicate(samples.tobytes(), timeout=PATIENCE)
    assert out.read_text().startswith(heard) and frames_of(events(out.read_text())) == 2 * N_FRAMES


def test_a_pipe_of_something_else(samples, model):
    data = np.round(samples.view(np.float32) * 5000).astype("<i2").tobytes()
    source = "--source", "stdin:cf32", "--rate", "1M"
    process = start(*source, "--model", model, RAW, "--out", "-", stdin=subprocess.PIPE)
    stdout, stderr = process.communicate(data, timeout=PATIENCE)
    assert process.returncode == 1 and b"is this ci16?" in stderr and b"Traceback" not in stderr
    assert not frames_of(events(stdout.decode()))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_publisher_until_a_signal(number, samples, model, tmp_path):
    out = tmp_path / "labels.jsonl"
    with Publisher(samples) as publisher:
        process = start(*on(f"zmq:{publisher.endpoint}", model), "--rate", "1M", "--out", out)
        wait_for(lambda: out.exists() and frames_of(read_json_lines(out)) > 100, process)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stdout) == (0, b""), stderr
    lines = events(out.read_text())
    status = [event for event in lines if event["event"] == "status"][-1]
    assert frames_of(lines) == status["frames_out"] - status["invalid"]  # the last run, too
    assert not any(event["event"] == "gap" and event["reason"] != LATE for event in lines)


def wait_for(reached, process):
    give_up = time.monotonic() + 120
    while not reached():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_a_publisher_that_goes_away_and_comes_back(samples, model, tmp_path):
    out = tmp_path / "labels.jsonl"

    def n_events(kind):
        return sum(event["event"] == kind for event in read_json_lines(out)) if out.exists() else 0

    with Publisher(samples) as publisher:
        process = start(*on(f"zmq:{publisher.endpoint}", model), "--rate", "1M", "--out", out)
        wait_for(lambda: n_events("label") > 2, process)
    stderr = [process.stderr.readline()]
    while b"no samples" not in stderr[-1]:  # for five seconds
        stderr.append(process.stderr.readline())
    with Publisher(samples, publisher.endpoint):
        wait_for(lambda: n_events("gap"), process)
        n_labels = n_events("label")
        wait_for(lambda: n_events("label") > n_labels, process)
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, rest
    lines = events(out.read_text())
    (gap,) = [event for event in lines if event["event"] == "gap" and event["reason"] != LATE]
    assert gap["source"] == f"zmq:{publisher.endpoint}" and gap["seconds"] > 1
    spans = [(event["start_sample"], event["n_samples"]) for event in lines if event["event"] == "label"]
    assert not any(first < gap["start_sample"] < first + n for first, n in spans)
    novel = [event["class_id"] for event in lines if event["event"] == "novel"]
    assert len(novel) == len(set(novel))  # those discovered before it live on


def test_duration(model, tmp_path):
    result = run_cli(
        "monitor",
        *on("zmq:tcp://127.0.0.1:9", model),
        "--rate",
        "1M",
        "--out",
        tmp_path / "out",
        "--duration",
        "0.5",
    )
    assert result.returncode == 0, result.stderr


# -- outputs --------------------------------------------------------------------------------------------


def test_table_on_a_terminal(recording, model):
    ours, theirs = pty.openpty()
    environment = dict(os.environ, TERM="xterm", COLUMNS="150", LINES="40")
    process = start(
        *on(f"file:{recording}", model), stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 1 << 16):
            shown += part
    except OSError:  # the terminal's other end is gone
        pass
    assert process.wait(PATIENCE) == 0
    text = shown.decode()
    last = text[text.rindex("share") :]
    assert "unknown_1  new" in last and f"frames_in {N_FRAMES}" in last and "frames_dropped 0" in last
    assert "latency_ms_p50" in last and "{" not in text


def test_quiet_without_a_terminal(recording, model, tmp_path):
    result = run_cli("monitor", *on(f"file:{recording}", model), "--out", tmp_path / "out", "--fast")
    assert result.returncode == 0 and result.stdout == ""
    assert all(":info:" in line for line in result.stderr.splitlines())


def test_publishes_and_serves_metrics_on_loopback(samples, model):
    with socket.create_server(("127.0.0.1", 0)) as a, socket.create_server(("127.0.0.1", 0)) as b:
        ports = a.getsockname()[1], b.getsockname()[1]
    with Publisher(samples) as publisher, zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
        subscriber.linger = 0
        subscriber.rcvtimeo = 120_000
        subscriber.subscribe("labels")
        subscriber.connect(f"tcp://127.0.0.1:{ports[0]}")
        process = start(
            *on(f"zmq:{publisher.endpoint}", model),
            "--rate",
            "1M",
            "--zmq",
            ports[0],
            "--prometheus",
            ports[1],
        )
        topic, event = subscriber.recv_multipart()
        with urllib.request.urlopen(f"http://127.0.0.1:{ports[1]}/metrics", timeout=PATIENCE) as reply:
            assert b"sr2cnn_label_frames_total" in reply.read()
        listening = set()
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/{process.pid}/net/{table}").read_text().splitlines()[1:]:
                address, port = line.split()[1].split(":")
                if line.split()[3] == "0A" and int(port, 16) in ports:
                    listening.add(address)
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, stderr
    assert topic == b"labels" and json.loads(event)["event"] == "label"
    assert listening == {"0100007F"}


def test_annotations_and_rotation(recording, model, tmp_path):
    out = tmp_path / "labels.jsonl"
    result = run_cli(
        "monitor", *on(f"file:{recording}", model), "--fast", "--sigmf", "--out", out, "--rotate", "1k"
    )
    assert result.returncode == 0, result.stderr
    annotations = sigmf.sigmffile.fromfile(str(recording)).get_annotations()
    assert sum(a["core:sample_count"] for a in annotations) == N_FRAMES * FRAME_LEN
    assert frames_of(read_json_lines(out)) <= N_FRAMES
    assert Path(f"{out}.1").exists() and out.stat().st_size <= 1000


def test_registry(recording, model, tmp_path):
    found = []
    for _ in range(2):
        result = run_cli(
            "monitor",
            *on(f"file:{recording}", model),
            "--fast",
            "--out",
            "-",
            "--registry",
            tmp_path / "classes",
        )
        assert result.returncode == 0, result.stderr
        found.append([e["label"] for e in events(result.stdout) if e["event"] == "novel"])
    assert found[0] and found[1] == []  # what was discovered is known as such


def test_window(recording, model):
    pytest.importorskip("PyQt5.QtWidgets")
    result = run_cli(
        "monitor",
        *on(f"file:{recording}", model),
        "--gui",
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr


def test_window_has_a_waterfall(recording, samples, model, monkeypatch):
    pytest.importorskip("PyQt5.QtWidgets")
    np.tile(samples, 30).tofile(recording.with_suffix(".sigmf-data"))  # seconds
    from gnuradio.sr2cnn.cli import monitor

    show, seen = monitor._Window.show, []

    def look(window):
        is_open, panel = show(window), window._widget
        seen.append((panel.waterfall_plot.isVisible(), panel.waterfall.sample_rate))
        return is_open

    monkeypatch.setattr(monitor._Window, "show", look)
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    result = run_here(*on(f"file:{recording}", model), "--gui")
    assert result.returncode == 0, result.stderr
    assert seen[-1] == (True, RATE)


# -- the configuration file -----------------------------------------------------------------------------


def test_config(recording, model, tmp_path):
    config, out = tmp_path / "monitor.toml", tmp_path / "labels.jsonl"
    config.write_text(
        f'source = "file:{recording}"\nmodel = "none.pt"\nrate = "25 kHz"\nfreq = 868950000\n'
        f'fast = true\nout = "{out}"\n'
    )
    result = run_cli("monitor", "--model", model, RAW, "--config", config)  # the command line wins
    assert result.returncode == 0, result.stderr
    first = events(out.read_text())[0]
    assert (first["sample_rate"], first["rx_freq"]) == (25e3, 868.95e6)


@pytest.mark.parametrize(
    "text, words, status",
    [
        ('sauce = "file:x"', ["monitor.toml", "unknown key 'sauce'", "source"], 1),
        ('config = "other.toml"', ["unknown key 'config'"], 1),
        ("source = ", ["monitor.toml", "not TOML"], 1),
        ("[source]\nkind = 1", ["monitor.toml", "source is"], 1),
        ('source = ["a"]', ["monitor.toml", "source is"], 1),
        ('source = "file:x"\nrate = "1MM"', ["1MM"], 2),
        ('source = "file:x"\nfast = "perhaps"', ["perhaps"], 2),
        ("source = 7", ["'7'"], 1),
        ('source = "file:x"\nfreq = nan', ["--freq"], 2),
        ('source = "file:x"\nrate = -1.0', ["--rate"], 2),
        ("\x00", ["not TOML"], 1),
    ],
)
def test_configs_that_are_none(text, words, status, tmp_path):
    config = tmp_path / "monitor.toml"
    config.write_text(text)
    fails(run_here("--config", config, "--out", "-"), *words, status=status)


# -- one clear line -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, words, status",
    [
        (["--out", "-"], ["--source"], 2),
        (["--source", "rtl:0", "--out", "-"], ["rtl:0", "soapy:driver=rtlsdr"], 1),
        (["--source", "file:none.sigmf-meta", "--out", "-"], ["none.sigmf-meta", "no such file"], 1),
        (["--source", "file:none.cf32", "--freq", "-1M", "--out", "-"], ["--freq", "-1e+06 Hz"], 2),
        (["--source", "stdin:cf32", "--out", "-"], ["--rate"], 1),
        (["--source", "stdin:cf32", "--rate", "0", "--out", "-"], ["0 Hz"], 2),
        (["--source", "stdin:cf32", "--rate", "abc", "--out", "-"], ["abc"], 2),
        (["--source", "stdin:cf32", "--rate", "1M", "--fast", "--out", "-"], ["--fast"], 2),
        (["--source", "stdin:cf32", "--rate", "1M", "--sigmf"], ["--sigmf"], 2),
        (["--source", "stdin:cf32", "--rate", "1M"], ["nothing to put out", "--out"], 2),
        (["--source", "stdin:cf32", "--rate", "1M", "--out", "-", "--rotate", "1M"], ["--rotate"], 2),
        (["--source", "stdin:cf32", "--rate", "1M", "--out", "x", "--rotate", "0"], ["0"], 2),
        (["--source", "stdin:cf32", "--rate", "1M", "--out", "-", "--duration", "0"], ["--duration"], 2),
        (["--source", "stdin:cf32", "--rate", "1M", "--prometheus", "http"], ["http"], 2),
        (["--source", "stdin:cf32", "--rate", "1M", "--prometheus", "70000"], ["70000"], 1),
        (["--source", "stdin:cf32", "--rate", "1M", "--prometheus", "here:7000"], ["here"], 1),
        (["--source", "stdin:cf32", "--rate", "1M", "--zmq", "nowhere"], ["nowhere"], 1),
        (["--source", "stdin:cf32", "--rate", "1M", "--out", "/none/out"], ["/none/out"], 1),
        (["--source", "stdin:cf32", "--rate", "1M", "--gui"], ["--gui", "DISPLAY"], 2),
        (["--source", "soapy:driver=none", "--rate", "1M", "--out", "-"], ["--freq"], 1),
    ],
)
def test_says_in_one_line(arguments, words, status, model, monkeypatch):
    for name in DISPLAYS:
        monkeypatch.delenv(name, raising=False)
    fails(run_here("--model", model, RAW, *arguments), *words, status=status)


def test_a_device_that_is_not_there(model):
    radio = "--freq", "1M", "--rate", "1M", "--out", "-", "--model", model
    fails(run_cli("monitor", "--source", "soapy:driver=none", *radio), "soapy:driver=none", "installed")


def test_a_raw_file_without_a_rate_cannot_be_paced(samples, model, tmp_path):
    samples.tofile(tmp_path / "air.cf32")
    fails(run_here("--source", f"file:{tmp_path / 'air.cf32'}", "--out", "-"), "--rate", "--fast")
