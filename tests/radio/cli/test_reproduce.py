# SPDX-License-Identifier: GPL-3.0-or-later
"""What `sr2cnn reproduce` builds where it is given no data, and open-world, which builds all its own."""

import numpy as np
import pytest
from click.testing import CliRunner
from gnuradio.sr2cnn.synthesis import radioml, signal202002
from sr2cnn_learn.cli.reproduce import _make, reproduce
from sr2cnn_learn.datasets import load_dataset
from sr2cnn_learn.experiments import laboratory, setup
from sr2cnn_learn.experiments.data import BACKGROUND, NEVER_SEEN


@pytest.fixture
def asked(monkeypatch):
    """The generators make six frames a key, and note how many they were asked for, seed and options."""
    calls = []

    def small(build):
        def built(frames_per_key, snrs, seed, progress, **options):
            calls.append((frames_per_key, seed, options))
            return build(6, snrs, seed, **options)

        return built

    monkeypatch.setattr(radioml, "radioml2016", small(radioml.radioml2016))
    monkeypatch.setattr(signal202002, "signal202002", small(signal202002.signal202002))
    return calls


@pytest.mark.parametrize(
    ("name", "frames_per_key", "options"),
    [
        ("radioml2016", 1000, dict(am_ssb="noise")),
        ("signal202002", 1000, {}),
        ("train", 10_000, dict(am_ssb="noise")),
        ("test", 1000, dict(am_ssb="noise")),
    ],
)
def test_built_once(name, frames_per_key, options, asked, tmp_path):
    def file(snr):
        return setup.Setup(setup.Options({}, snrs=(snr,)), tmp_path / "work", _make).file(name)

    path = file(18)
    dataset = load_dataset(path)
    assert len(dataset) == 66 and len(dataset.modulations) == 11
    assert {"AM-SSB", "CPFSK", "GFSK"} < set(dataset.modulations)
    assert np.all(dataset.snrs == 18)
    path.write_bytes(b"kept")
    assert file(18) == path
    assert path.read_bytes() == b"kept"
    assert file(16) != path
    assert len(asked) == 2
    for frames, _, given in asked:
        assert frames == frames_per_key and given | options == given


def test_open_world_as_typed(asked, tmp_path, monkeypatch):
    """From generated data to a report; the second time nothing is built and nothing trained."""
    arguments = ["open-world", "--snr", "18", "--epochs", "1", "--device", "cpu"]
    arguments += ["--work", str(tmp_path / "work"), "--out", str(tmp_path)]
    runner = CliRunner()
    result = runner.invoke(reproduce, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    text = (tmp_path / "open-world.md").read_text()
    assert (tmp_path / "open-world.png").read_bytes().startswith(b"\x89PNG")
    for column in ("paper, 1 epoch", "residual, no background", "residual, 1 seed"):
        assert f"| {column} |" in text
    assert "`sr2cnn reproduce open-world --snr 18 --epochs 1`" in text
    for name in NEVER_SEEN:
        assert f"| {name}, never seen: TUR at TKR 95 % |" in text

    files = {path.name.partition("_")[0]: path for path in (tmp_path / "work").glob("*.npz")}
    assert sorted(files) == ["background", "radioml2016", "test", "train", "unseen"]
    modulations = {name: set(load_dataset(path).modulations) for name, path in files.items()}
    assert modulations["background"] == set(BACKGROUND)
    assert modulations["unseen"] == set(NEVER_SEEN)
    trained_on = modulations["train"] | modulations["background"]
    assert not trained_on & modulations["unseen"]
    assert not modulations["train"] & modulations["background"]
    assert len(asked) == 5 and len({seed for _, seed, _ in asked}) == 4  # radioml2016 and train share one
    assert (
        len(list((tmp_path / "work").glob("*.pt"))) == 4 + 1 + 4
    )  # paper, residual without background, residual

    assert "paper, seed 0, without" in text and "residual with background, seed 0, without" in text

    monkeypatch.setattr(laboratory, "train", None)
    again = runner.invoke(reproduce, arguments, catch_exceptions=False)
    assert again.exit_code == 0 and len(asked) == 5
    table = [line for line in text.splitlines() if line.startswith("|")]
    text = (tmp_path / "open-world.md").read_text()
    assert [line for line in text.splitlines() if line.startswith("|")] == table


def test_ablation_as_typed(asked, tmp_path, monkeypatch):
    """It needs nothing of the paper's laboratory, and its own two share the large file."""
    monkeypatch.setattr(laboratory, "load_dataset", None)  # they are given it
    arguments = ["ablation", "--snr", "18", "--epochs", "1", "--device", "cpu"]
    arguments += ["--work", str(tmp_path / "work"), "--out", str(tmp_path)]
    result = CliRunner().invoke(reproduce, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "1 epoch a training: the networks are undertrained, preset residual has 8" in result.output
    files = {path.name.partition("_")[0] for path in (tmp_path / "work").glob("*.npz")}
    assert files == {"background", "test", "train", "unseen"}
    text = (tmp_path / "ablation.md").read_text()
    assert "residual with background, seed 0, without AM-SSB, GFSK, whiten = False" in text
