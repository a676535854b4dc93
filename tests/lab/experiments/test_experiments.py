# SPDX-License-Identifier: GPL-3.0-or-later
"""The paper's experiments: end to end on tiny data, the cache of trainings, and the parts."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from cli_support import fails, run_cli
from click.testing import CliRunner
from sr2cnn_learn import experiments
from sr2cnn_learn.cli.reproduce import reproduce
from sr2cnn_learn.datasets import Dataset, load_dataset, save_radioml
from sr2cnn_learn.discriminator import Discriminator
from sr2cnn_learn.evaluation.evaluate import evaluate
from sr2cnn_learn.evaluation.separation import rates_over_lambda1
from sr2cnn_learn.experiments import EXPERIMENTS, experiment
from sr2cnn_learn.experiments.laboratory import Laboratory, Watcher, provenance
from sr2cnn_learn.experiments.own.ablation import ABLATION, leave_out
from sr2cnn_learn.experiments.own.open_world import compare
from sr2cnn_learn.experiments.own.unseen_channels import FIGURES
from sr2cnn_learn.experiments.report import Report, number, paper, share
from sr2cnn_learn.experiments.setup import Options, Setup
from sr2cnn_learn.experiments.sr2cnn.detectors import DETECTORS, Detection, detect
from sr2cnn_learn.experiments.sr2cnn.printed import UNKNOWN_SETS, printed
from sr2cnn_learn.experiments.sr2cnn.table2 import _dominant_shares
from sr2cnn_learn.iq import interleaved
from sr2cnn_learn.nets.sr2cnn import normalise
from sr2cnn_learn.plugins import import_all
from sr2cnn_learn.training import PRESETS, TrainingData, recipe_of

N_FRAMES = 20


TONES = {"BPSK": 0.02, "QPSK": 0.1, "CPFSK": 0.2, "GFSK": 0.4, "AM-SSB": 0.0}


def write_tones(path, frequencies, seed):
    """A data file of tones in noise, {name: cycles a sample}; 0 is noise alone."""
    rng = np.random.default_rng(seed)

    def frames(frequency):
        phase = rng.uniform(0, 2 * np.pi, (N_FRAMES, 1))
        x = np.exp(1j * (2 * np.pi * frequency * np.arange(128) + phase)) * (frequency > 0)
        x = x + 0.2 * (rng.standard_normal((N_FRAMES, 128, 2)) @ [1, 1j])
        return interleaved(x)

    save_radioml(path, {(name, snr): frames(f) for name, f in frequencies.items() for snr in (16, 18)})
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Four tones and noise, by the names that the paper holds out."""
    return write_tones(tmp_path_factory.mktemp("data") / "tones.npz", TONES, 0)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


class Noting(Watcher):
    """Notes the trainings, each with whether it was kept."""

    def __init__(self):
        self.asked = []

    def on_training(self, what, kept):
        self.asked.append((what, kept))


def laboratory(data, work, watcher=None, preset="paper", epochs=2, **of_training):
    of_training = {"unknown": ("AM-SSB", "GFSK"), **of_training}
    return Laboratory(TrainingData(data, **of_training), work, epochs, preset, device="cpu", watcher=watcher)


def setup_of(data, work, epochs=2, **options):
    """A `Setup` that trains for so many epochs, and its watcher."""
    watcher = Noting()
    options = Options(dict.fromkeys(PRESETS, epochs), data=data, device="cpu", **options)
    return Setup(options, work, watcher=watcher), watcher


def run(name, setup):
    return setup.run(EXPERIMENTS[name])


@pytest.mark.parametrize("name", ["table5", "fig5"])
def test_a_table_and_a_figure(name, data, work, tmp_path):
    setup, _ = setup_of(data, work)
    report = run(name, setup)
    (lab,) = setup.laboratories
    report.write(tmp_path, name, provenance([lab], f"sr2cnn reproduce {name}"))
    text = (tmp_path / f"{name}.md").read_text()
    assert lab.dataset.sha256 in text and "undertrained" in text and "not at hand" in text
    assert all(len(row) == len(report.columns) for row in report.rows)
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    if name == "table5":
        assert [row[0] for row in report.rows] == list(DETECTORS)
    else:
        assert ["TKR, paper", "95.9 %", "95.9 %", "95.9 %"] in report.rows


def test_second_run_trains_nothing(data, work, monkeypatch):
    run("fig4", setup_of(data, work)[0])
    monkeypatch.setattr("sr2cnn_learn.experiments.laboratory.train", None)
    setup, watcher = setup_of(data, work)
    report = run("fig4", setup)
    assert [row[0] for row in report.rows] == ["1", "2"]
    run("fig6", setup)
    assert watcher.asked == [("without AM-SSB, GFSK", True)]
    for other in (dict(seed=1), dict(snrs=(18,)), dict(unknown=("GFSK",))):
        with pytest.raises(TypeError):  # there is no train() to call
            run("fig4", setup_of(data, work, **other)[0])


@pytest.mark.parametrize(
    ("options", "unknown", "overrides", "name"),
    [
        (dict(preset="paper", epochs=3, seed=1), ("AM-SSB", "GFSK"), {}, "04228c0e117a6d82"),
        (dict(preset="paper", epochs=6), ("AM-SSB", "GFSK"), dict(center_weight=0.0), "2df317dd8bf50a36"),
        (dict(preset="residual", epochs=8, seed=1), ("AM-SSB", "GFSK"), {}, "514fdeab16f5bd33"),
        (
            dict(preset="residual", epochs=8, seed=1, background="others.npz"),
            ("AM-SSB", "CPFSK"),
            {},
            "0552fa4e0ca4b6af",
        ),
    ],
)
def test_trainings_are_found_again(options, unknown, overrides, name, monkeypatch):
    """The names of trainings that took hours: whoever changes them, or a recipe, loses them."""
    data = dict(
        paper="c9b6874bbe15fea793ffdf59c574ac23f527257d14a79af4d07c0b7f6f38c3bb",
        residual="59af00014583cc58ae8a078cf7bef56cfb49dca0b1786b53f09c7351c42175df",
    )[options["preset"]]
    background = "0c2edadb359575ab4e7b542e5361e0fee8012e014a75973d20d2b8fba2aa9e94"
    monkeypatch.setattr("sr2cnn_learn.experiments.laboratory.file_sha256", lambda file: background)
    frames, snrs = np.zeros((2, 128, 2), np.float32), np.array([16, 18])
    dataset = Dataset(frames, np.array(["BPSK", "BPSK"]), snrs, data)
    preset, epochs = options.pop("preset"), options.pop("epochs")
    lab = Laboratory(TrainingData("data.npz", **options), "work", epochs, preset, dataset=dataset)
    assert lab._digest(unknown, overrides) == name


@pytest.mark.parametrize(
    "other", [dict(max_per_key=5), dict(samples_per_symbol=4), dict(unlabelled=0.5), dict(teacher="t.pt")]
)
def test_all_that_decides_a_training_is_in_its_name(other, data, work, monkeypatch):
    monkeypatch.setattr("sr2cnn_learn.experiments.laboratory.file_sha256", lambda file: "a" * 64)
    plain, changed = (Laboratory(TrainingData(data, **which), work, 1) for which in ({}, other))
    assert changed._digest((), {}) != plain._digest((), {})


def test_killed_training_goes_on(data, tmp_path, monkeypatch):
    class Killed(Exception):
        pass

    class Killing(Watcher):
        def on_epoch(self, epoch):
            raise Killed

    lab = laboratory(data, tmp_path, Killing())
    with pytest.raises(Killed):
        lab.trained()
    seen, watcher = [], Watcher()
    watcher.on_epoch = seen.append
    lab = laboratory(data, tmp_path, watcher)
    assert [epoch["number"] for epoch in lab.trained().history] == [1, 2]
    assert [epoch.number for epoch in seen] == [2]


def test_sweep_of_the_test_is_labelled(data, work, monkeypatch):
    chosen, swept = laboratory(data, work), laboratory(data, work)
    swept.sweep_test = True
    streams = []

    def choose(options, classes, z, truth, upper_bound):
        streams.append((z, upper_bound))
        return dict(distance="isotropic", lambda1=0.123), True

    monkeypatch.setattr("sr2cnn_learn.experiments.laboratory.choose_discriminator", choose)
    trained = chosen.trained(chosen.unknown)
    card = trained.bundle.card
    assert trained.discriminator_options["lambda1"] == card["lambda1"] and not streams
    trained = swept.trained(swept.unknown)
    options = trained.discriminator_options
    assert (options["distance"], options["lambda1"]) == ("isotropic", 0.123)
    z, upper_bound = streams[0]
    assert np.array_equal(z, trained.stream("test")[0]) and upper_bound == trained.upper_bound("test")
    assert "validation" in provenance([chosen], "")["λ1 and distance"]
    assert "swept on the test" in provenance([swept], "")["λ1 and distance"]


def test_figures_are_those_of_the_card(data, work):
    lab = laboratory(data, work)
    trained = lab.trained(lab.unknown)
    of_card = trained.bundle.card["provenance"]["metrics"]
    for key in ("tkr", "tur", "known_accuracy", "auroc"):
        assert trained.figures[key] == pytest.approx(of_card[key], abs=0.02), key
    assert trained.upper_bound() == pytest.approx(of_card["closed_set_accuracy"], abs=0.02)


def test_each_loss_is_left_out(data, tmp_path, monkeypatch):
    recipes, plain = [], recipe_of("paper", 1)

    class Asked(Exception):
        pass

    def train(data, recipe, *others, **options):
        recipes.append(recipe)
        if len(recipes) == 5:
            raise Asked
        return real(data, plain, *others, **options)

    from sr2cnn_learn.experiments import laboratory as module

    real = module.train
    monkeypatch.setattr(module, "train", train)
    with pytest.raises(Asked):
        run("table3", setup_of(data, tmp_path, epochs=1)[0])
    assert recipes == [
        plain,
        replace(plain, cross_entropy_weight=0.0),
        replace(plain, center_weight=0.0),
        replace(plain, reconstruction_weight=0.0),
        replace(plain, reconstruction_norm="l1"),
    ]


def test_as_typed(data, work, tmp_path):
    arguments = ("--data", data, "--epochs", 2, "--work", work, "--out", tmp_path, "--device", "cpu")
    result = run_cli("reproduce", "fig4", *arguments)
    assert result.returncode == 0, result.stderr
    assert "Figure 4" in result.stdout and "undertrained" in result.stderr
    text = (tmp_path / "fig4.md").read_text()
    assert "`sr2cnn reproduce fig4 --data tones.npz --epochs 2`" in text
    result = run_cli("reproduce", "--help")
    assert all(f"  {name}  " in result.stdout for name in EXPERIMENTS)
    for listing in (run_cli("reproduce", "--json"), run_cli("reproduce", "--list", "--json")):
        assert listing.returncode == 0, listing.stderr
        listed = {each["name"]: each for each in json.loads(listing.stdout)}
        assert set(listed) == set(EXPERIMENTS) and listed["fig7"]["data"] == ["signal202002"]
    fails(run_cli("reproduce", "table1"), "table1", status=2)
    result = run_cli("reproduce", "fig4", "--unknown", "OOK", *arguments)
    assert result.returncode == 1 and "Error: unknown class 'OOK'" in result.stderr
    assert "Traceback" not in result.stderr


TOY = """
from sr2cnn_learn.experiments.registry import experiment
from sr2cnn_learn.experiments.report import Report
from sr2cnn_learn.plots.bars import draw_bars


@experiment("toy", "how many frames each class has", paper="toys")
def toy(setup):
    dataset = setup.laboratory().dataset
    counts = {name: sum(dataset.labels == name) for name in dataset.modulations}
    values = [[n / len(dataset) for n in counts.values()]]

    def draw(figure):
        draw_bars(figure, list(counts), ["frames"], values)

    return Report("Toy", "Frames.", ["class", "frames"], [[k, str(n)] for k, n in counts.items()], draw)
"""


def test_a_new_experiment_is_a_file(data, tmp_path, monkeypatch):
    """In a folder of experiments/; `sr2cnn reproduce` finds, lists and runs it."""
    (tmp_path / "toys").mkdir()
    (tmp_path / "toys" / "__init__.py").touch()
    (tmp_path / "toys" / "toy.py").write_text(TOY)
    monkeypatch.setattr(experiments, "__path__", [*experiments.__path__, str(tmp_path)])
    import_all(experiments.__name__, experiments.__path__)
    try:
        runner = CliRunner()
        assert "  toy     how many frames each class has" in runner.invoke(reproduce, ["--help"]).output
        arguments = ["toy", "--data", data, "--work", tmp_path, "--out", tmp_path, "--device", "cpu"]
        result = runner.invoke(reproduce, list(map(str, arguments)), catch_exceptions=False)
    finally:
        del EXPERIMENTS["toy"]
    assert result.exit_code == 0, result.output
    text = (tmp_path / "toy.md").read_text()
    assert "| BPSK | 40 |" in text and "`sr2cnn reproduce toy --data tones.npz`" in text
    assert (tmp_path / "toy.png").read_bytes().startswith(b"\x89PNG")


def test_data_that_nobody_makes(tmp_path, monkeypatch):
    """Without GNU Radio's part: said before anything is trained, and what to do."""
    monkeypatch.setattr("sr2cnn_learn.cli.reproduce.found", lambda group: {})
    with pytest.raises(ImportError, match="gnuradio.sr2cnn.*--data FILE"):
        CliRunner().invoke(reproduce, ["fig4", "--work", str(tmp_path)], catch_exceptions=False)


def test_errors(data, work):
    with pytest.raises(ValueError, match="epochs is 0"):
        laboratory(data, work, epochs=0)
    with pytest.raises(ValueError, match="there is an experiment 'table2' already"):
        experiment("table2", "another of that name")(lambda setup: None)


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Files for the preset residual: background classes, a test set, and modulations never seen."""
    folder = tmp_path_factory.mktemp("others")
    tones = {
        "background": {"OOK": 0.15, "NBFM": 0.3},
        "test": TONES,
        "unseen": {"OFDM": 0.35, "CHIRP": 0.45},
    }
    return {
        name: write_tones(folder / f"{name}.npz", frequencies, seed)
        for seed, (name, frequencies) in enumerate(tones.items(), 1)
    }


def residual_laboratories(data, work, others):
    """As open-world has them: one seed without background, two with; and the list of their trainings."""
    watcher, background = Noting(), others["background"]
    alone, *two = (
        laboratory(data, work, watcher, "residual", background=file, seed=seed)
        for file, seed in ((None, 0), (background, 0), (background, 1))
    )
    return {"alone": [alone], "two": two}, watcher.asked


def test_open_world(data, work, others, tmp_path, monkeypatch):
    labs, asked = residual_laboratories(data, work, others)
    steps = []
    test, unseen = load_dataset(others["test"]), load_dataset(others["unseen"])
    report = compare(labs, test, unseen, orders=2, progress=steps.append)
    assert len(asked) == 4 * 3 and not any(kept for _, kept in asked)
    assert sum(steps) == 4 * 3 * 2
    report.write(tmp_path, "open-world", provenance(labs["two"], "sr2cnn reproduce open-world"))
    assert (tmp_path / "open-world.png").read_bytes().startswith(b"\x89PNG")

    assert report.columns == ["figure", "the paper prints", "alone", "two", "target"]
    rows = {row[0]: row[1:] for row in report.rows}
    assert len(rows) == len(report.rows) == 4 * len(FIGURES) + 3
    for _, alone, two, _ in rows.values():
        assert alone and "±" not in alone
        assert two == "none" or "±" in two
    first, *_, last = ("{" + ", ".join(unknown) + "}: " for unknown in UNKNOWN_SETS)
    assert rows[first + "known accuracy"][::3] == ["73.7 %", "≥ 93 %"]
    assert rows[last + "known accuracy"][3] == ""
    assert rows[first + "AUROC"][::3] == ["", "≥ 0.995"]
    assert rows[first + "discovered classes ≥ 5 %"][3] == "2"
    assert rows[last + "discovered classes ≥ 5 %"][3] == "3"
    assert [row[3] for row in list(rows.values())[-3:]] == ["", "", "≥ 95 %"]

    trained = [lab.trained(UNKNOWN_SETS[0]) for lab in [*labs["alone"], *labs["two"]]]
    found = [evaluate(t.bundle, test, np.arange(len(test)), 2) for t in trained]
    cells = rows[first + "AUROC"][1:3]
    assert cells[0] == number(found[0]["auroc"], 4)
    mean = np.mean([f["auroc"] for f in found[1:]])
    assert cells[1].startswith(number(float(mean), 4) + " ± ")
    accuracy = found[0]["discovery"]["hungarian_accuracy"]["mean"]
    assert rows[first + "Hungarian accuracy"][1] == share(accuracy)

    bundle = trained[0].bundle
    scale = Discriminator(**bundle.discriminator_options())
    scores = []
    for dataset in (test, unseen):
        scale.predict(bundle.encode(dataset.frames))
        scores.append(scale.scores)
    limit = np.quantile(scores[0][np.isin(test.labels, bundle.classes)], 0.95, method="higher")
    caught = [np.mean(scores[1][unseen.labels == name] > limit) for name in ("CHIRP", "OFDM")]
    assert list(rows)[-1] == "never seen, mean: TUR at TKR 95 %"
    in_rows = [rows[f"{name}, never seen: TUR at TKR 95 %"][1] for name in ("CHIRP", "OFDM")]
    assert in_rows == [share(value) for value in caught]
    assert list(rows.values())[-1][1] == share(np.mean(caught))

    all_three = [*labs["alone"], *labs["two"]]
    about = provenance(all_three, "sr2cnn reproduce open-world --repeats 2")
    assert (about["seed"], about["λ1 and distance"]) == ("0; 1", "chosen on the validation part")
    assert about["data"].count("sha256") == 1
    assert about["epochs"] == "2: **undertrained**, preset residual has 8"
    assert about["trainings"].count("residual, seed 0, without") == len(UNKNOWN_SETS)
    assert about["trainings"].count("residual with background, seed 1, without") == len(UNKNOWN_SETS)
    names = [t.bundle.name for lab in all_three for t in lab.used.values()]
    assert len(set(names)) == 12 and all(f"(`{name}`, best epoch 2, " in about["trainings"] for name in names)

    monkeypatch.setattr("sr2cnn_learn.experiments.laboratory.train", None)
    labs, asked = residual_laboratories(data, work, others)
    assert compare(labs, test, unseen, orders=2).rows == report.rows
    assert len(asked) == 4 * 3 and all(kept for _, kept in asked)


def test_ablation(data, work, others, tmp_path):
    labs, asked = residual_laboratories(data, work, others)
    (alone,), (residual, _) = labs.values()
    report = leave_out(residual, alone, load_dataset(others["test"]), load_dataset(others["unseen"]))
    report.write(tmp_path, "ablation", provenance([residual, alone], "sr2cnn reproduce ablation"))
    assert (tmp_path / "ablation.png").read_bytes().startswith(b"\x89PNG")
    assert [row[0] for row in report.rows] == [*ABLATION, "no background classes"]
    assert all(len(row) == len(report.columns) and all(row) for row in report.rows)
    assert len(asked) == len(report.rows)
    recipes = [t.bundle.card["provenance"]["recipe"] for t in residual.used.values()]
    for recipe, fields in zip(recipes, ABLATION.values()):
        assert recipe | fields == recipe
    assert alone.used["without AM-SSB, GFSK"].bundle.card["provenance"]["recipe"] == recipes[0]


def test_a_figure_of_the_paper_or_a_dash():
    assert printed(["GFSK", "AM-SSB"], "known_accuracy") == 73.7
    assert printed(["GFSK"], "tkr") is None
    assert (paper(85.5), paper(None)) == ("85.5 %", "–")
    assert (share(0.9084), share(None), number(0.01234)) == ("90.8 %", "none", "0.0123")
    missing = Report("t", "s", ["a"], [["–"]], None, remarks=["one"])
    assert len(missing.all_remarks()) == 2
    assert "| a |\n| --- |\n| – |" in missing.markdown({"seed": "1"})
    assert Report("t", "s", ["a"], [["1"]], None).all_remarks() == []


def test_dominant_shares_by_hand():
    truth = np.array(["X"] * 4 + ["Y"] * 2 + ["A"] * 4)
    ids = np.array([-1, -1, -2, 0, -1, 0, -3, -3, 0, 0])
    # −1: two X and one Y; −2: one X; −3: A, a known class; nothing is Y's
    assert _dominant_shares(truth, ids, ["X", "Y"]) == dict(X=0.5, Y=0.0)


def test_rates_are_those_of_the_discriminator():
    rng = np.random.default_rng(0)
    z, unknown = rng.normal(size=(50, 4)), rng.random(50) < 0.4
    options = dict(centers=np.eye(2, 4), distance="euclidean")
    scale = Discriminator(**options, lambda1=1.0)
    scale.predict(z)
    lambdas, tkr, tur = rates_over_lambda1(scale.scores, unknown)
    for i in (0, 20, 49):
        ids = Discriminator(**options, lambda1=lambdas[i] + 1e-9).predict(z)
        assert tkr[i] == pytest.approx(np.mean(ids[~unknown] >= 0))
        assert tur[i] == pytest.approx(np.mean(ids[unknown] < 0))


def test_detection_ids():
    detection = Detection(np.array([0.1, 0.5, 0.6]), 0.5, np.array([2, 1, 0]))
    assert detection.ids.tolist() == [2, 1, -1]


def test_detectors_on_separable_vectors():
    """A trained network is stood in for by vectors: two classes, and an unknown one far from both."""

    class Bundle:
        @staticmethod
        def classify(z):
            return z[:, :2]

        @staticmethod
        def reconstruct(frames):
            frames = normalise(torch.from_numpy(frames)).numpy()
            return np.where(frames > 0, 0, frames)  # rebuilds the negative parts alone

    class Trained:
        bundle = Bundle()
        classes = ["A", "B"]
        rng = np.random.default_rng(1)
        discriminator_options = dict(
            centers=8 * np.eye(2, 5), distance="euclidean", lambda1=0.5, theta2="median"
        )

        def _z(self, kinds):
            centers = np.concatenate([8 * np.eye(2, 5), [[4, 4, 30, 0, 0]]])
            return (centers[kinds] + self.rng.standard_normal((len(kinds), 5))).astype("f4")

        def __init__(self):
            self.kinds = dict(train=np.arange(400) % 2, validation=np.arange(200) % 2)
            self.test = np.arange(150) % 3
            self.vectors = {part: self._z(kinds) for part, kinds in self.kinds.items()}

        def z(self, part):
            return self.vectors[part]

        def labels(self, part):
            return np.array(self.classes)[self.kinds[part]]

        def _frames(self, positive):
            frames = -self.rng.uniform(0.5, 1, (len(positive), 16, 2)).astype("f4")
            frames[:, :3] *= -1
            frames[positive] *= -1
            return frames

        def frames(self, part):
            return self._frames(self.kinds[part] == 2)

        def stream(self):
            return self._z(self.test), self.test

        def stream_frames(self):
            return self._frames(self.test == 2)

    trained = Trained()
    detections, failures = detect(trained, seed=0)
    assert not failures and list(detections) == list(DETECTORS)
    unknown = trained.test == 2
    for name, detection in detections.items():
        assert np.mean(detection.ids[unknown] == -1) > 0.9, name
        known = detection.ids[~unknown]
        assert np.mean(known == trained.test[~unknown]) > 0.8, name
