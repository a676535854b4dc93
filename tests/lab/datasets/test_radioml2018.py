# SPDX-License-Identifier: GPL-3.0-or-later
"""RML2018.01A: a small file of its layout, read in part; refusals."""

import hashlib

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sr2cnn_learn.datasets import RADIOML2018_CLASSES, load_dataset

FUZZ = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
A_KEY = 5  # rows of each modulation and SNR
LEVELS = (-20, 0, 30)
CLASSES = len(RADIOML2018_CLASSES)
N = CLASSES * len(LEVELS) * A_KEY


def arrays(length=1024):
    """X, Y, Z in the order of the release: by class, then by SNR."""
    rng = np.random.default_rng(1)
    return {
        "X": rng.standard_normal((N, length, 2)).astype("f4"),
        "Y": np.repeat(np.eye(CLASSES, dtype="i8"), len(LEVELS) * A_KEY, 0),
        "Z": np.tile(np.repeat(np.array(LEVELS, "i8"), A_KEY), CLASSES)[:, None],
    }


def write(path, arrays, **options):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, **options)


@pytest.fixture(params=[{}, {"chunks": True, "compression": "gzip"}], ids=["plain", "gzip"])
def release(request, tmp_path):
    path, content = tmp_path / "GOLD_XYZ_OSC.0001_1024.hdf5", arrays()
    write(path, content, **request.param)
    return path, content


def test_all_of_it(release):
    path, content = release
    data = load_dataset(path)
    assert data.frames.shape == (N, 128, 2) and data.frames.dtype == np.float32
    assert data.keys == {(m, s): A_KEY for m in sorted(RADIOML2018_CLASSES) for s in LEVELS}
    assert data.samples_per_symbol == 8
    assert data.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    for k, name in enumerate(RADIOML2018_CLASSES):
        rows = (content["Y"][:, k] == 1) & (content["Z"][:, 0] == 30)
        chosen = (data.labels == name) & (data.snrs == 30)
        expected = content["X"][rows, :128]
        np.testing.assert_array_equal(data.frames[chosen], expected)


def test_a_part_of_it(release):
    path, content = release
    data = load_dataset(path, ["OQPSK", "OOK"], [0], frame_len=1024, max_per_key=2)
    assert data.keys == {("OOK", 0): 2, ("OQPSK", 0): 2}
    first = np.flatnonzero((content["Y"][:, 0] == 1) & (content["Z"][:, 0] == 0))
    expected = content["X"][first[[0, 2]]]
    np.testing.assert_array_equal(data.frames[:2], expected)


def test_rows_in_any_order(tmp_path):
    """A shuffled file, with Z of one dimension and Y of bytes, gives the same frames of each key."""
    content = arrays(200)
    write(tmp_path / "a.h5", content)
    order = np.random.default_rng(3).permutation(N)
    shuffled = {name: array[order] for name, array in content.items()}
    shuffled["Y"], shuffled["Z"] = shuffled["Y"].astype("u1"), shuffled["Z"][:, 0]
    write(tmp_path / "b.h5", shuffled)
    a, b = (load_dataset(tmp_path / name) for name in ("a.h5", "b.h5"))
    assert a.keys == b.keys
    sums = [np.sort(data.frames[data.labels == "GMSK"].sum((1, 2))) for data in (a, b)]
    np.testing.assert_array_equal(*sums)


def test_only_the_rows_asked_for_are_read(release, monkeypatch):
    path, _ = release
    read = []
    original = h5py.Dataset.__getitem__

    def getitem(self, item, *args):
        result = original(self, item, *args)
        if self.name == "/X":
            read.append(len(result))
        return result

    monkeypatch.setattr(h5py.Dataset, "__getitem__", getitem)
    load_dataset(path, ["FM"], [0])
    assert sum(read) == A_KEY


def test_other_classes(release):
    path, _ = release
    names = [f"class {k}" for k in range(CLASSES)]
    data = load_dataset(path, classes=names)
    assert data.modulations == sorted(names)
    with pytest.raises(ValueError, match=r"Y has shape .*expected \(360, 3\)"):
        load_dataset(path, classes=["a", "b", "c"])
    with pytest.raises(ValueError, match="expected different names"):
        load_dataset(path, classes=["a"] * CLASSES)


def test_rows_with_nan_are_left_out(tmp_path):
    content = arrays(128)
    content["X"][4, 7, 0] = np.nan
    write(tmp_path / "a.h5", content)
    data = load_dataset(tmp_path / "a.h5")
    assert data.skipped == 1 and data.keys["OOK", -20] == A_KEY - 1


def changed(name, change):
    content = arrays(128)
    content[name] = change(content[name])
    return content


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "no array 'X'"),
        ({"X": arrays(128)["X"], "Z": arrays(128)["Z"]}, "no array 'Y'"),
        (arrays(127), r"X has shape \(360, 127, 2\), expected \(360, 128, 2\)"),
        (changed("X", lambda x: x.transpose(0, 2, 1)), r"X has shape \(360, 2, 128\)"),
        (changed("X", lambda x: x[:, :, 0]), "X is no array, or of too few dimensions"),
        (changed("X", lambda x: x.astype("i2")), "X has dtype int16"),
        (changed("X", lambda x: x[:-1]), r"Y has shape \(360, 24\), expected \(359, 24\)"),
        (changed("Y", lambda y: y[:, :23]), r"Y has shape \(360, 23\)"),
        (changed("Y", lambda y: 0 * y), "a row of Y is not one-hot"),
        (changed("Y", lambda y: 2 * y - 1), "a row of Y is not one-hot"),
        (changed("Y", lambda y: y.astype("S1")), "Y has dtype"),
        (changed("Z", lambda z: z[1:]), "Z has shape"),
        (changed("Z", lambda z: z + 0.5), "an SNR in Z is no whole number"),
        (changed("Z", lambda z: z * np.nan), "an SNR in Z is no whole number"),
        (changed("Z", lambda z: z + 2**40), "an SNR in Z is no whole number"),
    ],
)
def test_foreign_hdf5(tmp_path, content, reason):
    path = tmp_path / "a.h5"
    write(path, content)
    with pytest.raises(ValueError, match=rf"a\.h5: .*{reason}"):
        load_dataset(path)


def test_no_rows(tmp_path):
    write(tmp_path / "a.h5", {name: array[:0] for name, array in arrays(128).items()})
    with pytest.raises(ValueError, match="a.h5: no frames"):
        load_dataset(tmp_path / "a.h5")


@pytest.mark.parametrize("name", "XYZ")
def test_giant_arrays_are_refused_before_allocation(tmp_path, name):
    path, content = tmp_path / "a.h5", arrays(128)
    shape = (10**12, *content[name].shape[1:])
    with h5py.File(path, "w") as file:
        for other, array in content.items():
            if other != name:
                file[other] = array
        # nothing of it is stored: the file stays small
        file.create_dataset(name, shape, content[name].dtype, chunks=(1, *shape[1:]))
    with pytest.raises(ValueError, match=f"{name} would unpack to"):
        load_dataset(path)


def test_giant_chunks_are_refused(tmp_path):
    path, content = tmp_path / "a.h5", arrays(1024)
    with h5py.File(path, "w") as file:
        file["Y"], file["Z"] = content["Y"], content["Z"]
        shape = (N, 1024, 2)
        frames = file.create_dataset(
            "X", shape, "f4", maxshape=(None, 1024, 2), chunks=(2**14, 1024, 2), compression="gzip"
        )
        frames[:] = content["X"]
    with pytest.raises(ValueError, match="X has chunks of shape"):
        load_dataset(path)


def test_other_files_are_not_read(tmp_path):
    """A link, external storage and a virtual array would put another file's bytes into the frames."""
    secret, content = tmp_path / "secret.h5", arrays(128)
    write(secret, content)
    layout = h5py.VirtualLayout((N, 128, 2), "f4")
    layout[:] = h5py.VirtualSource(secret, "X", (N, 128, 2))
    nbytes = content["X"].nbytes
    for name, add in {
        "link.h5": lambda file: file.__setitem__("X", h5py.ExternalLink(secret.name, "/X")),
        "soft.h5": lambda file: file.__setitem__("X", h5py.SoftLink("/Y")),
        "virtual.h5": lambda file: file.create_virtual_dataset("X", layout),
        "external.h5": lambda file: file.create_dataset(
            "X", (N, 128, 2), "f4", external=[(str(secret), 0, nbytes)]
        ),
    }.items():
        with h5py.File(tmp_path / name, "w") as file:
            file["Y"], file["Z"] = content["Y"], content["Z"]
            add(file)
        with pytest.raises(ValueError, match=rf"{name}: .*(no array 'X'|lies in another file)"):
            load_dataset(tmp_path / name)


def test_cut_short(release):
    path, _ = release
    whole = path.read_bytes()
    for length in (8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=str(path)):
            load_dataset(path)


def test_a_damaged_chunk(tmp_path):
    path = tmp_path / "a.h5"
    write(path, arrays(128), chunks=True, compression="gzip")
    with h5py.File(path) as file:
        chunk = file["X"].id.get_chunk_info(0)
    whole = bytearray(path.read_bytes())
    whole[chunk.byte_offset : chunk.byte_offset + 100] = bytes(100)
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="a.h5: damaged"):
        load_dataset(path)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.tuples(
                st.lists(st.sampled_from([0, 1, 2, 24, 128]), max_size=4),
                st.sampled_from(["f4", "f8", "i8", "u1", "?", "S3", "c8"]),
            )
            for name in "XYZ"
        },
    )
)
@FUZZ
def test_any_shapes_and_types(tmp_path, members):
    """Zeros are never one-hot: whatever the shapes, the answer is one ValueError."""
    path = tmp_path / "a.h5"
    write(path, {name: np.zeros(shape, dtype) for name, (shape, dtype) in members.items()})
    with pytest.raises(ValueError, match=r"a\.h5: "):
        load_dataset(path)
