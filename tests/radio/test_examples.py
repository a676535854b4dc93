# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples as a user runs them: the scripts, and the flowgraphs through grcc."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
import sigmf
import yaml
from cli_support import write_small_bundle
from gnuradio.sr2cnn.outputs.zmq_pub import ZmqPub
from places import ROOT
from sr2cnn_learn.datasets import save_radioml
from sr2cnn_learn.recordings import open_recording
from waiting import PATIENCE, until

EXAMPLES = ROOT / "examples"
NAMES = ["radioml_replay", "raw_chain", "recording_to_labels", "sdr_monitor", "sensor"]
SCRIPTS_ONLY = ["collector", "make_band", "record_unknown"]  # GNU Radio Companion has no words for them
TESTED_ELSEWHERE = ["label_display"]  # in test_label_display.py
N_FRAMES = 40


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A recording and a RadioML file, of noise: what the labels are is not judged here."""
    folder = tmp_path_factory.mktemp("inputs")
    rng = np.random.default_rng(0)
    samples = rng.standard_normal((N_FRAMES * 128 + 5, 2)).astype(np.float32)
    recording = folder / "noise.cf32"
    samples.tofile(recording)
    frames = rng.standard_normal((N_FRAMES // 2, 128, 2)).astype(np.float32)
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
    return dict(recording=recording, radioml=radioml, air=air, again=again)


def run(*command, cwd):
    environment = {**os.environ, "GRC_BLOCKS_PATH": str(ROOT / "grc"), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_window(*command, cwd, enough=2):
    """Run what does not end until labels.jsonl has enough emissions, then Ctrl-C; that file's text."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "QT_QPA_PLATFORM": "offscreen"}
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    labels, give_up = cwd / "labels.jsonl", time.monotonic() + 120
    while process.poll() is None and time.monotonic() < give_up:
        time.sleep(0.2)
        text = labels.read_text() if labels.exists() else ""
        if text.count('"event": "emission"') >= enough:
            break
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=PATIENCE)
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
    out = run(sys.executable, EXAMPLES / "raw_chain.py", inputs["air"], cwd=tmp_path)
    assert is_heard(out)
    vectors = np.fromfile(tmp_path / "z.f32", np.float32)
    assert vectors.size == labelled(out) * 65 > 0 and np.isfinite(vectors).all()


def test_recording_to_labels_script(inputs, tmp_path):
    out = run(sys.executable, EXAMPLES / "recording_to_labels.py", inputs["air"], cwd=tmp_path)
    assert is_heard(out)


def emissions(text):
    """Events of a recognizer or, where it is the raw chain, bursts, with the label that most of each has."""
    events = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    found = [event for event in events if event["event"] == "emission"]
    if found:
        return sorted(found, key=lambda event: event["start_sample"])
    frames, known = defaultdict(Counter), {}
    for event in events:
        if event["event"] == "label":
            frames[event["burst"]][event["label"]] += event["n_frames"]
            known[event["label"]] = event["known"]
    found = [event for event in events if event["event"] == "burst"]
    for event in found:
        event["label"] = frames[event["burst"]].most_common(1)[0][0]
        event["known"] = known[event["label"]]
    return found


def is_heard(text, start=10_000, n=8000):
    """Whether the first emission is the burst in `inputs`, and is judged."""
    first = emissions(text)[0]
    about = first["start_sample"] - start, first["n_samples"] - n
    return first["label"] and max(map(abs, about)) < 1000


def test_sdr_monitor_script(inputs, tmp_path):
    script = EXAMPLES / "sdr_monitor.py"
    text = run_window(
        sys.executable, script, "--file", inputs["again"], "--events", "labels.jsonl", cwd=tmp_path
    )
    assert is_heard(text)


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
    assert collector.wait(PATIENCE) == 0
    reader.join()
    for output in outputs:
        output.close()
    assert {(event["sensor"], event["label"]) for event in heard} == {("roof", "QPSK 0"), ("yard", "QPSK 1")}


def test_sensor_script(inputs, tmp_path):
    run(
        sys.executable,
        EXAMPLES / "sensor.py",
        "--file",
        inputs["air"],
        "--publish",
        f"ipc://{tmp_path}/sensor",
        cwd=tmp_path,
    )
    assert is_heard((tmp_path / "labels.jsonl").read_text())


def test_unknown_signals_are_recorded(inputs, tmp_path):
    model = write_small_bundle(tmp_path / "small.pt")
    out = run(
        sys.executable,
        EXAMPLES / "record_unknown.py",
        "--file",
        inputs["air"],
        "--model",
        model,
        "--folder",
        tmp_path / "unknown",
        "--least",
        "128",
        "--most",
        "2",
        cwd=tmp_path,
    )
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


#: What is in examples/band.sigmf-meta, in the order in which it comes; a PPM is none that the model knows.
BAND = ["QPSK", "2FSK", "BPSK", "unknown", "GFSK", "QAM16"]


def heard(text):
    """What the emissions are, in the order in which they begin."""
    return [event["label"] if event["known"] else "unknown" for event in emissions(text)]


def test_the_recordings_are_small_free_and_made_by_the_command_that_they_name(tmp_path):
    files = [EXAMPLES / name for name in ("band.sigmf-meta", "band.sigmf-data", "radioml.npz")]
    assert sum(file.stat().st_size for file in files) < 2e6
    run(sys.executable, EXAMPLES / "make_band.py", "--out", tmp_path / "band.sigmf-meta", cwd=tmp_path)
    metas = [str(folder / "band.sigmf-meta") for folder in (EXAMPLES, tmp_path)]
    ours, again = map(sigmf.sigmffile.fromfile, metas)
    assert "creativecommons.org/publicdomain/zero" in ours.get_global_info()["core:license"]
    assert "make_band.py" in ours.get_global_info()["core:description"]
    assert ours.get_annotations() == again.get_annotations()
    data = [np.fromfile(folder / "band.sigmf-data", np.int8) for folder in (EXAMPLES, tmp_path)]
    assert len(data[0]) == len(data[1]) and np.mean(data[0] != data[1]) < 1e-3  # another machine's rounding
    recipe = json.loads((EXAMPLES / "radioml.npz.json").read_text())
    assert recipe["sha256"] == hashlib.sha256(files[-1].read_bytes()).hexdigest()
    readme = (EXAMPLES / "README.md").read_text()
    assert f"--frames-per-key {recipe['frames_per_key']} --seed {recipe['seed']}`" in readme
    assert "CC0" in readme


@pytest.mark.parametrize("name", ["recording_to_labels", "raw_chain"])
def test_script_runs_as_it_is(name, tmp_path):
    assert heard(run(sys.executable, EXAMPLES / f"{name}.py", cwd=tmp_path)) == BAND


def test_other_scripts_run_as_they_are(tmp_path):
    run(sys.executable, EXAMPLES / "sensor.py", "--publish", f"ipc://{tmp_path}/sensor", cwd=tmp_path)
    assert heard((tmp_path / "labels.jsonl").read_text()) == BAND
    run(sys.executable, EXAMPLES / "record_unknown.py", cwd=tmp_path)
    assert list((tmp_path / "unknown").glob("unknown_1_*.sigmf-meta"))
    out = run(sys.executable, EXAMPLES / "radioml_replay.py", cwd=tmp_path)
    assert json.loads(out[out.index("{") :])["frames"] == 660


def flowgraph(name):
    return yaml.safe_load((EXAMPLES / f"{name}.grc").read_text())


FLOWGRAPHS = NAMES + TESTED_ELSEWHERE
ENDLESS = ["label_display", "sdr_monitor", "sensor"]  # until they are stopped


@pytest.mark.parametrize("name", FLOWGRAPHS)
def test_flowgraph_overwrites_nothing_that_is_shipped(name):
    assert not (EXAMPLES / f"{flowgraph(name)['options']['parameters']['id']}.py").exists()


@pytest.mark.parametrize("name", FLOWGRAPHS)
def test_canvas_explains_itself_and_what_is_grey(name):
    blocks = flowgraph(name)["blocks"]
    notes = "\n".join(block["parameters"]["comment"] for block in blocks if block["id"] == "note")
    assert len(notes) > 100
    for block in blocks:
        if block["states"]["state"] == "disabled":
            assert f"grey block {block['name']}" in notes


def thread_names(process):
    """Of the blocks that run, as long as the system keeps names."""
    names = Path(f"/proc/{process.pid}/task").glob("*/comm")
    return " ".join(name.read_text().strip() for name in names)


def compiled(flowgraph, folder):
    """The script that GNU Radio Companion makes of a flowgraph."""
    run("grcc", "-o", folder, flowgraph, cwd=folder)
    (script,) = folder.glob("*_grc.py")
    return script


@pytest.mark.parametrize("name", FLOWGRAPHS)
def test_flowgraph_runs_as_it_is(name, tmp_path):
    """From its own folder, as GNU Radio Companion runs it."""
    for file in EXAMPLES.glob("*.*"):
        if file.suffix in (".grc", ".npz", ".json") or file.stem == "band":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    script = compiled(tmp_path / f"{name}.grc", tmp_path)
    options = ["--publish", f"ipc://{tmp_path}/sensor"] if name == "sensor" else []
    if name == "label_display":  # its labels are on the screen; test_label_display.py looks there
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        process = subprocess.Popen([sys.executable, str(script)], cwd=tmp_path, env=environment)
        until(lambda: process.poll() is not None or "SR2CNN Encoder" in thread_names(process))
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(5)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    elif name in ENDLESS:
        text = run_window(
            sys.executable, script, *options, "--events", "labels.jsonl", cwd=tmp_path, enough=2 * len(BAND)
        )
        assert set(BAND) <= set(heard(text))
    else:
        out = run(sys.executable, script, *options, cwd=tmp_path)
        if name == "radioml_replay":
            assert labelled((tmp_path / "labels.jsonl").read_text()) == 660
            assert "known_accuracy" in out
        else:
            assert heard(out) == BAND


@pytest.mark.parametrize("name", ["sdr_monitor", "sensor"])
def test_flowgraph_with_a_radio_as_its_note_says(name, tmp_path):
    graph = flowgraph(name)
    for block in graph["blocks"]:
        if block["name"] in ("sdr", "recording", "throttle"):
            block["states"]["state"] = "enabled" if block["name"] == "sdr" else "disabled"
    copy = tmp_path / f"{name}.grc"
    copy.write_text(yaml.safe_dump(graph))
    assert "soapy.source" in compiled(copy, tmp_path).read_text()
