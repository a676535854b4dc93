# SPDX-License-Identifier: GPL-3.0-or-later
"""Training on a CUDA device: every preset learns there, a killed run goes on, and the bundle runs anywhere."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sr2cnn_learn.bundle import Bundle
from sr2cnn_learn.training import TrainingData, recipe_of, train
from sr2cnn_learn.training.recipes import PRESETS
from tones import write_tones

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

TONES = {"slow": 0.02, "middle": 0.1, "fast": 0.3, "noise": 0.0}  # cycles a sample
N_EACH = 2000
EPOCHS = 4


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "tones.npz"
    return write_tones(path, TONES, 3, N_EACH, noise=0.3, snrs=(16,))


@pytest.mark.parametrize("preset", PRESETS)
def test_trains_and_goes_on(preset, data, tmp_path):
    what = TrainingData(data, unknown=("noise",), seed=5)
    epochs = []

    def kill(epoch):
        epochs.append(epoch)
        if epoch.number == 2:
            raise Killed

    with pytest.raises(Killed):
        train(what, recipe_of(preset, EPOCHS), tmp_path / "cut.pt", "cuda", on_epoch=kill)
    train(what, recipe_of(preset, EPOCHS), tmp_path / "cut.pt", "cuda", on_epoch=epochs.append)
    assert [epoch.number for epoch in epochs] == [1, 2, 3, 4]
    seconds = min(epoch.seconds for epoch in epochs)
    print(f"{preset}: {3 * N_EACH * 0.6 / seconds:,.0f} frames/s in training, losses {epochs[-1].losses}")
    assert epochs[-1].loss < epochs[0].loss

    on_cpu, on_cuda = (Bundle.load(tmp_path / "cut.pt", device) for device in ("cpu", "cuda"))
    assert on_cpu.card["provenance"]["metrics"]["known_accuracy"] > 0.8
    frames = (np.random.default_rng(1).standard_normal((500, 128, 2)) @ [1, 1j]).astype(np.complex64)
    z, same = on_cpu.encode(frames), on_cuda.encode(frames)
    assert np.allclose(z, same, atol=1e-2 * np.abs(z).max())
