# SPDX-License-Identifier: GPL-3.0-or-later
"""Data sets in pickles and .npz: round trips, filters, refusals; the split."""

import hashlib
import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sr2cnn_learn.datasets import load_dataset, save_radioml, split, write_making

COUNTS = {("QPSK", 2): 40, ("QPSK", -4): 20, ("AM-SSB", 2): 13, ("8PSK", 2): 3}


@pytest.fixture
def mapping():
    rng = np.random.default_rng(1)
    return {k: rng.standard_normal((n, 128, 2)).astype("f4") for k, n in COUNTS.items()}


@pytest.fixture(params=["some.pkl", "some.dat", "some.npz"])
def path(request, tmp_path, mapping):
    path = tmp_path / request.param
    save_radioml(path, mapping)
    return path


def test_round_trip(path, mapping):
    data = load_dataset(path)
    assert len(data) == 76
    assert data.frames.shape == (76, 128, 2) and data.frames.dtype == np.float32
    assert data.modulations == ["8PSK", "AM-SSB", "QPSK"]
    assert data.keys == {key: COUNTS[key] for key in sorted(COUNTS)}
    assert data.skipped == 0
    assert data.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    for (label, snr), frames in mapping.items():
        chosen = (data.labels == label) & (data.snrs == snr)
        np.testing.assert_array_equal(data.frames[chosen], frames)


def test_the_pickle_is_the_published_layout(tmp_path, mapping):
    save_radioml(tmp_path / "some.pkl", mapping)
    with open(tmp_path / "some.pkl", "rb") as file:
        assert file.read(2) == b"\x80\x02"
        file.seek(0)
        content = pickle.load(file, encoding="latin1")
    assert content.keys() == mapping.keys()
    for key, frames in content.items():
        assert frames.dtype == np.float32 and frames.shape == (COUNTS[key], 2, 128)
        np.testing.assert_array_equal(frames, mapping[key].transpose(0, 2, 1))


def test_filters(path):
    assert load_dataset(path, modulations=["QPSK"]).keys == {("QPSK", -4): 20, ("QPSK", 2): 40}
    assert load_dataset(path, snrs=[-4]).keys == {("QPSK", -4): 20}
    with pytest.raises(ValueError, match="no modulation FM; it has 8PSK, AM-SSB, QPSK"):
        load_dataset(path, modulations=["FM"])
    with pytest.raises(ValueError, match="no SNR of 30; it has -4, 2"):
        load_dataset(path, snrs=[30])
    with pytest.raises(ValueError, match="no frames"):
        load_dataset(path, modulations=["8PSK"], snrs=[-4])


def test_at_most_so_many_of_a_key_evenly_spread(path, mapping):
    data = load_dataset(path, max_per_key=4)
    assert data.keys == {k: min(n, 4) for k, n in sorted(COUNTS.items())}
    chosen = (data.labels == "QPSK") & (data.snrs == 2)
    np.testing.assert_array_equal(data.frames[chosen], mapping["QPSK", 2][[0, 10, 20, 30]])
    with pytest.raises(ValueError, match="max_per_key is 0"):
        load_dataset(path, max_per_key=0)


def test_frame_len(path, mapping):
    data = load_dataset(path, modulations=["8PSK"], frame_len=100)
    np.testing.assert_array_equal(data.frames, mapping["8PSK", 2][:, :100])
    with pytest.raises(ValueError, match=r"\(n, 2, 129 or more\)"):
        load_dataset(path, frame_len=129)
    with pytest.raises(ValueError, match="frame_len is 0"):
        load_dataset(path, frame_len=0)


def test_the_content_tells_the_format_not_the_name(path, mapping):
    renamed = path.rename(path.with_name("renamed.hdf5"))
    assert load_dataset(renamed).keys == {key: COUNTS[key] for key in sorted(COUNTS)}
    with pytest.raises(ValueError, match="classes are for RML2018.01A"):
        load_dataset(renamed, classes=["QPSK"])


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_signal_202002(tmp_path, dtype):
    """SIGNAL-202002 in small: 20 SNRs from 2 to 40 dB, float32 or float64."""
    rng = np.random.default_rng(2)
    mapping = {
        (modulation, snr): rng.standard_normal((3, 2, 128)).astype(dtype)
        for modulation in ("BPSK", "WBFM")
        for snr in range(2, 42, 2)
    }
    path = tmp_path / "SIGNAL-202002.pkl"
    path.write_bytes(pickle.dumps(mapping, 2))
    data = load_dataset(path)
    assert data.keys == dict.fromkeys(mapping, 3) and data.frames.dtype == np.float32
    np.testing.assert_allclose(data.frames[:3], mapping["BPSK", 2].transpose(0, 2, 1), rtol=1e-6)


def test_byte_keys_and_other_float_types(tmp_path, mapping):
    path = tmp_path / "some.pkl"
    content = {(m.encode(), float(s)): v.transpose(0, 2, 1).astype(">f8") for (m, s), v in mapping.items()}
    path.write_bytes(pickle.dumps(content))
    data = load_dataset(path)
    assert data.keys.keys() == mapping.keys() and data.frames.dtype == np.float32


def test_frames_with_nan_or_inf_are_counted_and_left_out(tmp_path, mapping):
    mapping["QPSK", 2][3, 5, 0] = np.nan
    mapping["QPSK", 2][7, 0, 1] = np.inf
    save_radioml(tmp_path / "some.pkl", mapping)
    data = load_dataset(tmp_path / "some.pkl")
    assert data.skipped == 2 and data.keys["QPSK", 2] == 38
    assert np.isfinite(data.frames).all()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "no frames"),
        ({("QPSK", 2): np.zeros((5, 128, 2), "f4")}, r"shape \(5, 128, 2\), expected \(n, 2, 128 or more\)"),
        ({("QPSK", 2): np.zeros((5, 2, 64), "f4")}, r"\(5, 2, 64\)"),
        ({("QPSK", 2): np.zeros((2, 128), "f4")}, r"\(2, 128\)"),
        ({("QPSK", 2): np.zeros((5, 2, 128), "i2")}, "dtype int16"),
        ({("QPSK", 2): np.zeros((0, 2, 128), "f4")}, "no frame"),
        ({"QPSK": np.zeros((5, 2, 128), "f4")}, "key 'QPSK'"),
        ({(2, "QPSK"): np.zeros((5, 2, 128), "f4")}, "key"),
        ({("QPSK", float("nan")): np.zeros((5, 2, 128), "f4")}, "key"),
        ([1, 2], "holds a list"),
    ],
)
def test_foreign_pickles(tmp_path, content, reason):
    path = tmp_path / "some.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=rf"some\.pkl: .*{reason}"):
        load_dataset(path)


def test_damaged_files(path):
    whole = path.read_bytes()
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=f"{path}: "):
            load_dataset(path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=f"{path}: no such file"):
        load_dataset(path)
    with pytest.raises(ValueError, match="no .sigmf-meta file"):
        load_dataset(path.parent)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"labels": None}, "no array 'labels'"),
        ({"labels": np.array(["QPSK"] * 4)}, r"expected \(5,\) str"),
        ({"labels": np.array([{}] * 5, object)}, "damaged"),
        ({"snrs": np.zeros(5)}, r"expected \(5,\) int"),
        ({"frames": np.zeros((5, 128), "f4")}, r"shape \(5, 128\)"),
    ],
)
def test_foreign_npz(tmp_path, change, reason):
    path = tmp_path / "some.npz"
    arrays = {
        "frames": np.zeros((5, 2, 128), "f4"),
        "labels": np.array(["QPSK"] * 5),
        "snrs": np.zeros(5, int),
    }
    arrays = {k: v for k, v in {**arrays, **change}.items() if v is not None}
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=rf"some\.npz: .*{reason}"):
        load_dataset(path)


def test_zip_bomb(tmp_path):
    path = tmp_path / "some.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("frames.npy", bytes(20_000_000))
    with pytest.raises(ValueError, match="would unpack to 20000000 bytes"):
        load_dataset(path)


def test_a_shape_that_the_file_does_not_hold(tmp_path):
    path = tmp_path / "some.npz"
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (70368744177664, 2, 128)}\n"
    with zipfile.ZipFile(path, "w") as archive:
        npy = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
        archive.writestr("frames.npy", npy)
    with pytest.raises(ValueError, match="frames is cut short"):
        load_dataset(path)


@given(st.binary(max_size=100))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_bytes(tmp_path, data):
    for path in (tmp_path / "some.pkl", tmp_path / "some.npz"):
        path.write_bytes(data)
        with pytest.raises(ValueError, match="some"):
            load_dataset(path)


def test_nothing_half_written(tmp_path, mapping, monkeypatch):
    path = tmp_path / "some.pkl"
    path.write_text("what was there")

    def full(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(pickle, "dump", full)
    with pytest.raises(OSError, match="disk full"):
        save_radioml(path, mapping)
    with pytest.raises(ValueError, match="expected"):
        save_radioml(path, {("QPSK", 2): np.zeros((3, 128))})
    with pytest.raises(ValueError, match=r"\(3, 2, 128\), expected \(n, L, 2\)"):
        save_radioml(path, {("QPSK", 2): np.zeros((3, 2, 128))})
    with pytest.raises(ValueError, match="differ in length"):
        save_radioml(path, {("QPSK", s): np.zeros((3, 64 + s, 2)) for s in (0, 2)})
    assert path.read_text() == "what was there"
    assert os.listdir(tmp_path) == ["some.pkl"]


def test_samples_per_symbol(path, mapping):
    """What lies beside it says, else RadioML's 8; what is of another file says nothing."""
    assert load_dataset(path).samples_per_symbol == 8
    beside = path.with_name(path.name + ".json")
    write_making(path, {"recipe": "ours", "samples_per_symbol": 6.5})
    assert json.loads(beside.read_text())["sha256"] == load_dataset(path).sha256
    assert load_dataset(path).samples_per_symbol == 6.5
    for text in ("", "[]", "[" * 100_000, '{"samples_per_symbol": 4}', " " * 2**21):
        beside.write_text(text)
        assert load_dataset(path).samples_per_symbol == 8
    beside.unlink()
    beside.mkdir()
    assert load_dataset(path).samples_per_symbol == 8
    beside.rmdir()
    for wrong in (0, -8, True, "8", None, [8], 1e300):
        write_making(path, {"samples_per_symbol": wrong})
        with pytest.raises(ValueError, match=f"{beside}: samples_per_symbol is .*expected a positive"):
            load_dataset(path)
    write_making(path, {"samples_per_symbol": 4})
    save_radioml(path, {key: 2 * frames for key, frames in mapping.items()})
    assert load_dataset(path).samples_per_symbol == 8


def test_a_name_as_long_as_names_may_be(path):
    longest = path.rename(path.with_name("n" * 251 + path.suffix))
    assert load_dataset(longest).samples_per_symbol == 8


def test_npz_that_states_its_samples_per_symbol(tmp_path):
    path = tmp_path / "some.npz"
    arrays = dict(frames=np.zeros((5, 2, 128), "f4"), labels=np.array(["QPSK"] * 5), snrs=np.zeros(5, int))
    np.savez(path, **arrays, samples_per_symbol=4)
    assert load_dataset(path).samples_per_symbol == 4
    for wrong in (0, [4, 4], "4", np.nan, True):
        np.savez(path, **arrays, samples_per_symbol=wrong)
        with pytest.raises(ValueError, match="some.npz: samples_per_symbol is"):
            load_dataset(path)


def test_split(path):
    data = load_dataset(path)
    parts = split(data, unknown=["AM-SSB"], seed=3)
    everything = np.concatenate(list(vars(parts).values()))
    assert len(set(everything)) == len(everything)
    known = np.concatenate([parts.train, parts.validation, parts.test])
    assert set(known) == set(np.flatnonzero(data.labels != "AM-SSB"))
    for part in (parts.unknown_validation, parts.unknown_test):
        assert set(data.labels[part]) == {"AM-SSB"}
        assert len(part) == 2  # round(1.95) and 13 - round(9.1) - round(1.95)
    for label, snr, train, validation, test in [("QPSK", 2, 28, 6, 6), ("QPSK", -4, 14, 3, 3)]:
        for part, count in [("train", train), ("validation", validation), ("test", test)]:
            index = getattr(parts, part)
            assert np.sum((data.labels[index] == label) & (data.snrs[index] == snr)) == count


def test_split_depends_on_the_seed_alone(path):
    data = load_dataset(path)
    first, again, other = (split(data, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.train, again.train)
    assert not np.array_equal(first.train, other.train)
    # what else is read from the file does not matter
    fewer = load_dataset(path, modulations=["QPSK"])
    test = first.test[data.labels[first.test] == "QPSK"]
    np.testing.assert_array_equal(fewer.frames[split(fewer, seed=3).test], data.frames[test])


def test_split_with_an_unlabelled_part(path):
    """Of the training frames of each key; all others, and their order in the file, are as without it."""
    data = load_dataset(path)
    whole = split(data, ["AM-SSB"], seed=3)
    assert not len(whole.unlabelled)
    before = np.array([], int)
    for share, left in [(0.5, {-4: 7, 2: 14}), (0.9, {-4: 1, 2: 3}), (0.99, {-4: 1, 2: 1})]:
        parts = split(data, ["AM-SSB"], seed=3, unlabelled=share)
        for name, indices in vars(parts).items():
            assert np.all(np.diff(indices) > 0)
            if name not in ("train", "unlabelled"):
                np.testing.assert_array_equal(indices, getattr(whole, name))
        np.testing.assert_array_equal(np.union1d(parts.train, parts.unlabelled), whole.train)
        assert not set(parts.train) & set(parts.unlabelled)
        qpsk = parts.train[data.labels[parts.train] == "QPSK"]
        assert {snr: np.sum(data.snrs[qpsk] == snr) for snr in left} == left
        assert "8PSK" in data.labels[parts.train]  # of two training frames one stays
        assert set(before) <= set(parts.unlabelled)
        before = parts.unlabelled
    again = split(data, ["AM-SSB"], seed=3, unlabelled=0.99)
    np.testing.assert_array_equal(again.unlabelled, before)


def test_split_refusals(path):
    data = load_dataset(path)
    with pytest.raises(ValueError, match="unknown class 'FM' is not in the data set"):
        split(data, unknown=["FM"])
    with pytest.raises(ValueError, match="sum to 1"):
        split(data, fractions=(0.5, 0.1, 0.1))
    for share in (-0.1, 1, float("nan")):
        with pytest.raises(ValueError, match="unlabelled is .*, expected a share"):
            split(data, unlabelled=share)


def test_npz_needs_no_pickle(tmp_path, mapping):
    save_radioml(tmp_path / "some.npz", mapping)
    with np.load(io.BytesIO((tmp_path / "some.npz").read_bytes()), allow_pickle=False) as arrays:
        assert sorted(arrays) == ["frames", "labels", "snrs"]
