# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples as a user runs them: the scripts, and the flowgraphs through grcc."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import sigmf
import yaml
from cli_support import write_small_bundle
from gnuradio.sr2cnn.outputs.zmq_pub import ZmqPub
from sr2cnn_learn.datasets import save_radioml
from sr2cnn_learn.recordings import open_recording

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
NAMES = ["radioml_replay", "raw_chain", "recording_to_labels", "sdr_monitor", "sensor", "wideband_monitor"]
SCRIPTS_ONLY = ["collector", "record_unknown"]  # GNU Radio Companion has no words for them
TESTED_ELSEWHERE = ["label_display"]  # in test_label_display.py
ON_THE_AIR = ["recording_to_labels", "sdr_monitor", "sensor", "wideband_monitor"]  # with a conditioner
N_FRAMES = 40


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A recording and a RadioML file, of noise: what the labels are is not judged here."""
    folder = tmp_path_factory.mktemp("inputs")
    rng = np.random.default_rng(0)
    samples = rng.standard_normal((N_FRAMES * 128 + 5, 2)).astype(np.float32)
    recording = folder / "noise.cf32"
    samples.tofile(recording)
    frames = rng.standard_normal((N_FRAMES // 2, 2, 128)).astype(np.float32)
    radioml = folder / "noise.npz"
    save_radioml(radioml, {("QPSK", 18): frames, ("GFSK", 18): frames})
    air = folder / "air.cf32"  # a burst of QPSK above the noise
    symbols = np.exp(0.5j * np.pi * rng.integers(4, size=1000))
    burst = np.convolve(np.repeat(symbols, 8), np.hanning(9) / 4)
    noise = 0.01 * rng.standard_normal((30_000, 2)) @ [1, 1j]
    noise[10_000 : 10_000 + len(burst)] += burst
    noise.astype(np.complex64).tofile(air)
    again = folder / "again.cf32"  # and again and again, for what is left running
    np.tile(noise, 20).astype(np.complex64).tofile(again)
    band = folder / "band.cf32"  # the same, eight times as long, in a channel beside the middle
    wide = 0.01 * rng.standard_normal((400_000, 2)) @ [1, 1j]
    burst = np.convolve(np.repeat(symbols, 80), np.hanning(81) / 40)
    wide[200_000 : 200_000 + len(burst)] += burst * np.exp(2j * np.pi * 0.125 * np.arange(len(burst)))
    wide.astype(np.complex64).tofile(band)
    return dict(recording=recording, radioml=radioml, air=air, again=again, band=band)


def run(*command, cwd):
    environment = {**os.environ, "GRC_BLOCKS_PATH": str(ROOT / "grc"), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_window(*command, cwd):
    """Run what has a window until labels.jsonl has a label of whom it heard, then Ctrl-C; that file's text."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "QT_QPA_PLATFORM": "offscreen"}
    process = subprocess.Popen(
        [str(part) for part in command], cwd=cwd, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    labels, give_up = cwd / "labels.jsonl", time.monotonic() + 120
    while process.poll() is None and time.monotonic() < give_up:
        time.sleep(0.2)
        if labels.exists() and all(f'"event": "{kind}"' in labels.read_text() for kind in ("label", "burst")):
            break
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and "Traceback" not in out, out
    return labels.read_text()


def labelled(text):
    events = [json.loads(line) for line in text.splitlines()]
    return sum(event["n_frames"] for event in events if event["event"] == "label")


def test_there_are_a_script_and_a_flowgraph_of_each():
    assert sorted(p.stem for p in EXAMPLES.glob("*.grc")) == sorted(NAMES + TESTED_ELSEWHERE)
    assert sorted(p.stem for p in EXAMPLES.glob("*.py")) == sorted(NAMES + SCRIPTS_ONLY + TESTED_ELSEWHERE)


@pytest.mark.parametrize("name", NAMES + SCRIPTS_ONLY)
def test_script_has_help(name, tmp_path):
    assert "usage" in run(sys.executable, EXAMPLES / f"{name}.py", "--help", cwd=tmp_path)


def test_radioml_replay_script(inputs, tmp_path):
    out = run(sys.executable, EXAMPLES / "radioml_replay.py", inputs["radioml"], cwd=tmp_path)
    report = json.loads(out[out.index("{") :])
    assert report["frames"] == N_FRAMES
    assert labelled((tmp_path / "labels.jsonl").read_text()) == N_FRAMES


def test_raw_chain_script(inputs, tmp_path):
    out = run(sys.executable, EXAMPLES / "raw_chain.py", inputs["recording"], cwd=tmp_path)
    assert labelled(out) == N_FRAMES
    vectors = np.fromfile(tmp_path / "z.f32", np.float32)
    assert vectors.size == N_FRAMES * 65 and np.isfinite(vectors).all()


def test_recording_to_labels_script(inputs, tmp_path):
    out = run(sys.executable, EXAMPLES / "recording_to_labels.py", inputs["air"], cwd=tmp_path)
    assert bursts(out)


def bursts(text, start=10_000, n=8000):
    """Labels of the burst in `inputs`, of which they cover most."""
    events = [json.loads(line) for line in text.splitlines()]
    events = [event for event in events if event.get("start_sample", 0) < start + 2 * n]
    (burst,) = [event for event in events if event["event"] == "burst"]
    assert abs(burst["start_sample"] - start) < 500 and abs(burst["n_samples"] - n) < 1000
    labels = [event for event in events if event["event"] == "label"]
    assert sum(event["n_samples"] for event in labels) > n // 2
    return labels


def test_sdr_monitor_script(inputs, tmp_path):
    script = EXAMPLES / "sdr_monitor.py"
    text = run_window(
        sys.executable, script, "--file", inputs["again"], "--events", "labels.jsonl", cwd=tmp_path
    )
    assert bursts(text)


def test_wideband_monitor_script(inputs, tmp_path):
    out = run(sys.executable, EXAMPLES / "wideband_monitor.py", "--file", inputs["band"], cwd=tmp_path)
    assert {label["channel"] for label in bursts(out, 200_000, 80_000)} == {5}


def test_sensors_and_a_collector(inputs, tmp_path):
    """The collector is there first; each sensor ends, and comes back, until it was heard."""
    names = "roof", "yard"
    addresses = [f"{name}=ipc://{tmp_path}/{name}" for name in names]
    command = [sys.executable, str(EXAMPLES / "collector.py"), *addresses, "--json"]
    collector = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    outputs = [ZmqPub(address.partition("=")[2]) for address in addresses]
    heard, reader = [], threading.Thread(target=lambda: heard.extend(map(json.loads, collector.stdout)))
    reader.start()
    while {event["sensor"] for event in heard} != set(names):
        assert collector.poll() is None
        for k, output in enumerate(outputs):
            event = dict(event="label", label=f"QPSK {k}", known=True, n_frames=3)
            output.write("labels", event)
        time.sleep(0.05)
    collector.send_signal(signal.SIGINT)
    assert collector.wait(120) == 0
    reader.join()
    for output in outputs:
        output.close()
    assert {(event["sensor"], event["label"]) for event in heard} == {("roof", "QPSK 0"), ("yard", "QPSK 1")}


def test_sensor_script(inputs, tmp_path):
    run(
        sys.executable, EXAMPLES / "sensor.py", "--file", inputs["air"],
        "--publish", f"ipc://{tmp_path}/sensor", cwd=tmp_path,
    )  # fmt: skip
    assert bursts((tmp_path / "labels.jsonl").read_text())


def test_unknown_signals_are_recorded(inputs, tmp_path):
    model = write_small_bundle(tmp_path / "small.pt")
    out = run(
        sys.executable, EXAMPLES / "record_unknown.py", "--file", inputs["air"], "--model", model,
        "--folder", tmp_path / "unknown", "--least", "128", "--most", "2", cwd=tmp_path,
    )  # fmt: skip
    metas = sorted((tmp_path / "unknown").glob("*.sigmf-meta"))
    assert metas and f"{len(metas)} recordings" in out
    air = open_recording(inputs["air"]).samples()
    for meta in metas:
        recording = sigmf.sigmffile.fromfile(str(meta))
        recording.validate()
        (annotation,) = recording.get_annotations()
        assert annotation["core:label"] == meta.stem.rpartition("_")[0]
        assert meta.stem.endswith(("_1", "_2"))  # at most two of each class
        samples = open_recording(meta).samples()
        assert len(samples) == annotation["core:sample_count"] >= 128
        (at,) = np.flatnonzero(air == samples[0])
        assert np.array_equal(air[at : at + len(samples)], samples)


def with_file_in_place_of_the_radio(flowgraph, folder):
    """A copy of the flowgraph with its SDR disabled and its recording enabled."""
    graph = yaml.safe_load(flowgraph.read_text())
    for block in graph["blocks"]:
        if block["name"] in ("sdr", "recording", "throttle"):
            block["states"]["state"] = "disabled" if block["name"] == "sdr" else "enabled"
    copy = folder / flowgraph.name
    copy.write_text(yaml.safe_dump(graph))
    return copy


@pytest.mark.parametrize("name", NAMES)
def test_flowgraph_compiles_and_runs(name, inputs, tmp_path):
    flowgraph = EXAMPLES / f"{name}.grc"
    run("grcc", "-o", tmp_path, flowgraph, cwd=tmp_path)
    assert (tmp_path / f"{name}.py").is_file()
    if name in ON_THE_AIR:
        folder = tmp_path / "with_file"
        folder.mkdir()
        flowgraph = with_file_in_place_of_the_radio(flowgraph, folder)
        run("grcc", "-o", tmp_path, flowgraph, cwd=tmp_path)
    special = {"radioml_replay": "radioml", "wideband_monitor": "band", "sdr_monitor": "again"}
    source = inputs[special.get(name, "air" if name in ON_THE_AIR else "recording")]
    options = ["--publish", f"ipc://{tmp_path}/sensor"] if name == "sensor" else []
    start = run_window if name == "sdr_monitor" else run
    start(sys.executable, tmp_path / f"{name}.py", "--path", source, *options, cwd=tmp_path)
    text = (tmp_path / "labels.jsonl").read_text()
    if name == "wideband_monitor":
        assert bursts(text, 200_000, 80_000)
    elif name in ON_THE_AIR:
        assert bursts(text)
    else:
        assert labelled(text) == N_FRAMES
