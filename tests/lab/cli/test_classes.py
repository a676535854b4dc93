# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn classes` as typed."""

import json

import numpy as np
import pytest
from cli_support import events, fails, run_cli
from sr2cnn_learn.bundle import Bundle
from sr2cnn_learn.datasets import load_dataset
from sr2cnn_learn.registry import Registry, locked

pytest.importorskip("gnuradio")

from gnuradio import sr2cnn
from registry_support import MODEL, frames_by_modulation


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Bytes of a registry with two large classes, GFSK as unknown_1 and AM-SSB as another."""
    bundle = Bundle.load(MODEL)
    kernel, held = sr2cnn.discriminator_kernel(**bundle.discriminator_options()), Registry.of_model(bundle)
    for frames in (frames_by_modulation()["GFSK"], frames_by_modulation()["AM-SSB"]):
        held.offer(kernel.predict(bundle.encode(frames)), frames, 1.7e9)
    held.update(kernel.state(), kernel.merged, 1.7e9)
    path = tmp_path_factory.mktemp("made") / "r"
    held.save(path)
    return path.read_bytes()


@pytest.fixture
def registry(made, tmp_path):
    path = tmp_path / "radio.classes"
    path.write_bytes(made)
    return path


def test_list(registry, typed):
    result = typed("classes", "list", registry)
    assert result.returncode == 0, result.stderr
    assert "sr2cnn-zeroshot" in result.stdout and "-1" in result.stdout
    about = json.loads(typed("classes", "list", registry, "--json").stdout)
    held = Registry.load(registry)
    assert [entry["id"] for entry in about["classes"]] == [known.id for known in held.classes]
    first = about["classes"][0]
    assert first["name"] == "unknown_1" and first["first_seen"] == "2023-11-14T22:13:20.000000+00:00"
    np.testing.assert_array_equal(first["center"], held.classes[0].center)


@pytest.mark.parametrize("columns", [50, 80, 120, 200])
def test_list_is_one_line_a_class(registry, typed, monkeypatch, columns):
    assert typed("classes", "rename", registry, "-2", "a name of many words, " * 5 + "indeed").returncode == 0
    monkeypatch.setenv("COLUMNS", str(columns))
    result = typed("classes", "list", registry)
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= columns
    held = Registry.load(registry)
    for known in held.classes:
        (line,) = (line for line in lines if line.startswith(f"│ {known.id} "))
        assert f" {known.count} " in line
    assert sum(line.startswith("│") for line in lines) == len(held.classes)
    assert "near" in result.stdout or columns < 80
    assert ("2023-11-14 22:13" in result.stdout) == (columns >= 120)
    assert ("envelope" in result.stdout) == (columns == 200)


def test_rename_merge_forget(registry, typed):
    before = Registry.load(registry)
    assert typed("classes", "rename", registry, "unknown_1", "DECT [red]").returncode == 0
    assert typed("classes", "merge", registry, "-2", "DECT [red]").returncode == 0
    after = Registry.load(registry)
    assert after.find("DECT [red]").count == before.find(-1).count + before.find(-2).count
    assert "DECT [red]" in typed("classes", "list", registry).stdout
    rest = [str(known.id) for known in after.classes if known.id != -1]
    assert typed("classes", "forget", registry, "DECT [red]", *rest).returncode == 0
    last = Registry.load(registry)
    assert not last.classes and last.next_id == before.next_id


def test_forget_all(registry, typed):
    assert typed("classes", "forget", registry, "all").returncode == 0
    assert not Registry.load(registry).classes


@pytest.mark.parametrize("older", [False, True], ids=["told by the file", "by the model"])
def test_a_known_class_keeps_its_name(registry, typed, older):
    if older:
        held = Registry.load(registry)
        held.know([])
        held.save(registry)
    as_it_was = registry.read_bytes()
    fails(typed("classes", "rename", registry, "unknown_1", "QPSK"), "'QPSK' is that of a known class")
    fails(typed("classes", "rename", registry, "unknown_1", "a\x1b[2J"), "no class name")
    assert registry.read_bytes() == as_it_was


def test_export(registry, tmp_path, typed):
    result = typed("classes", "export", registry, "--out", tmp_path / "frames")
    assert len(result.stdout.splitlines()) == len(Registry.load(registry).classes)
    dataset = load_dataset(tmp_path / "frames", frame_len=128)
    assert np.count_nonzero(np.array(dataset.labels) == "unknown_1") == 64
    assert dataset.samples_per_symbol == Bundle.read(MODEL).samples_per_symbol
    result = typed("classes", "export", registry, "-1", "--out", tmp_path, "--format", "npz")
    with np.load(result.stdout.strip()) as npz:
        assert npz["frames"].shape == (64, 128) and str(npz["label"]) == "unknown_1"


def test_promote_then_classify(registry, tmp_path, typed):
    assert typed("classes", "rename", registry, "unknown_1", "GFSK").returncode == 0
    new, rest = tmp_path / "new.pt", tmp_path / "new.classes"
    result = run_cli("classes", "promote", registry, "GFSK", "--out", new, "--rest", rest)
    assert result.returncode == 0, result.stderr
    assert "GFSK" in result.stdout and str(rest) in result.stderr.replace("\n", "")
    listed = json.loads(typed("classes", "list", rest, "--model", new, "--json").stdout)
    assert "GFSK" not in [entry["name"] for entry in listed["classes"]]

    recording = tmp_path / "air.cf32"
    frames_by_modulation()["GFSK"].tofile(recording)
    result = run_cli("classify", recording, "--no-condition", "--model", new)
    labels = [event for event in events(result.stdout) if event["event"] == "label"]
    named = sum(event["n_frames"] for event in labels if event["label"] == "GFSK" and event["known"])
    assert named > 0.8 * len(frames_by_modulation()["GFSK"])


def test_refused_in_a_line(registry, made, tmp_path, tiny_bundle, typed):
    fails(typed("classes", "rename", registry, "unknown_99", "x"), "unknown_99")
    fails(typed("classes", "rename", registry, "-1", "unknown_2"), "unknown_2")
    fails(typed("classes", "merge", registry, "-1", "unknown_1"), "into itself")
    fails(typed("classes", "list", tmp_path / "absent"), "absent")
    fails(typed("classes", "list", registry, "--model", tiny_bundle), "not of 'tiny'")
    fails(typed("classes", "promote", registry, "-1", "--out", tmp_path / "x.pt"), "rename it")
    with locked(registry):
        fails(typed("classes", "forget", registry, "-1"), "has it open")
    assert registry.read_bytes() == made
    registry.write_bytes(made[:-100])
    fails(typed("classes", "forget", registry, "-1"), "damaged", registry)
    assert registry.read_bytes() == made[:-100]


def test_help_teaches(typed):
    for command in ("list", "rename", "merge", "forget", "export", "promote"):
        text = typed("classes", command, "--help").stdout
        assert f"sr2cnn classes {command} radio.classes" in text
