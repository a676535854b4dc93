# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn classify`: a label for every whole frame, one line for every bad input."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import soundfile
from cli_support import FRAME_LEN, events, fails, run_cli, write_small_bundle
from places import APP
from waiting import PATIENCE, until

pytest.importorskip("gnuradio")

N_FRAMES = 50


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_small_bundle(tmp_path_factory.mktemp("bundle") / "small.pt")


@pytest.fixture
def samples():
    rng = np.random.default_rng(2)
    tones = np.exp(2j * np.pi * rng.uniform(-0.2, 0.2, (N_FRAMES, 1)) * np.arange(FRAME_LEN))
    noise = rng.standard_normal((N_FRAMES, FRAME_LEN, 2)) @ [0.1, 0.1j]
    return (0.5 * (tones + noise)).ravel().astype(np.complex64)


def labelled(lines):
    """The labels' runs, checked to follow each other without a gap: number of frames."""
    runs = [event for event in lines if event["event"] == "label"]
    start = runs[0]["start_sample"]
    for run in runs:
        assert run["start_sample"] == start
        start += run["n_frames"] * FRAME_LEN
    return sum(run["n_frames"] for run in runs)


@pytest.mark.parametrize("suffix", ["cf32", "ci16", "ci8", "cu8", "wav"])
def test_every_whole_frame_gets_a_label(bundle, samples, tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    samples = np.append(samples, samples[:37])
    values = samples.view(np.float32)
    if suffix == "wav":
        soundfile.write(path, values.reshape(-1, 2), 48000, subtype="FLOAT")
    else:
        stored = {
            "cf32": values,
            "ci16": np.round(values * 2**15).astype("<i2"),
            "ci8": np.round(values * 2**7).astype("i1"),
            "cu8": np.round(values * 2**7 + 127.5).astype("u1"),
        }[suffix]
        path.write_bytes(stored.tobytes())
    result = run_cli("classify", path, "--no-condition", "--model", bundle)
    assert result.returncode == 0, result.stderr
    recording, *lines = events(result.stdout)
    assert recording["event"] == "recording" and recording["file"] == str(path)
    assert recording["n_samples"] == N_FRAMES * FRAME_LEN + 37
    assert labelled(lines) == N_FRAMES
    assert f"{N_FRAMES} frames labelled" in result.stderr
    found = {e["label"] for e in lines if e["event"] == "label" and not e["known"]}
    novel = {e["label"]: e["description"] for e in lines if e["event"] == "novel"}
    assert found and set(novel) == found
    assert all(seen["envelope"] in ("constant", "varying", "unsure") for seen in novel.values())
    assert "looks like" in result.stderr and " envelope" in result.stderr


@pytest.mark.parametrize("condition", [(), ("--no-condition",)])
def test_rate_and_frequency_of_raw_samples(condition, bundle, samples, tmp_path):
    path = tmp_path / "a.cf32"
    air = np.zeros(4 * len(samples), np.complex64)  # an emission, for the detector
    air[len(samples) : 2 * len(samples)] = samples
    noise = np.random.default_rng(3).standard_normal((len(air), 2)) @ [1e-3, 1e-3j]
    (air + noise).astype(np.complex64).tofile(path)
    result = run_cli("classify", path, *condition, "--rate", "48k", "--freq", "868.95MHz", "--model", bundle)
    assert result.returncode == 0, result.stderr
    recording, *lines = events(result.stdout)
    assert (recording["sample_rate"], recording["center_frequency"]) == (48e3, 868.95e6)
    found = [event for event in lines if event["event"] == ("label" if condition else "emission")]
    assert found
    for event in found:
        assert event["sample_rate"] == 48e3
        # Of an emission it is its own.
        center = event["rx_freq"] if condition else event["center_frequency"] - event["frequency_offset"]
        assert abs(center - 868.95e6) < 0.1
    fails(run_cli("classify", path, "--rate", "fast", "--model", bundle), "--rate", "868.95M", status=2)


def test_several_files_to_one(bundle, samples, tmp_path):
    paths = [tmp_path / "a.bin", tmp_path / "b.bin"]
    for path in paths:
        path.write_bytes(samples.tobytes() + b"123")
    out = tmp_path / "labels.jsonl"
    raw = ["--datatype", "cf32", "--rate", 1e6, "--no-condition"]
    result = run_cli("classify", *paths, *raw, "--model", bundle, "--out", out)
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    assert "3 bytes at the end make no sample" in result.stderr
    lines = events(out.read_text())
    starts = [i for i, event in enumerate(lines) if event["event"] == "recording"]
    assert [lines[i]["file"] for i in starts] == [str(path) for path in paths]
    assert lines[0]["sample_rate"] == 1e6
    first, second = lines[1 : starts[1]], lines[starts[1] + 1 :]
    assert labelled(first) == labelled(second) == N_FRAMES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.bin", "b.bin", "labels.jsonl"]


def test_nan_and_inf_are_counted_never_a_class(bundle, samples, tmp_path):
    samples[5 * FRAME_LEN + 3] = np.nan
    samples[20 * FRAME_LEN] = np.inf
    path = tmp_path / "a.cf32"
    path.write_bytes(samples.tobytes())
    result = run_cli("classify", path, "--no-condition", "--model", bundle)
    assert result.returncode == 0, result.stderr
    runs = [event for event in events(result.stdout) if event["event"] == "label"]
    assert sum(run["n_frames"] for run in runs) == N_FRAMES - 2
    assert "2 frames skipped for NaN or Inf" in result.stderr


def test_bad_input(bundle, samples, tmp_path):
    good, path, out = tmp_path / "good.cf32", tmp_path / "a.cf32", tmp_path / "labels.jsonl"
    good.write_bytes(samples.tobytes())

    def classify(*arguments, model=bundle):
        return run_cli("classify", *arguments, "--model", model, "--out", out)

    fails(classify(path), "a.cf32: no such file")
    fails(classify(good, path), "a.cf32: no such file")
    fails(classify(good, "--datatype", "cf99"), "good.cf32", "cf99", "ci16")
    fails(classify(good, "--rate", "-1"), "--rate", "more than 0 Hz", status=2)
    fails(classify(good, "--hop", "-1"), "hop", status=2)
    fails(classify(good, "--device", "tpu"), "tpu")
    fails(classify(good, model=tmp_path / "none.pt"), "none.pt: no such model file")
    fails(classify(good, model=good), "good.cf32: not a model bundle")
    fails(classify(), "FILE", status=2)
    path.write_bytes(b"")
    fails(classify(path), "a.cf32: the file is empty")
    path.write_bytes(b"123")
    fails(classify(path), "a.cf32: no samples")
    (tmp_path / "a.dat").write_bytes(samples.tobytes())
    fails(classify(tmp_path / "a.dat"), "a.dat: the name does not tell the datatype")
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    fails(classify(tmp_path / "a.wav"), "a.wav: not a WAV file")
    np.round(samples.view(np.float32) * 3000).astype("<i2").tofile(path)
    fails(classify(path), "a.cf32: no samples of cf32", "is this ci16?")
    meta = {
        "global": {"core:datatype": "ci16_le", "core:version": "1.0.0"},
        "captures": [{"core:sample_start": 0}],
        "annotations": [],
    }
    (tmp_path / "a.sigmf-meta").write_text(json.dumps(meta))
    fails(classify(tmp_path / "a.sigmf-meta"), "a.sigmf-data: no such file")
    assert not out.exists() and not list(tmp_path.glob(".*"))


def test_cuda_absent(bundle, samples, tmp_path):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("CUDA is here")
    path = tmp_path / "a.cf32"
    path.write_bytes(samples.tobytes())
    fails(run_cli("classify", path, "--no-condition", "--model", bundle, "--device", "cuda"), "CUDA", "cpu")


def test_shorter_than_a_frame(bundle, samples, tmp_path):
    path = tmp_path / "a.cf32"
    path.write_bytes(samples[:100].tobytes())
    result = run_cli("classify", path, "--no-condition", "--model", bundle)
    assert result.returncode == 0, result.stderr
    assert "0 frames labelled" in result.stderr


def test_interrupted_leaves_nothing(bundle, samples, tmp_path):
    path, out = tmp_path / "a.cf32", tmp_path / "labels.jsonl"
    path.write_bytes(samples.tobytes() * 5000)
    command = [sys.executable, APP, "classify", path, "--no-condition", "--model", bundle, "--out", out]
    process = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob(".labels.jsonl.*.part")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "interrupted" in stderr and "Traceback" not in stderr
    assert [file.name for file in tmp_path.iterdir()] == ["a.cf32"]


def test_interrupted_keeps_what_is_finished(bundle, samples, tmp_path):
    short, long, out = tmp_path / "a.cf32", tmp_path / "b.cf32", tmp_path / "labels.jsonl"
    short.write_bytes(samples.tobytes())
    long.write_bytes(samples.tobytes() * 20_000)
    link = tmp_path / "link"
    link.symlink_to(out.name)
    out.write_text("before\n")
    command = [sys.executable, APP, "classify", short, long, "--no-condition"]
    command += ["--model", bundle, "--out", link]
    process = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True)

    def in_the_second():
        assert process.poll() is None, process.stderr.read()
        return any(str(long) in part.read_text() for part in tmp_path.glob(".labels.jsonl.*.part"))

    until(in_the_second)
    assert out.read_text() == "before\n"
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130 and "holds 1 of 2 recordings" in stderr
    recording, *lines = events(out.read_text())
    assert recording["file"] == str(short) and labelled(lines) == N_FRAMES
    assert not any(event["event"] == "recording" for event in lines) and link.is_symlink()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.cf32", "b.cf32", "labels.jsonl", "link"]


def test_out_into_what_is_no_file(bundle, samples, tmp_path):
    """A named pipe, a terminal, a shell's >(…) and >>."""
    path, pipe, appended = tmp_path / "a.cf32", tmp_path / "pipe", tmp_path / "appended"
    path.write_bytes(samples.tobytes())
    os.mkfifo(pipe)
    appended.write_text('{"event": "before"}\n')
    command = f"{sys.executable} {APP} classify {path} --no-condition --model {bundle} --out"

    def heard(text):
        recording, *lines = events(text)
        assert recording["file"] == str(path) and labelled(lines) == N_FRAMES

    def bash(line):
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        return done.stdout

    heard(bash(f"cat {pipe} & {command} {pipe}; wait"))
    assert pipe.is_fifo()
    heard(bash(f"{command} >(cat) | cat"))
    heard(bash(f"{command} /dev/stdout | cat"))
    bash(f"{command} /dev/fd/3 3>>{appended}")
    before, rest = appended.read_text().split("\n", 1)
    assert events(before) == [{"event": "before"}]
    heard(rest)
    leader, terminal = os.openpty()
    device, taken = os.ttyname(terminal), []
    reader = threading.Thread(target=lambda: taken.append(read_all(leader)))
    reader.start()
    bash(f"{command} {device}")
    os.close(terminal)
    reader.join()
    os.close(leader)
    heard(taken[0])


def read_all(leader):
    """What a terminal gets, until the last program has closed it."""
    text = b""
    with contextlib.suppress(OSError):
        while chunk := os.read(leader, 1 << 16):
            text += chunk
    return text.decode()


def test_a_full_disk_keeps_what_is_finished(bundle, samples, tmp_path):
    short, long, out = tmp_path / "a.cf32", tmp_path / "b.cf32", tmp_path / "labels.jsonl"
    short.write_bytes(samples.tobytes())
    long.write_bytes(samples.tobytes() * 100)
    command = f"ulimit -f 2; {sys.executable} {APP} classify {short} {long} --no-condition --model {bundle}"
    result = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; {command} --out {out}"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "holds 1 of 2 recordings" in result.stderr
    assert result.stderr.splitlines()[-1].startswith(f"Error: {out}: ")
    recording, *lines = events(out.read_text())
    assert recording["file"] == str(short) and labelled(lines) == N_FRAMES


def test_annotations_and_subscribers(bundle, samples, tmp_path):
    sigmf, zmq = pytest.importorskip("sigmf"), pytest.importorskip("zmq")
    raw, recording = tmp_path / "a.ci8", tmp_path / "b.sigmf-meta"
    np.round(samples.view(np.float32) * 2**7).astype("i1").tofile(raw)
    samples.tofile(tmp_path / "b.sigmf-data")
    meta = sigmf.SigMFFile(global_info={"core:datatype": "cf32_le", "core:sample_rate": 1e6})
    meta.add_capture(0)
    meta.add_annotation(5, 100, {"core:label": "theirs"})
    recording.write_text(meta.dumps())
    with zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
        subscriber.linger, subscriber.rcvtimeo = 0, 60_000
        subscriber.subscribe("labels")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        subscriber.connect(f"tcp://127.0.0.1:{port}")
        outputs = ["--sigmf", "--zmq", port]
        result = run_cli("classify", raw, recording, "--no-condition", "--model", bundle, *outputs)
        assert result.returncode == 0, result.stderr
        received = []
        while subscriber.poll(1000):
            kind, event = subscriber.recv_multipart()
            received.append(json.loads(event))
    labels = [event for event in events(result.stdout) if event["event"] == "label"]
    sequence = [event.pop("sequence") for event in received]
    assert sequence == list(range(len(labels)))  # it was there before the model had loaded
    assert received == labels

    of_raw = sigmf.fromfile(tmp_path / "a.ci8.sigmf-meta")
    of_raw.validate()
    assert of_raw.datatype == "ci8" and len(of_raw) == N_FRAMES * FRAME_LEN
    heard = of_raw.get_annotations()
    assert sum(a["core:sample_count"] for a in heard) == N_FRAMES * FRAME_LEN
    both = sigmf.fromfile(recording).get_annotations()
    assert [a["core:label"] for a in both if "core:generator" not in a] == ["theirs"]
    names = [a["core:label"] for a in heard] + [a["core:label"] for a in both if "core:generator" in a]
    assert names == [event["label"] for event in labels]
    again = run_cli("classify", tmp_path / "a.ci8.sigmf-meta", "--no-condition", "--model", bundle, "--sigmf")
    assert again.returncode == 0, again.stderr
    assert sigmf.fromfile(tmp_path / "a.ci8.sigmf-meta").get_annotations() == heard


def test_outputs_that_cannot_be(bundle, samples, tmp_path):
    wav = tmp_path / "a.wav"
    soundfile.write(wav, samples.view(np.float32).reshape(-1, 2), 48000, subtype="FLOAT")
    command = ["classify", wav, "--no-condition", "--model", bundle]
    fails(run_cli(*command, "--sigmf"), "a.wav: a WAV file", "--sigmf")
    fails(run_cli(*command, "--zmq", "nowhere"), "'nowhere', expected")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        fails(run_cli(*command, "--zmq", port), f"127.0.0.1:{port}", "in use")


@pytest.fixture
def band(tmp_path):
    """Two emissions in noise, the first at 50 kHz of 200 kHz."""
    rng = np.random.default_rng(3)
    samples = 0.01 * (rng.standard_normal((200_000, 2)) @ [1, 1j])
    for start, frequency in ((40_000, 0.25), (120_000, -0.2)):
        symbols = np.kron(rng.choice([-1, 1], 5000), np.eye(1, 8)[0])
        symbols = np.convolve(symbols, np.hanning(18)[1:-1], "same")
        samples[start : start + 40_000] += 0.2 * symbols * np.exp(2j * np.pi * frequency * np.arange(40_000))
    path = tmp_path / "band.cf32"
    path.write_bytes(samples.astype(np.complex64).tobytes())
    return path


def test_picture(bundle, band, tmp_path):
    from PIL import Image

    out, drawn = tmp_path / "events.jsonl", tmp_path / "band.png"
    result = run_cli("classify", band, "--rate", "200k", "--model", bundle, "--out", out, "--picture", drawn)
    assert result.returncode == 0, result.stderr
    bright = np.asarray(Image.open(drawn).convert("RGB")).astype(int)
    assert bright.shape == (900, 1600, 3)
    light = (bright.min(axis=2) > 180)[60:800, 100:1300]  # of the strongest, within the axes
    rows, columns = np.nonzero(light)
    above, below = columns[rows < 370], columns[rows > 370]  # the first has the higher frequency
    assert len(above) > 500 and len(below) > 500 and above.max() < below.min()


def test_report(bundle, band, tmp_path):
    written = tmp_path / "a report.html"
    tuned = ["--rate", "200k", "--freq", "868.95M"]
    result = run_cli("classify", band, *tuned, "--model", bundle, "--report", written)
    assert result.returncode == 0, result.stderr
    text = written.read_text()
    told = [event for event in events(result.stdout) if event["event"] == "emission"]
    assert text.count("<rect ") == text.count("<tr id=") == len(told) == 2
    assert f"--report &#39;{written}&#39;</dd>" in text and "<dd>small</dd>" in text
    middles = [float(value) for value in re.findall('<td data-value="(86[0-9.]+)"', text)]  # MHz
    assert middles == pytest.approx([869.0, 868.91], abs=0.003)


def test_pictures_of_several(bundle, band, tmp_path):
    twin = tmp_path / "twin.cf32"
    twin.write_bytes(band.read_bytes())
    command = [
        "classify",
        band,
        twin,
        "--rate",
        "200k",
        "--model",
        bundle,
        "--out",
        tmp_path / "events.jsonl",
    ]
    fails(run_cli(*command, "--picture", tmp_path / "all.png"), "no folder, expected one for 2 recordings")
    assert not (tmp_path / "events.jsonl").exists()
    folder = tmp_path / "pictures"
    folder.mkdir()
    result = run_cli(*command, "--picture", folder, "--report", folder)
    assert result.returncode == 0, result.stderr
    expected = [f"{name}.cf32.{suffix}" for name in ("band", "twin") for suffix in ("html", "png")]
    assert sorted(path.name for path in folder.iterdir()) == expected
    other = folder / "band.cf32"
    other.write_bytes(band.read_bytes())
    result = run_cli("classify", band, other, "--picture", folder)
    fails(result, "2 recordings are called band.cf32")


def test_a_picture_that_cannot_be_leaves_the_events(bundle, band, tmp_path):
    out, occupied = tmp_path / "events.jsonl", tmp_path / "occupied"
    command = ["classify", band, "--rate", "200k", "--model", bundle, "--out", out, "--picture"]
    fails(run_cli(*command, tmp_path / "a.tiff2"), "no format of pictures is called 'tiff2'")
    fails(run_cli(*command, tmp_path / "absent" / "a.png"), "no such folder")
    assert not out.exists()
    (occupied / "band.cf32.png").mkdir(parents=True)
    result = run_cli(*command, occupied)
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "band.cf32.png" in result.stderr.splitlines()[-1]
    assert [event["event"] for event in events(out.read_text())].count("emission") == 2
