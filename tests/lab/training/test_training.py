# SPDX-License-Identifier: GPL-3.0-or-later
"""Training: data file in, bundle out; a killed run goes on with the same result."""

import dataclasses
import hashlib
from typing import ClassVar

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from sr2cnn_learn.bundle import Bundle
from sr2cnn_learn.datasets import HELD_OUT, UNLABELLED, load_dataset, split, write_making
from sr2cnn_learn.discriminator import Discriminator
from sr2cnn_learn.evaluation.evaluate import evaluate, untrained_frames
from sr2cnn_learn.nets import NETWORKS, network
from sr2cnn_learn.semantics import class_semantics
from sr2cnn_learn.training import TrainingData, recipe_of
from sr2cnn_learn.training import train as train_on
from sr2cnn_learn.training.objectives import OBJECTIVES, Objective, objective
from sr2cnn_learn.training.prepare import prepare
from sr2cnn_learn.training.recipes import Recipe, ResidualRecipe
from tones import write_tones


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three tones and noise, which a network tells apart within a few steps."""
    tones = {"slow": 0.02, "middle": 0.1, "fast": 0.3, "noise": 0.0}
    return write_tones(tmp_path_factory.mktemp("data") / "tones.npz", tones)


@pytest.fixture(scope="module")
def background(tmp_path_factory):
    """Two tones between those of ``data``."""
    tones = {"slower": 0.06, "faster": 0.2}
    return write_tones(tmp_path_factory.mktemp("background") / "others.npz", tones, seed=1)


class Killed(Exception):
    pass


DATA = {field.name for field in dataclasses.fields(TrainingData)}


def train(data, out, preset="residual", epochs=None, overrides=None, **options):
    """`sr2cnn_learn.training.train` with all that tells trainings apart in one line."""
    data = TrainingData(data, **{name: options.pop(name) for name in DATA & set(options)})
    return train_on(data, recipe_of(preset, epochs, **(overrides or {})), out, **options)


def test_killed_run_goes_on_with_the_same_result(data, tmp_path):
    arguments = dict(data=data, unknown=["noise"], preset="paper", epochs=3, seed=5, device="cpu")
    epochs = []
    card = train(out=tmp_path / "whole.pt", on_epoch=epochs.append, **arguments)
    assert [e.number for e in epochs] == [1, 2, 3]
    assert not (tmp_path / "whole.pt.checkpoint").exists()

    def kill(epoch):
        if epoch.number == 2:
            raise Killed

    with pytest.raises(Killed):
        train(out=tmp_path / "cut.pt", on_epoch=kill, **arguments)
    assert not (tmp_path / "cut.pt").exists()
    resumed = []
    again = train(out=tmp_path / "cut.pt", on_epoch=resumed.append, **arguments)
    assert [e.number for e in resumed] == [3]
    assert resumed[0].loss == pytest.approx(epochs[2].loss, rel=1e-5)
    assert again["lambda1"] == pytest.approx(card["lambda1"], rel=1e-4)

    whole, cut = Bundle.load(tmp_path / "whole.pt"), Bundle.load(tmp_path / "cut.pt")
    assert whole.classes == cut.classes == ["fast", "middle", "slow"]
    assert np.allclose(whole.centers, cut.centers, atol=1e-4)
    assert card["provenance"]["data_sha256"] == load_dataset(data).sha256
    assert card["provenance"]["unknown"] == ["noise"]
    assert set(card["provenance"]["metrics"]) >= {"known_accuracy", "tkr", "tur", "auroc"}
    assert (
        card["provenance"]["best_epoch"]
        == max(epochs, key=lambda e: (e.validation_accuracy, -e.number)).number
    )


def test_checkpoint_of_another_run_is_refused(data, tmp_path):
    def kill(epoch):
        raise Killed

    with pytest.raises(Killed):
        train(data, tmp_path / "b.pt", epochs=1, seed=1, on_epoch=kill)
    with pytest.raises(ValueError, match="b.pt.checkpoint.*seed"):
        train(data, tmp_path / "b.pt", epochs=1, seed=2)
    (tmp_path / "b.pt.checkpoint").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="b.pt.checkpoint.*not a checkpoint"):
        train(data, tmp_path / "b.pt", epochs=1, seed=1)


def test_former_name_of_a_preset_is_understood():
    assert recipe_of("best", dim=5) == recipe_of("residual", dim=5)


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(preset="fast"), "'fast'.*residual, lite, paper"),
        (dict(epochs=0), "epochs is 0"),
        (dict(unknown=["QPSK"]), "QPSK"),
        (dict(unknown=["slow", "middle", "fast"]), "1 known"),
        (dict(snrs=[4]), "4"),
        (dict(device="tpu"), "tpu"),
        (dict(out="/no/such/folder/b.pt"), "no folder"),
    ],
)
def test_bad_arguments_are_named(data, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        train(**{**dict(data=data, out=tmp_path / "b.pt", epochs=1), **changes})
    assert not list(tmp_path.iterdir())


def test_samples_per_symbol_come_from_the_data(data, tmp_path):
    few = dict(epochs=1, device="cpu")
    own = tmp_path / "own.npz"
    own.write_bytes(data.read_bytes())
    assert train(own, tmp_path / "a.pt", **few)["samples_per_symbol"] == 8
    write_making(own, dict(recipe="ours", samples_per_symbol=4))
    assert train(own, tmp_path / "b.pt", **few)["samples_per_symbol"] == 4
    assert train(own, tmp_path / "c.pt", samples_per_symbol=2.5, **few)["samples_per_symbol"] == 2.5
    for wrong in (0, float("nan"), "8"):
        with pytest.raises(ValueError, match="own.npz: samples_per_symbol is"):
            train(own, tmp_path / "d.pt", samples_per_symbol=wrong, **few)
    assert not (tmp_path / "d.pt").exists()


def test_unlabelled_frames_are_left_out_of_the_batches(data, tmp_path):
    given = []

    @objective("looks at labels")
    class Looks(Objective):
        def loss(self, outputs, frames, labels):
            given.append(labels)
            return 0 * outputs["z"].sum()

    @dataclasses.dataclass(frozen=True)
    class Looking(ResidualRecipe):
        objectives: ClassVar = ("cross_entropy", "center", "looks at labels")
        whole_batches: ClassVar = False

    what = TrainingData(data, unknown=("noise",), unlabelled=0.75, seed=5)
    try:
        card = train_on(what, Looking(epochs=1, batch_size=5), tmp_path / "b.pt", device="cpu")
    finally:
        del OBJECTIVES["looks at labels"]
    assert card["provenance"]["unlabelled"] == 0.75
    assert Bundle.read(tmp_path / "b.pt").counts.tolist() == [14, 14, 14]  # of 56 training frames of each
    assert torch.cat(given).bincount().tolist() == [14, 14, 14]

    prepared = prepare(what, recipe_of("residual"), torch.device("cpu"))
    frames, labels = prepared.tensors("unlabelled")
    assert frames.shape == (126, 128, 2) and set(labels.tolist()) == {UNLABELLED}
    assert set(prepared.labels[prepared.dataset.labels == "noise"]) == {HELD_OUT} != {UNLABELLED}
    assert len(prepared.tensors("train")[0]) == 42


def test_checkpoint_of_another_unlabelled_share_is_refused(data, tmp_path):
    def kill(epoch):
        raise Killed

    with pytest.raises(Killed):
        train(data, tmp_path / "b.pt", unlabelled=0.5, on_epoch=kill, **FEW_FRAMES)
    with pytest.raises(ValueError, match="b.pt.checkpoint.*unlabelled"):
        train(data, tmp_path / "b.pt", **FEW_FRAMES)


def test_semantics_by_hand():
    z = np.array([[0.0, 2], [2, 4], [1, 1], [3, 1], [5, 1]])
    semantics = class_semantics(z, [0, 0, 1, 1, 1], 2)
    assert semantics["centers"].tolist() == [[1, 3], [3, 1]]
    assert np.allclose(semantics["variances"], [[1, 1], [8 / 3, 0]])
    assert semantics["counts"].tolist() == [2, 3]
    full = class_semantics(z, [0, 0, 1, 1, 1], 2, full_covariance=True)
    assert np.allclose(full["covariances"][0], [[1, 1], [1, 1]])
    with pytest.raises(ValueError, match="class 2 has 0 frames"):
        class_semantics(z, [0, 0, 1, 1, 1], 3)


def test_overrides_of_the_recipe(data, tmp_path):
    card = train(data, tmp_path / "b.pt", epochs=1, device="cpu", overrides=dict(center_weight=0.0, dim=32))
    assert card["dim"] == 32
    assert card["provenance"]["recipe"]["center_weight"] == 0
    with pytest.raises(ValueError, match="overrides has 'centre_weight'.*center_weight"):
        train(data, tmp_path / "c.pt", overrides=dict(centre_weight=0.0))


def test_without_cross_entropy_the_last_epoch_is_kept(data, tmp_path):
    epochs = []
    card = train(
        data,
        tmp_path / "b.pt",
        preset="paper",
        epochs=2,
        device="cpu",
        on_epoch=epochs.append,
        overrides=dict(cross_entropy_weight=0.0, dim=16),
    )
    assert card["provenance"]["best_epoch"] == 2
    last = epochs[-1]
    recipe = card["provenance"]["recipe"]
    weights = {name: recipe[f"{name}_weight"] for name in ("center", "reconstruction")}
    assert set(last.losses) == {"cross_entropy", *weights}
    assert last.loss == pytest.approx(sum(weight * last.losses[name] for name, weight in weights.items()))


#: Of the preset residual on so few frames: batches small enough for some tens of steps.
FEW_FRAMES = dict(unknown=["noise"], seed=5, device="cpu", overrides=dict(batch_size=32, tkr=0.9))


@pytest.fixture(scope="module")
def residual(data, background, tmp_path_factory):
    """Bundle of the preset residual with background classes, its card and its epochs."""
    path, epochs = tmp_path_factory.mktemp("residual") / "whole.pt", []
    card = train(data, path, background=background, on_epoch=epochs.append, **FEW_FRAMES)
    return Bundle.load(path), card, epochs


def test_residual_killed_run_goes_on_with_the_same_result(residual, data, background, tmp_path):
    """Both runs do the same sums. The tolerances are for their order, which is the machine's: in bfloat16
    a product rounded the other way differs by 2⁻⁸, and what the loss averages over hundreds of frames by
    a tenth of that; the whitening magnifies it. Axes may swap, distances between centers may not."""
    whole, card, epochs = residual

    def kill(epoch):
        if epoch.number == 3:
            raise Killed

    arguments = dict(data=data, out=tmp_path / "cut.pt", background=background, **FEW_FRAMES)
    with pytest.raises(Killed):
        train(on_epoch=kill, **arguments)
    resumed = []
    again = train(on_epoch=resumed.append, **arguments)
    assert [e.number for e in resumed] == [4, 5, 6, 7, 8]
    assert [e.loss for e in resumed] == pytest.approx([e.loss for e in epochs[3:]], rel=5e-3, abs=1e-3)
    cut = Bundle.load(tmp_path / "cut.pt")
    assert pdist(cut.centers) == pytest.approx(pdist(whole.centers), rel=0.05)
    assert again["lambda1"] == pytest.approx(card["lambda1"], rel=0.05)
    assert again["provenance"]["best_epoch"] == card["provenance"]["best_epoch"] == 8


def test_residual_on_one_batch_an_epoch(data, tmp_path):
    """Five steps put the cycle's peak at the very first one."""
    card = train(data, tmp_path / "b.pt", epochs=5, device="cpu")
    assert card["provenance"]["best_epoch"] == 5


def test_residual_checkpoint_with_background_is_not_resumed_without(data, background, tmp_path):
    def kill(epoch):
        raise Killed

    with pytest.raises(Killed):
        train(data, tmp_path / "b.pt", background=background, on_epoch=kill, **FEW_FRAMES)
    with pytest.raises(ValueError, match="background_sha256"):
        train(data, tmp_path / "b.pt", **FEW_FRAMES)


def test_residual_round_trip(residual, data):
    """Trained, evaluated, loaded and used, each for itself."""
    bundle, card, epochs = residual
    assert [set(e.losses) for e in epochs] == [{"cross_entropy", "center"}] * 8
    assert bundle.classes == ["fast", "middle", "slow"] and not bundle.has_decoder
    assert bundle.dim == 65 and bundle.distance == "euclidean" and bundle.attribute_weights is not None
    dataset = load_dataset(data)
    figures = evaluate(bundle, dataset, *untrained_frames(bundle, dataset)[:1], orders=2)
    assert figures["unknown_frames"] == 12 and figures["frames"] == 48
    assert figures["upper_bound"] > 0.9  # chance: 1/3
    assert figures["auroc"] > 0.8  # chance: 1/2
    of_card = card["provenance"]["metrics"]
    assert figures["auroc"] == pytest.approx(of_card["auroc"], abs=0.01)
    assert figures["upper_bound"] == pytest.approx(of_card["closed_set_accuracy"], abs=0.03)

    known = dataset.labels != "noise"
    frames, truth = dataset.frames[known] @ [1, 1j], dataset.labels[known]
    for turn in (1, 1j, -1, np.exp(0.7j)):  # the training's rotations have made it blind to them
        named = np.array(bundle.classes)[bundle.classify(bundle.encode(turn * frames)).argmax(1)]
        assert np.mean(named == truth) > 0.9, turn


def test_residual_lambda1_keeps_its_share_of_validation_frames(residual, data):
    bundle, card, _ = residual
    dataset = load_dataset(data)
    validation = split(dataset, ["noise"], 5).validation
    z = bundle.encode(dataset.frames[validation])
    ids = Discriminator(**bundle.discriminator_options()).predict(z)
    assert np.mean(ids >= 0) == pytest.approx(0.9, abs=1 / len(z))
    assert card["provenance"]["recipe"]["tkr"] == 0.9
    assert card["provenance"]["metrics"]["constraints_met"] is None


def test_card_names_the_network_and_what_it_takes(residual):
    bundle, card, _ = residual
    assert card["network"]["name"] == "residual"
    arguments = bundle.card["network"]["arguments"]
    assert arguments["n_background"] == 2 and arguments["evidence_weight"] == 10
    assert card["input"] == {
        "kind": "iq",
        "frame_len": bundle.frame_len,
        "normalisation": "unit power",
    }
    assert bundle.module().n_background == 2


def test_card_names_the_network_and_what_it_takes_without_decoder(data, tmp_path):
    for decoder, name in ((False, "sr2cnn-encoder"), (True, "sr2cnn")):
        path = tmp_path / f"{name}.pt"
        card = train(data, path, preset="paper", epochs=1, device="cpu", decoder=decoder)
        assert card["network"]["name"] == name
        bundle = Bundle.load(path)
        assert bundle.has_decoder == hasattr(bundle.module(), "reconstruct") == decoder


def test_card_names_the_background(residual, background):
    provenance = residual[1]["provenance"]
    assert provenance["background"] == ["faster", "slower"]
    assert provenance["background_sha256"] == load_dataset(background).sha256
    assert provenance["recipe"]["preset"] == "residual"


def test_checkpoint_with_another_background_is_refused(data, background, tmp_path):
    def kill(epoch):
        raise Killed

    arguments = dict(data=data, out=tmp_path / "b.pt", epochs=2, device="cpu")
    with pytest.raises(Killed):
        train(background=background, on_epoch=kill, **arguments)
    other = write_tones(tmp_path / "other.npz", {"slower": 0.06, "faster": 0.25})
    with pytest.raises(ValueError, match="b.pt.checkpoint.*background_sha256"):
        train(background=other, **arguments)
    (tmp_path / "b.pt.checkpoint").unlink()
    with pytest.raises(Killed):
        train(on_epoch=kill, **arguments)
    with pytest.raises(ValueError, match="b.pt.checkpoint.*background_sha256"):
        train(background=background, **arguments)


@pytest.mark.parametrize("shared", ["slow", "noise"])
def test_background_class_of_the_data_is_refused(data, tmp_path, shared):
    others = write_tones(tmp_path / "others.npz", {shared: 0.06, "faster": 0.2})
    with pytest.raises(ValueError, match=f"others.npz: background class '{shared}' is a class"):
        train(data, tmp_path / "b.pt", unknown=["noise"], background=others)
    assert not (tmp_path / "b.pt").exists()


def test_paper_takes_no_background(data, background, tmp_path):
    with pytest.raises(ValueError, match="'paper' takes no background"):
        train(data, tmp_path / "b.pt", preset="paper", background=background)


def test_paper_takes_no_teacher(residual, data, tmp_path):
    with pytest.raises(ValueError, match="'paper' takes no teacher"):
        train(data, tmp_path / "b.pt", preset="paper", unknown=["noise"], teacher=residual[0].path)


def test_teacher_of_other_classes_is_refused(residual, data, tmp_path):
    with pytest.raises(ValueError, match="teacher .*its classes"):
        train(data, tmp_path / "b.pt", preset="lite", teacher=residual[0].path)
    assert not (tmp_path / "b.pt").exists()


def test_lite_learns_what_its_teacher_says(data, tmp_path):
    """From a teacher that takes two classes for each other, where the labels are against it."""
    swapped = write_tones(tmp_path / "swapped.npz", {"slow": 0.1, "middle": 0.02, "fast": 0.3, "noise": 0})
    teacher = tmp_path / "teacher.pt"
    train(swapped, teacher, **FEW_FRAMES)
    card = train(data, tmp_path / "b.pt", preset="lite", teacher=teacher, **FEW_FRAMES)
    provenance = card["provenance"]
    assert provenance["recipe"]["preset"] == "lite"
    assert provenance["recipe"]["channels"] == (32, 48, 96)
    assert provenance["teacher_sha256"] == hashlib.sha256(teacher.read_bytes()).hexdigest()
    bundle, dataset = Bundle.load(tmp_path / "b.pt"), load_dataset(data)
    known = dataset.labels != "noise"
    logits = bundle.classify(bundle.encode(dataset.frames[known]))
    named = np.array(bundle.classes)[logits.argmax(1)]
    expected = np.select([dataset.labels == "slow", dataset.labels == "middle"], ["middle", "slow"], "fast")
    assert np.mean(named == expected[known]) > 0.8


def test_a_network_and_an_objective_of_ones_own(data, tmp_path):
    """All that they take: a class each, registered; a recipe that names them."""

    @network("toy")
    class Toy(torch.nn.Module):
        def __init__(self, n_classes, frame_len, dim):
            super().__init__()
            self.embedding_dim = dim
            self.hidden = torch.nn.Linear(2 * frame_len, dim)
            self.head = torch.nn.Linear(dim, n_classes)

        def forward(self, iq):
            spectrum = torch.view_as_real(torch.fft.fft(torch.view_as_complex(iq.contiguous()))).abs()
            return torch.tanh(self.hidden(spectrum.flatten(1)))

        def classify(self, z):
            return self.head(z)

    @objective("small_vectors")
    class SmallVectors(Objective):
        def loss(self, outputs, frames, labels):
            return outputs["z"].square().mean()

    @dataclasses.dataclass(frozen=True)
    class ToyRecipe(Recipe):
        preset: str = "toy"
        epochs: int = 20
        dim: int = 8
        small_vectors_weight: float = 0.01
        network: ClassVar = "toy"
        network_fields: ClassVar = ("dim",)
        objectives: ClassVar = ("cross_entropy", "small_vectors")

    try:
        epochs = []
        path = tmp_path / "toy.pt"
        card = train_on(
            TrainingData(data, unknown=("noise",)), ToyRecipe(), path, device="cpu", on_epoch=epochs.append
        )
        toy, seen = Bundle.load(path), []
        module = toy.module()
        module.hidden.register_forward_hook(lambda *of_layer: seen.append(of_layer))
        module(torch.zeros(3, toy.frame_len, 2))
        assert isinstance(module, Toy) and len(seen) == 1
    finally:
        del NETWORKS["toy"], OBJECTIVES["small_vectors"]
    assert set(epochs[-1].losses) == {"cross_entropy", "small_vectors"}
    assert epochs[-1].loss < epochs[0].loss
    bundle = Bundle.load(path)  # where nobody knows the network, by the graph that is stored
    assert bundle.classes == ["fast", "middle", "slow"] and bundle.dim == card["dim"] == 8
    assert card["provenance"]["metrics"]["closed_set_accuracy"] > 0.6  # chance: 1/3
