# Copyright 2026 the gr-sr2cnn authors.
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training: data file in, bundle out; a killed run goes on with the same result."""

import numpy as np
import pytest
from sr2cnn_learn.bundle import Bundle
from sr2cnn_learn.datasets import load_dataset, save_radioml
from sr2cnn_learn.semantics import class_semantics
from sr2cnn_learn.training import train

N_FRAMES = 40


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three tones and noise, which a network tells apart within a few steps."""
    rng = np.random.default_rng(0)
    t = np.arange(128)

    def frames(frequency):
        phase = rng.uniform(0, 2 * np.pi, (N_FRAMES, 1))
        x = np.exp(1j * (2 * np.pi * frequency * t + phase)) * (frequency > 0)
        x = x + 0.1 * (rng.standard_normal((N_FRAMES, 128, 2)) @ [1, 1j])
        x /= np.abs(x).sum(1, keepdims=True)
        return np.stack([x.real, x.imag], 1).astype(np.float32)

    path = tmp_path_factory.mktemp("data") / "tones.npz"
    tones = {"slow": 0.02, "middle": 0.1, "fast": 0.3, "noise": 0.0}
    save_radioml(path, {(name, snr): frames(f) for name, f in tones.items() for snr in (16, 18)})
    return path


class Killed(Exception):
    pass


def test_killed_run_goes_on_with_the_same_result(data, tmp_path):
    arguments = dict(data=data, unknown=["noise"], epochs=3, seed=5, device="cpu")
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
    assert card["provenance"]["best_epoch"] == max(
        epochs, key=lambda e: (e.validation_accuracy, -e.number)
    ).number


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


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(preset="fast"), "'fast'.*paper"),
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
    card = train(
        data, tmp_path / "b.pt", epochs=1, device="cpu", overrides=dict(center_weight=0.0, dim=32)
    )
    assert card["dim"] == 32
    assert card["provenance"]["recipe"]["center_weight"] == 0
    with pytest.raises(ValueError, match="overrides has 'centre_weight'.*center_weight"):
        train(data, tmp_path / "c.pt", overrides=dict(centre_weight=0.0))


def test_without_cross_entropy_the_last_epoch_is_kept(data, tmp_path):
    epochs = []
    card = train(
        data,
        tmp_path / "b.pt",
        epochs=2,
        device="cpu",
        on_epoch=epochs.append,
        overrides=dict(cross_entropy_weight=0.0, dim=16),
    )
    assert card["provenance"]["best_epoch"] == 2
    last = epochs[-1]
    recipe = card["provenance"]["recipe"]
    assert last.loss == pytest.approx(
        recipe["center_weight"] * last.center + recipe["reconstruction_weight"] * last.reconstruction
    )
