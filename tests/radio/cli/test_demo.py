# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn demo`, and the picture it draws."""

import json

import numpy as np
import pytest
from cli_support import CLASSES, events, fails, run_cli, write_small_bundle
from sr2cnn_learn.bundle import Bundle
from sr2cnn_learn.datasets import load_dataset
from sr2cnn_learn.discriminator import Discriminator
from sr2cnn_learn.evaluation.confusion import confusion_table
from sr2cnn_learn.evaluation.scene import read_events, read_truth, reported_emissions
from sr2cnn_learn.plots.run import draw_run


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "small.pt"
    return write_small_bundle(path, seed=5, data={"seed": 2016})


def test_demo(bundle, tmp_path):
    pytest.importorskip("gnuradio")
    out, figures_path = tmp_path / "out", tmp_path / "demo.json"
    result = run_cli(
        "demo",
        "--model",
        bundle,
        "--band-model",
        bundle,
        "--out",
        out,
        "--frames-per-key",
        20,
        "--snr",
        "18",
        "--json-file",
        figures_path,
    )
    assert result.returncode == 0, result.stderr
    figures = json.loads(figures_path.read_text())
    assert set(figures) == {
        "frames",
        "known_accuracy",
        "tkr",
        "tur",
        "new_classes",
        "frames_per_second",
        "band",
    }
    band = figures["band"]
    assert band["emissions"] > 30 and band["found"] > 0.8 and band["ghosts"] < 10
    assert "what was there" in result.stderr
    assert (out / "band.png").read_bytes().startswith(b"\x89PNG")
    told = reported_emissions(read_events(out / "band.jsonl"))
    assert len(told) == band["reported"] and len(read_truth(out / "band.sigmf-meta")) == band["emissions"]
    assert figures["frames"] == 220 and figures["frames_per_second"] > 0
    for line in ("known accuracy", "TKR", "TUR", "frames"):
        assert line in result.stderr
    assert (out / "demo.png").read_bytes().startswith(b"\x89PNG")
    lines = events((out / "labels.jsonl").read_text())
    assert sum(e["n_frames"] for e in lines if e["event"] == "label") == 220
    discovered = {e["label"] for e in lines if e["event"] == "label" and not e["known"]}
    assert discovered == {new["label"] for new in figures["new_classes"]}
    assert all(sum(n["made_of"].values()) == n["frames"] for n in figures["new_classes"])
    assert all(n["description"]["nearest_known"]["label"] in CLASSES for n in figures["new_classes"])
    assert figures["new_classes"] and "looks like" in result.stderr

    # known or not, and which known class, does not depend on the order of the frames
    model, data = Bundle.load(bundle), load_dataset(out / "replay.npz")
    assert data.keys == {(m, 18): 20 for m in sorted([*CLASSES, "AM-SSB", "GFSK"])}
    z = model.encode(data.frames)
    ids = Discriminator(**model.discriminator_options()).predict(z)
    truth = np.array([CLASSES.index(m) if m in CLASSES else -1 for m in data.labels])
    assert figures["known_accuracy"] == pytest.approx(np.mean((ids == truth)[truth >= 0]))
    assert figures["tkr"] == pytest.approx(np.mean(ids[truth >= 0] >= 0))
    assert figures["tur"] == pytest.approx(np.mean(ids[truth < 0] < 0))


def test_refusals(bundle, tmp_path):
    pytest.importorskip("gnuradio")
    out = tmp_path / "out"
    for seed in (5, 2016):
        fails(run_cli("demo", "--model", bundle, "--seed", seed, "--out", out), f"seed {seed}")
    fails(run_cli("demo", "--model", tmp_path / "none.pt", "--out", out), "none.pt")
    assert not out.exists()


def test_confusion_table():
    truth = ["A"] * 4 + ["B"] * 2 + ["X"] * 20
    labels = ["A", "A", "A", "B", "B", "n1"] + [f"n{i}" for i in range(20)]
    rows, columns, shares = confusion_table(truth, labels, ["A", "B", "C"])
    assert rows == ["A", "B", "X"]
    assert columns[:4] == ["A", "B", "C", "n1"] and columns[-1] == "other new"
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_allclose(shares[:2, :4], [[0.75, 0.25, 0, 0], [0, 0.5, 0, 0.5]])


def test_a_picture_with_nothing_discovered(tmp_path):
    labels, z = ["A", "B", "B"], np.random.default_rng(0).standard_normal((3, 5))
    draw_run(tmp_path / "a.png", ["A", "B", "A"], labels, z, ["A", "B"], np.eye(2, 5), "title")
    assert (tmp_path / "a.png").stat().st_size > 10_000
