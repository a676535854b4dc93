# SPDX-License-Identifier: GPL-3.0-or-later
"""The data sets that `sr2cnn reproduce` builds where it is given none."""

import numpy as np
import pytest
from gnuradio.sr2cnn.cli import reproduce
from rich.console import Console
from sr2cnn_learn.cli import progress_bar
from sr2cnn_learn.datasets import load_dataset


@pytest.mark.parametrize("second", [False, True])
def test_built_once(second, tmp_path, monkeypatch):
    module = __import__("sys").modules[reproduce.callback.__module__]
    monkeypatch.setattr(module, "FRAMES_PER_KEY", 3)
    console = Console(stderr=True, quiet=True)
    with progress_bar(console) as progress:
        path = module._built(tmp_path / "work", second, (18,), console, progress)
        dataset = load_dataset(path)
        assert len(dataset) == 33 and len(dataset.modulations) == 11
        assert {"AM-SSB", "CPFSK", "GFSK"} < set(dataset.modulations)
        assert np.all(dataset.snrs == 18)
        path.write_bytes(b"kept")
        assert module._built(tmp_path / "work", second, (18,), console, progress) == path
        assert path.read_bytes() == b"kept"
        assert module._built(tmp_path / "work", second, (16,), console, progress) != path
