# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluation of a bundle, as called and as typed."""

import json

import numpy as np
import pytest
from cli_support import CLASSES, fails, run_cli, write_small_bundle
from sr2cnn_learn.bundle import Bundle
from sr2cnn_learn.datasets import Dataset, load_dataset, save_radioml, split
from sr2cnn_learn.discriminator import Discriminator
from sr2cnn_learn.evaluation.evaluate import bursts, evaluate, untrained_frames
from sr2cnn_learn.evaluation.metrics import open_set_metrics

UNKNOWN = ["AM-SSB", "GFSK"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "data.npz"
    shapes = {m: rng.standard_normal((40, 128, 2)) * (k + 1) for k, m in enumerate([*CLASSES, *UNKNOWN])}
    save_radioml(path, {(m, 18): frames.astype(np.float32) for m, frames in shapes.items()})
    return path


def test_figures_are_those_of_the_reference(data, tmp_path):
    bundle = Bundle.load(write_small_bundle(tmp_path / "small.pt"))
    dataset = load_dataset(data)
    indices, part = untrained_frames(bundle, dataset)
    assert part == "all frames" and len(indices) == 440
    figures = evaluate(bundle, dataset, indices, orders=3)
    ids = Discriminator(**bundle.discriminator_options()).predict(bundle.encode(dataset.frames))
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
    path = write_small_bundle(tmp_path / "small.pt", data_sha256=dataset.sha256, unknown=UNKNOWN, seed=4)
    indices, part = untrained_frames(Bundle.read(path), dataset)
    parts = split(dataset, UNKNOWN, 4)
    assert part.startswith("test part")
    assert set(indices) == set(parts.test) | set(parts.unknown_test)
    assert not set(indices) & set(parts.train)


class PlaneBundle:
    """Semantic vectors are points of a plane: known A about (−1, 0), B about (1, 0), up to distance 4."""

    classes = ["A", "B"]
    thresholds = None
    lambda1 = 4 / (3 * 2**0.5)

    @staticmethod
    def encode(frames):
        return frames[:, 0]

    @staticmethod
    def classify(z):
        return np.stack([-z[:, 0], z[:, 0]], axis=1)

    def discriminator_options(self):
        return dict(centers=[[-1, 0], [1, 0]], distance="euclidean", lambda1=self.lambda1)


def plane(**points):
    """A data set of points, each the first sample of a frame."""
    frames = np.repeat(np.concatenate(list(points.values()))[:, None], 2, axis=1)
    labels = np.repeat(list(points), [len(p) for p in points.values()])
    return Dataset(frames.astype(np.float32), labels, np.full(len(labels), 18), sha256="")


def test_figures_of_bursts_by_hand():
    """A and B overlap in their single frames, and so do B and U; their means do not."""
    x, y = [-4.0, 2, -4, 2, -4], [2.0, 8, 2, 8, 2]
    dataset = plane(A=[(v, 0) for v in x], B=[(-v, 0) for v in x], U=[(0, v) for v in y])
    steps = []
    shuffled = np.random.default_rng(0).permutation(15)
    figures = evaluate(PlaneBundle(), dataset, shuffled, 3, progress=steps.append, vote=2)
    assert sum(steps) == 6
    assert (figures["frames"], figures["unknown_frames"]) == (15, 5)
    assert figures["accuracy_per_class"] == dict(A=0.6, B=0.6)
    for key, value in dict(known_accuracy=0.6, upper_bound=0.6, tkr=1, tur=0.4).items():
        assert figures[key] == pytest.approx(value), key
    assert figures["discovery"]["hungarian_accuracy"]["mean"] == pytest.approx(0.4)

    burst = figures["burst"]  # A at (−1, 0), B at (1, 0), U at (0, 5), two of each
    assert (burst["vote"], burst["bursts"], burst["unknown_bursts"]) == (2, 6, 2)
    assert burst["accuracy_per_class"] == dict(A=1, B=1)
    for key in ("known_accuracy", "upper_bound", "tkr", "tur", "auroc", "tur_at_tkr95"):
        assert burst[key] == 1, key
    assert burst["discovery"]["hungarian_accuracy"] == dict(mean=1, std=0)
    assert set(figures) - {"frames", "unknown_frames", "orders", "burst"} == set(burst) - {
        "vote",
        "bursts",
        "unknown_bursts",
    }
    alone = evaluate(PlaneBundle(), dataset, np.arange(15), 3)
    assert alone == {key: value for key, value in figures.items() if key != "burst"}
    for vote, message in ((0, "vote is 0"), (6, "vote is 6.*so many")):
        with pytest.raises(ValueError, match=message):
            evaluate(PlaneBundle(), dataset, np.arange(15), vote=vote)


def test_known_rates_are_means_over_the_orders():
    """A lies within Θ1, but nearer to U: where all three U came first, they are a rival and take it."""

    class Rivals(PlaneBundle):
        def discriminator_options(self):
            return dict(super().discriminator_options(), rival_support=3)

    dataset = plane(A=[(-1, 3.5)], B=[(1, 0)], U=[(0, 5)] * 3)
    rng = np.random.default_rng(7)
    places = [np.argsort(rng.permutation(5)) for _ in range(12)]
    kept = np.mean([place[0] < place[2:].max() for place in places])
    assert 0 < kept < 1
    figures = evaluate(Rivals(), dataset, np.arange(5), orders=12, seed=7)
    assert figures["accuracy_per_class"] == pytest.approx(dict(A=kept, B=1))
    assert figures["tkr"] == figures["known_accuracy"] == pytest.approx((kept + 1) / 2)
    assert (figures["tur"], figures["auroc"]) == (1, 1)


def test_merged_classes_count_as_one():
    """U, along a line, is recorded as two classes; from their fifth members on they are one."""

    class Merging(PlaneBundle):
        def discriminator_options(self):
            return dict(super().discriminator_options(), theta2_limit=1.0, merge_separation=3.8)

    line = [(0, y) for y in np.linspace(8, 14, 100)]
    figures = evaluate(Merging(), plane(A=[(-1, 0)], B=[(1, 0)], U=line), np.arange(102), orders=20)
    discovery = figures["discovery"]
    assert discovery["hungarian_accuracy"] == dict(mean=1, std=0)
    assert discovery["major_classes"] == dict(mean=1, std=0)
    assert 0.7 < discovery["hungarian_accuracy_as_emitted"]["mean"] < 1
    assert discovery["major_classes_as_emitted"]["mean"] > 1


def test_a_burst_is_of_one_label_and_snr():
    z = np.arange(8.0)[:, None] ** 2
    means, labels = bursts(z, list("AABABBAA"), [0, 5, 0, 0, 0, 0, 0, 5], 2)
    # A at 0 dB: 0, 3, 6; A at 5 dB: 1, 7; B at 0 dB: 2, 4, 5
    assert means[:, 0].tolist() == [(0 + 9) / 2, (1 + 49) / 2, (4 + 16) / 2]
    assert labels.tolist() == ["A", "A", "B"]
    means, labels = bursts(z, list("AABABBAA"), [0] * 8, 1)
    assert sorted(means[:, 0]) == z[:, 0].tolist()


def test_as_typed(data, tmp_path):
    path = write_small_bundle(tmp_path / "small.pt")
    result = run_cli("evaluate", path, "--data", data, "--orders", 2, "--json")
    assert result.returncode == 0, result.stderr
    figures = json.loads(result.stdout)
    assert figures["orders"] == 2 and 0 <= figures["auroc"] <= 1
    assert "burst" not in figures
    result = run_cli("evaluate", path, "--data", data, "--orders", 2, "--vote", 4)
    for word in ("AUROC", "OSCR", "F1", "upper bound", "accuracy as emitted", "accuracy of QPSK"):
        assert result.stdout.count(word) == 2, word
    assert "burst level, 4 frames" in result.stdout and "unknown bursts" in result.stdout
    fails(run_cli("evaluate", path, "--data", tmp_path / "none.npz"), "none.npz")
    fails(run_cli("evaluate", path, "--data", data, "--snr", 3), "data.npz")
    fails(run_cli("evaluate", path, "--data", data, "--vote", 41), "vote is 41")
