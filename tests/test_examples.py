# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples as a user runs them: the scripts, and the flowgraphs through grcc."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from sr2cnn_learn.datasets import save_radioml

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
NAMES = ["radioml_replay", "raw_chain", "recording_to_labels", "sdr_monitor"]
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
    return dict(recording=recording, radioml=radioml)


def run(*command, cwd):
    environment = {**os.environ, "GRC_BLOCKS_PATH": str(ROOT / "grc"), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def labelled(text):
    events = [json.loads(line) for line in text.splitlines()]
    return sum(event["n_frames"] for event in events if event["event"] == "label")


def test_there_are_a_script_and_a_flowgraph_of_each():
    assert sorted(p.stem for p in EXAMPLES.glob("*.grc")) == NAMES
    assert sorted(p.stem for p in EXAMPLES.glob("*.py")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_script_has_help(name, tmp_path):
    assert "usage" in run(sys.executable, EXAMPLES / f"{name}.py", "--help", cwd=tmp_path)


def test_radioml_replay_script(inputs, tmp_path):
    out = run(sys.executable, EXAMPLES / "radioml_replay.py", inputs["radioml"], cwd=tmp_path)
    report = json.loads(out[out.index("{") :])
    assert report["frames"] == N_FRAMES
    assert labelled((tmp_path / "labels.jsonl").read_text()) == N_FRAMES


@pytest.mark.parametrize(
    "name, option", [("recording_to_labels", []), ("sdr_monitor", ["--file"]), ("raw_chain", [])]
)
def test_recording_scripts(name, option, inputs, tmp_path):
    out = run(sys.executable, EXAMPLES / f"{name}.py", *option, inputs["recording"], cwd=tmp_path)
    assert labelled(out) == N_FRAMES
    if name == "raw_chain":
        vectors = np.fromfile(tmp_path / "z.f32", np.float32)
        assert vectors.size == N_FRAMES * 65 and np.isfinite(vectors).all()


def with_file_in_place_of_the_radio(flowgraph, folder):
    """A copy of the flowgraph with its SDR disabled and its recording enabled."""
    graph = yaml.safe_load(flowgraph.read_text())
    for block in graph["blocks"]:
        if block["name"] in ("sdr", "recording"):
            block["states"]["state"] = "enabled" if block["name"] == "recording" else "disabled"
    copy = folder / flowgraph.name
    copy.write_text(yaml.safe_dump(graph))
    return copy


@pytest.mark.parametrize("name", NAMES)
def test_flowgraph_compiles_and_runs(name, inputs, tmp_path):
    flowgraph = EXAMPLES / f"{name}.grc"
    run("grcc", "-o", tmp_path, flowgraph, cwd=tmp_path)
    assert (tmp_path / f"{name}.py").is_file()
    if name == "sdr_monitor":
        folder = tmp_path / "with_file"
        folder.mkdir()
        flowgraph = with_file_in_place_of_the_radio(flowgraph, folder)
        run("grcc", "-o", tmp_path, flowgraph, cwd=tmp_path)
    source = inputs["radioml" if name == "radioml_replay" else "recording"]
    run(sys.executable, tmp_path / f"{name}.py", "--path", source, cwd=tmp_path)
    assert labelled((tmp_path / "labels.jsonl").read_text()) == N_FRAMES
