# SPDX-License-Identifier: GPL-3.0-or-later
"""What strangers write, mutated: a parser takes it or refuses it with its error, and nothing else happens."""

import json
import pickle
import random
import warnings

import numpy as np
import pytest
from sr2cnn_learn.bundle import Bundle
from sr2cnn_learn.datasets.arrays import NpzArrays
from sr2cnn_learn.datasets.safe_pickle import read_arrays
from sr2cnn_learn.recordings import open_recording
from stress import size

MUTATIONS = size(150, 30_000)
REFUSALS = ValueError, FileNotFoundError
SPECIAL = b"\x00", b"\xff" * 4, b"\x7f\xff\xff\xff", b"-1", b"nan", b"1e999", b"9" * 25, b"\n", b'"', b"{"


def mutated(data, chance):
    """The bytes with a few of them changed, left out, put in, doubled or moved."""
    data = bytearray(data)
    for _ in range(chance.randint(1, 5)):
        at = chance.randint(0, len(data))
        length = chance.choice((1, 1, 2, 4, 8, 100))
        how = chance.randint(0, 5)
        if how == 0 and data:
            data[min(at, len(data) - 1)] ^= 1 << chance.randint(0, 7)
        elif how == 1:
            del data[at : at + length]
        elif how == 2:
            data[at:at] = chance.randbytes(length)
        elif how == 3:
            data[at : at + length] = data[at : at + length] * 2
        elif how == 4:
            data[at:at] = chance.choice(SPECIAL)
        else:
            del data[at:]
    return bytes(data)


def survives(parse, path, whole, seed):
    """Parse mutations of the bytes, in the file; the whole first. How many were taken."""
    chance = random.Random(seed)
    path.write_bytes(whole)
    parse(path)
    taken = 0
    for _ in range(MUTATIONS):
        data = mutated(whole, chance)
        path.write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                parse(path)
                taken += 1
            except REFUSALS:
                pass
        assert path.read_bytes() == data
    return taken


def frames():
    return np.random.default_rng(0).standard_normal((3, 128, 2)).astype("f4")


def test_pickled_data_sets(tmp_path):
    whole = pickle.dumps({("QPSK", 2): frames(), ("BPSK", -4): frames()}, 2)
    survives(read_arrays, tmp_path / "some.pkl", whole, 1)


def test_npz_data_sets(tmp_path, replay):
    survives(lambda path: NpzArrays(path, 128), tmp_path / "some.npz", replay.read_bytes(), 2)


def test_bundles_without_their_network(tmp_path, tiny_bundle):
    survives(Bundle.read, tmp_path / "some.pt", tiny_bundle.read_bytes(), 3)


def first_samples(path):
    recording = open_recording(path)
    next(iter(recording.read_blocks()))
    return recording


def test_sigmf(tmp_path):
    frames().tofile(tmp_path / "some.sigmf-data")
    meta = {
        "global": {"core:datatype": "cf32_le", "core:sample_rate": 1e6, "core:version": "1.0.0"},
        "captures": [{"core:sample_start": 0, "core:frequency": 868.95e6}],
        "annotations": [{"core:sample_start": 5, "core:sample_count": 20, "core:label": "QPSK"}],
    }
    survives(first_samples, tmp_path / "some.sigmf-meta", json.dumps(meta, indent=1).encode(), 4)


def test_wav(tmp_path):
    import soundfile

    soundfile.write(tmp_path / "some.wav", frames().reshape(-1, 2) / 10, 48000, subtype="FLOAT")
    survives(first_samples, tmp_path / "some.wav", (tmp_path / "some.wav").read_bytes(), 5)


def test_registries(tmp_path):
    pytest.importorskip("gnuradio")
    from registry_support import filled
    from sr2cnn_learn.registry import Registry

    filled().save(tmp_path / "classes")
    survives(Registry.load, tmp_path / "classes", (tmp_path / "classes").read_bytes(), 6)


def test_json_lines(tmp_path):
    pytest.importorskip("gnuradio")
    from gnuradio.sr2cnn.outputs.json_lines import read_json_lines

    lines = [json.dumps({"event": "label", "label": "QPSK", "n_frames": n, "score": 0.5}) for n in range(20)]
    survives(lambda path: list(read_json_lines(path)), tmp_path / "some.jsonl", "\n".join(lines).encode(), 7)


def test_states_of_discriminators(tmp_path):
    """Of the C++ kernel; the same under sanitizers: `make sanitize`."""
    pytest.importorskip("gnuradio")
    from gnuradio.sr2cnn.sr2cnn_python import discriminator_kernel

    centers, z = np.zeros((2, 3)), np.random.default_rng(0).normal(0, 30, (40, 3))
    kernel = discriminator_kernel(centers=centers, distance="euclidean", lambda2=0.0)
    kernel.predict(z)
    assert len(kernel.discovered) > 3
    other = discriminator_kernel(centers=centers, distance="euclidean", lambda2=0.0)

    def load(path):
        try:
            other.load(str(path))
        except RuntimeError as error:  # which names the file
            assert str(path) in str(error)
            raise ValueError from error
        other.predict(z)

    survives(load, tmp_path / "state", kernel.state().encode(), 8)


def test_configurations(tmp_path):
    pytest.importorskip("gnuradio")
    from click.testing import CliRunner
    from gnuradio.sr2cnn.cli.monitor import monitor

    whole = b'source = "soapy:driver=none"\nfreq = "868.95M"\nrate = "1.6M"\ngain = 30\nzmq = 5555\n'
    chance = random.Random(9)
    path = tmp_path / "monitor.toml"
    for _ in range(MUTATIONS // 10):
        path.write_bytes(mutated(whole, chance))
        result = CliRunner().invoke(monitor, ["--config", str(path), "--duration", "-1"])
        assert result.exit_code in (1, 2), (path.read_bytes(), result.output)
        assert isinstance(result.exception, (SystemExit, *REFUSALS)), path.read_bytes()
