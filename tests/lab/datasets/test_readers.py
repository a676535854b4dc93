# SPDX-License-Identifier: GPL-3.0-or-later
"""A format of one's own: all that a reader takes."""

import json

import numpy as np
import pytest
from cli_support import fails
from sr2cnn_learn.bundle import Bundle
from sr2cnn_learn.datasets import READERS, Reader, load_dataset, reader


@pytest.fixture
def csv():
    """Data sets in .csv, as long as the test lasts."""

    @reader
    class CsvFrames(Reader):
        """A line a frame: label, SNR, then I and Q in turns."""

        @classmethod
        def reads(cls, path, head):
            return path.suffix == ".csv"

        def __init__(self, path, frame_len):
            super().__init__(path, frame_len)
            self._frames = {}
            for line in path.read_text().splitlines():
                label, snr, *samples = line.split(",")
                frame = np.reshape(samples, (-1, 2)).astype("f4")
                self._frames.setdefault((label, int(snr)), []).append(frame[:frame_len])
            self.counts = {key: len(frames) for key, frames in self._frames.items()}

        def read(self, key, rows, out):
            out[:] = np.array(self._frames[key])[rows]

    yield
    READERS.remove(CsvFrames)


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(0)
    lines = [
        f"{label},{snr},{','.join(map(str, rng.standard_normal(256)))}\n"
        for label, snr in 30 * [("QPSK", 8), ("GFSK", 12), ("OOK", 8)]
    ]
    (tmp_path / "frames.csv").write_text("".join(lines))
    return tmp_path / "frames.csv"


def test_a_reader_of_ones_own(csv, path):
    """It reads; what is common to all readers is there without its doing."""
    data = load_dataset(path, ["OOK", "GFSK"], max_per_key=10)
    assert data.keys == {("GFSK", 12): 10, ("OOK", 8): 10} and len(data.sha256) == 64
    third = path.read_text().splitlines()[2].split(",")[2:]
    np.testing.assert_array_equal(data.frames[10], np.reshape(third, (128, 2)).astype("f4"))
    with pytest.raises(ValueError, match="no SNR of 3"):
        load_dataset(path, snrs=[3])
    with pytest.raises(ValueError, match="classes are for RML2018.01A"):
        load_dataset(path, classes=["OOK"])
    path.write_text(path.read_text().replace("OOK", "\x1b[31m"))
    with pytest.raises(ValueError, match="frames.csv: .*name"):
        load_dataset(path)


def test_the_commands_take_it(csv, path, tmp_path, typed):
    result = typed("dataset", "info", path)
    assert result.returncode == 0, result.stderr
    assert "GFSK" in result.stdout and "12 dB" in result.stdout and "not stated" in result.stdout
    train = ("train", "--data", path, "--out", tmp_path / "b.pt", "--epochs", 1, "--device", "cpu")
    fails(typed(*train), "frames.csv", "--samples-per-symbol")
    result = typed(*train, "--samples-per-symbol", 4, "--json")
    assert result.returncode == 0, result.stderr
    card = json.loads(result.stdout)
    assert card["classes"] == ["GFSK", "OOK", "QPSK"] and card["samples_per_symbol"] == 4
    assert Bundle.read(tmp_path / "b.pt").samples_per_symbol == 4


def test_without_the_reader_it_is_none(path):
    with pytest.raises(ValueError, match="frames.csv: not a pickle"):
        load_dataset(path)
