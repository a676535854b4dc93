# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn dataset`."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from cli_support import fails, run_cli
from places import APP
from sr2cnn_learn.datasets import load_dataset, save_radioml
from waiting import PATIENCE

pytest.importorskip("gnuradio")

SMALL = ("--frames-per-key", 5, "--snr", "16,18", "--modulations", "QPSK,AM-SSB")


def build(path, *options):
    return run_cli("dataset", "radioml2016", "--out", path, *options)


def test_radioml2016(tmp_path):
    for name in ("data.pkl", "data.npz"):
        result = build(tmp_path / name, *SMALL, "--seed", 3, "--am-ssb", "noise")
        assert result.returncode == 0, result.stderr
    pickled, plain = (load_dataset(tmp_path / name) for name in ("data.pkl", "data.npz"))
    assert pickled.keys == {(m, s): 5 for m in ("AM-SSB", "QPSK") for s in (16, 18)}
    np.testing.assert_array_equal(pickled.frames, plain.frames)
    recipe = json.loads((tmp_path / "data.pkl.json").read_text())
    assert recipe["seed"] == 3 and recipe["am_ssb"] == "noise" and recipe["snrs"] == [16, 18]
    assert recipe["channel_seeds"] == "fresh" and recipe["sha256"] == pickled.sha256


def test_radioml2016b_has_no_am_ssb(tmp_path):
    command = ("dataset", "radioml2016b", "--out", tmp_path / "b.npz", "--snr", 18)
    result = run_cli(*command, "--frames-per-key", 3)
    assert result.returncode == 0, result.stderr
    data = load_dataset(tmp_path / "b.npz")
    assert len(data.modulations) == 10 and "AM-SSB" not in data.modulations
    assert set(data.keys.values()) == {3}
    assert "6000" in run_cli("dataset", "radioml2016b", "--help").stdout
    fails(run_cli(*command, "--modulations", "AM-SSB"), "AM-SSB")


def test_radioml2016c_is_ragged_and_overlaps(tmp_path):
    path = tmp_path / "c.pkl"
    command = ("dataset", "radioml2016c", "--out", path, "--snr", 18, "--modulations", "BPSK,QPSK")
    result = run_cli(*command, "--faithful", "--seed", 2)
    assert result.returncode == 0, result.stderr
    data = load_dataset(path)
    counts = data.keys
    assert counts["BPSK", 18] == 1000 and 500 < counts["QPSK", 18] < 1000
    first, second = data.frames[0], data.frames[1]
    scale = np.linalg.norm(first[64:]) / np.linalg.norm(second[:64])
    np.testing.assert_allclose(first[64:], scale * second[:64], atol=1e-6)
    assert json.loads((tmp_path / "c.pkl.json").read_text())["recipe"] == "radioml2016c"


def test_signal202002(tmp_path):
    path = tmp_path / "s.pkl"
    command = ("dataset", "signal202002", "--out", path, "--modulations", "BPSK,WBFM")
    result = run_cli(*command, "--snr", "2,40", "--frames-per-key", 4, "--seed", 2)
    assert result.returncode == 0, result.stderr
    data = load_dataset(path)
    assert data.keys == {(m, s): 4 for m in ("BPSK", "WBFM") for s in (2, 40)}
    assert json.loads((tmp_path / "s.pkl.json").read_text()) == {
        "recipe": "signal202002",
        "samples_per_symbol": 8,
        "modulations": ["BPSK", "WBFM"],
        "snrs": [2, 40],
        "seed": 2,
        "frames_per_key": 4,
        "sha256": data.sha256,
    }
    fails(run_cli(*command, "--faithful"), "faithful", status=2)


def test_modulations():
    from gnuradio.sr2cnn.synthesis.transmitters import TRANSMITTERS
    from sr2cnn_learn.modulations import RADIOML2016

    result = run_cli("dataset", "modulations", "--json")
    assert result.returncode == 0, result.stderr
    rows = {row["modulation"]: row for row in json.loads(result.stdout)}
    assert list(rows) == list(TRANSMITTERS)
    assert [name for name, row in rows.items() if row["radioml2016"]] == list(RADIOML2016)
    assert rows["32APSK"]["bits_per_symbol"] == 5 and rows["NBFM"]["bits_per_symbol"] is None
    assert rows["GMSK"]["spread"] == {"bt": [0.25, 0.5]} and rows["WBFM"]["spread"] == {}
    assert all(row["description"].endswith(".") for row in rows.values())
    table = run_cli("dataset", "modulations").stdout
    assert all(name in table for name in TRANSMITTERS)
    assert "0.15 to 0.5" in " ".join(table.replace("│", " ").split())


def test_spread(tmp_path):
    options = ("--frames-per-key", 5, "--snr", 18, "--modulations", "QPSK,OFDM", "--seed", 3)
    frames = {}
    for name, spread in (("a", ["--spread"]), ("b", ["--spread"]), ("plain", [])):
        path = tmp_path / f"{name}.npz"
        assert build(path, *options, *spread).returncode == 0
        assert json.loads((tmp_path / f"{name}.npz.json").read_text())["spread"] == bool(spread)
        frames[name] = load_dataset(path).frames
    np.testing.assert_array_equal(frames["a"], frames["b"])
    assert not np.array_equal(frames["a"], frames["plain"])


def test_leakage(tmp_path):
    """The second half of the file is a copy of the first: no split can keep the copies apart."""
    frames = np.random.default_rng(0).standard_normal((100, 128, 2)).astype(np.float32)
    clean, doubled = tmp_path / "clean.npz", tmp_path / "doubled.npz"
    save_radioml(clean, {("QPSK", 18): frames})
    save_radioml(doubled, {("QPSK", 18): np.tile(frames, (2, 1, 1))})
    share = {}
    for path in (clean, doubled):
        result = run_cli("dataset", "leakage", path, "--json")
        assert result.returncode == 0, result.stderr
        report = json.loads(result.stdout)
        assert report["QPSK"] == report["all"]
        share[path] = report["all"]["share_above_0.95"]
    assert share[clean] == 0 and share[doubled] > 0.5
    assert "QPSK" in run_cli("dataset", "leakage", clean, "--test-frames", 5).stdout
    few = run_cli("dataset", "leakage", clean, "--max-per-key", 20, "--json")
    assert json.loads(few.stdout)["all"]["frames"] == 3
    fails(run_cli("dataset", "leakage", clean, "--snr", 2), "clean.npz")


def test_faithful(tmp_path):
    assert build(tmp_path / "data.npz", *SMALL, "--faithful").returncode == 0
    recipe = json.loads((tmp_path / "data.npz.json").read_text())
    assert (recipe["am_ssb"], recipe["channel_seeds"]) == ("noise", "fixed")
    fails(build(tmp_path / "data.npz", "--faithful", "--am-ssb", "signal"), "noise", status=2)


def test_refusals(tmp_path):
    path = tmp_path / "data.npz"
    fails(build(path, "--modulations", "QPSK,FM"), "FM", "8PSK")
    fails(build(path, "--snr", "loud"), "loud", status=2)
    fails(build(path, "--frames-per-key", 0), "frames-per-key", status=2)
    fails(build(tmp_path / "none" / "data.npz", *SMALL), "none")
    assert not list(tmp_path.iterdir())


def test_interrupted_leaves_nothing(tmp_path):
    command = [sys.executable, APP, "dataset", "radioml2016", "--out", tmp_path / "data.pkl"]
    process = subprocess.Popen(
        [*map(str, command)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    time.sleep(4)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "interrupted" in stderr and "Traceback" not in stderr
    assert not list(tmp_path.iterdir())


def in_session(pid):
    """Processes of the session that a process began."""

    def of(stat):
        with contextlib.suppress(OSError):
            return int(stat.read_text().rpartition(")")[2].split()[3]) == pid

    return [stat.parent.name for stat in Path("/proc").glob("[0-9]*/stat") if of(stat)]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_killed_leaves_no_process(how, tmp_path):
    command = [sys.executable, APP, "dataset", "radioml2016", "--jobs", 2, "--out", tmp_path / "data.pkl"]
    process = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, start_new_session=True)
    give_up = time.monotonic() + 60
    while len(in_session(process.pid)) < 3 and time.monotonic() < give_up:
        time.sleep(0.05)
    assert len(in_session(process.pid)) >= 3
    process.send_signal(how)
    process.communicate(timeout=PATIENCE)  # to the end of all that hold its standard error
    while in_session(process.pid) and time.monotonic() < give_up:
        time.sleep(0.05)
    assert not in_session(process.pid)


def test_info(tmp_path):
    path = tmp_path / "data.pkl"
    assert build(path, *SMALL).returncode == 0
    assert "QPSK" in run_cli("dataset", "info", path).stdout
    report = json.loads(run_cli("dataset", "info", path, "--json").stdout)
    assert report["frames"] == 20 and report["modulations"] == ["AM-SSB", "QPSK"]
    assert report["keys"][0] == {"modulation": "AM-SSB", "snr": 16, "frames": 5}
    assert report["samples_per_symbol"] == 8
    fails(run_cli("dataset", "info", tmp_path / "none.pkl"), "none.pkl", "no such file")
    path.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    fails(run_cli("dataset", "info", path), "data.pkl", "os.system")


@pytest.mark.parametrize("columns", [60, 80])
def test_info_fits_the_terminal(tmp_path, columns):
    path, long = tmp_path / "data.npz", "a name of many words, " * 5 + "indeed"
    levels = {"QPSK": range(-20, 20, 2), "GFSK": (16, 18), "AM-SSB": (999,), long: (2, 999)}
    counts = {(name, snr): 5 + (snr == 18) for name in levels for snr in levels[name]}
    save_radioml(path, {key: np.ones((n, 128, 2), np.float32) for key, n in counts.items()})
    result = run_cli("dataset", "info", path, env={**os.environ, "COLUMNS": str(columns)})
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= columns and "left out" not in result.stdout
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    rows = {name[:6]: others for name, *others in rows}
    assert len(rows) == 4 and "a name" in rows
    if columns == 80:
        assert rows["QPSK"] == ["101", "-20 to 18 dB by 2", "5 to 6"]
        assert rows["GFSK"] == ["11", "16, 18 dB", "5 to 6"]
        assert rows["AM-SSB"] == ["5", "not stated", "5"]
        assert rows["a name"] == ["10", "2 dB, not stated", "5"]


def test_info_of_recordings(tmp_path):
    """The label is the sub-folder's name, and the SNR nobody knows."""
    folder = tmp_path / "NBFM"
    folder.mkdir()
    np.zeros(300, np.complex64).tofile(folder / "a.sigmf-data")
    meta = {
        "global": {"core:datatype": "cf32_le", "core:version": "1.0.0"},
        "captures": [{"core:sample_start": 0}],
        "annotations": [],
    }
    (folder / "a.sigmf-meta").write_text(json.dumps(meta))
    result = run_cli("dataset", "info", tmp_path)
    assert result.returncode == 0, result.stderr
    assert "NBFM" in result.stdout and "not stated" in result.stdout
    fails(run_cli("dataset", "info", folder), "a.sigmf-meta", "core:label")


def make_scene(path, *options):
    return run_cli("dataset", "scene", "--out", path, "--rate", "200k", "--seconds", 1, *options)


def test_scene(tmp_path):
    """The same seed gives the same bits in another process, another seed others."""
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        result = make_scene(
            tmp_path / f"{name}.sigmf-meta", "--density", 1.5, "--snr", "5:20", "--seed", seed
        )
        assert result.returncode == 0, result.stderr
        assert f"{name}.sigmf-meta: " in result.stderr and "200000 samples" in result.stderr
    a, b, c = ((tmp_path / f"{name}.sigmf-data").read_bytes() for name in "abc")
    assert len(a) == len(c) == 4 * 200_000 and a == b and a != c
    metadata = [json.loads((tmp_path / f"{name}.sigmf-meta").read_text()) for name in "abc"]
    assert metadata[0] == metadata[1] != metadata[2]
    making, annotations = metadata[0]["global"]["scene:making"], metadata[0]["annotations"]
    assert making["seed"] == 3 and making["snr"] == [5, 20] and making["faults"] == "mild"
    assert annotations and all(5 <= note["scene:snr"] <= 20 for note in annotations)


def test_scene_options(tmp_path):
    path = tmp_path / "a"  # named without the ending
    options = ("--modulations", "GMSK,QPSK", "--snr", 12, "--faults", "none", "--density", 2)
    result = make_scene(path, *options)
    assert result.returncode == 0, result.stderr
    metadata = json.loads((tmp_path / "a.sigmf-meta").read_text())
    assert {note["core:label"] for note in metadata["annotations"]} <= {"GMSK", "QPSK"}
    assert {note["scene:snr"] for note in metadata["annotations"]} == {12}
    result = make_scene(path, "--density", 0)
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "a.sigmf-meta").read_text())["annotations"] == []


def test_scene_refusals(tmp_path):
    path = tmp_path / "a.sigmf-meta"
    fails(make_scene(path, "--snr", "3:5:7"), "3:5:7", status=2)
    fails(make_scene(path, "--snr", "30:3"), "30 to 3 dB")
    fails(make_scene(path, "--faults", "many"), "many", status=2)
    fails(make_scene(path, "--modulations", "QPSK,FM"), "FM", "8PSK")
    fails(make_scene(path, "--density", -1), "density is -1")
    fails(make_scene(path, "--seconds", "nan"), "seconds is nan")
    fails(make_scene(path, "--rate", 100), "sample rate is 100 Hz")
    fails(make_scene(tmp_path / "none" / "a.sigmf-meta"), "none")
    assert not list(tmp_path.iterdir())


def test_interrupted_scene_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.sigmf-meta"
    assert make_scene(path, "--density", 0).returncode == 0
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    command = [sys.executable, APP, "dataset", "scene", "--out", path, "--rate", "1M", "--seconds", 3600]
    process = subprocess.Popen([*map(str, command), "--density", "0"], stderr=subprocess.PIPE, text=True)
    give_up = time.monotonic() + PATIENCE
    while not list(tmp_path.glob(".*.part")) and time.monotonic() < give_up:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "interrupted" in stderr and "Traceback" not in stderr
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
