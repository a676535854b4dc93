# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluation of a bundle, as called and as typed."""

import json

import numpy as np
import pytest
from cli_support import CLASSES, fails, run_cli, write_small_bundle
from sr2cnn_learn.bundle import Bundle
from sr2cnn_learn.datasets import load_dataset, save_radioml, split
from sr2cnn_learn.discriminator import Discriminator
from sr2cnn_learn.evaluation.evaluate import evaluate, untrained_frames
from sr2cnn_learn.evaluation.metrics import open_set_metrics

UNKNOWN = ["AM-SSB", "GFSK"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "data.npz"
    shapes = {m: rng.standard_normal((40, 2, 128)) * (k + 1) for k, m in enumerate([*CLASSES, *UNKNOWN])}
    save_radioml(path, {(m, 18): frames.astype(np.float32) for m, frames in shapes.items()})
    return path


def test_figures_are_those_of_the_reference(data, tmp_path):
    bundle = Bundle.load(write_small_bundle(tmp_path / "small.pt"))
    dataset = load_dataset(data)
    indices, part = untrained_frames(bundle, dataset)
    assert part == "all frames" and len(indices) == 440
    figures = evaluate(bundle, dataset, indices, orders=3)
    ids = Discriminator(**bundle.discriminator_options()).predict(
        bundle.encode(dataset.frames.transpose(0, 2, 1))
    )
    expected = open_set_metrics(dataset.labels, ids, bundle.classes)
    for key in ("known_accuracy", "tkr", "tur", "known_precision"):
        assert figures[key] == pytest.approx(expected[key])
    assert figures["unknown_frames"] == 80
    per_class = figures["accuracy_per_class"]
    assert np.mean(list(per_class.values())) == pytest.approx(figures["known_accuracy"])
    assert figures["discovery"]["true_classes"] == dict(mean=2.0, std=0.0)
    assert evaluate(bundle, dataset, indices, orders=3) == figures


def test_never_on_frames_that_were_trained_on(data, tmp_path):
    dataset = load_dataset(data)
    path = write_small_bundle(
        tmp_path / "small.pt", data_sha256=dataset.sha256, unknown=UNKNOWN, seed=4
    )
    indices, part = untrained_frames(Bundle.read(path), dataset)
    parts = split(dataset, UNKNOWN, 4)
    assert part.startswith("test part")
    assert set(indices) == set(parts.test) | set(parts.unknown_test)
    assert not set(indices) & set(parts.train)


def test_as_typed(data, tmp_path):
    path = write_small_bundle(tmp_path / "small.pt")
    result = run_cli("evaluate", path, "--data", data, "--orders", 2, "--json")
    assert result.returncode == 0, result.stderr
    figures = json.loads(result.stdout)
    assert figures["orders"] == 2 and 0 <= figures["auroc"] <= 1
    result = run_cli("evaluate", path, "--data", data, "--orders", 2)
    for word in ("auroc", "oscr", "f1", "upper_bound", "hungarian_accuracy", "accuracy of QPSK"):
        assert word in result.stdout
    fails(run_cli("evaluate", path, "--data", tmp_path / "none.npz"), "none.npz")
    fails(run_cli("evaluate", path, "--data", data, "--snr", 3), "data.npz")
