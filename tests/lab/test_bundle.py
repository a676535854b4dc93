# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle: what is saved comes back, and what is wrong with a file is said in one sentence."""

import io
import json
import subprocess
import sys
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
import torch
from bundle_support import Small, SmallWithDecoder, card, rewrite, semantics
from sr2cnn_learn.bundle import Bundle, find
from sr2cnn_learn.discriminator import Discriminator
from sr2cnn_learn.engines import torch_device


@pytest.fixture
def path(tmp_path):
    torch.manual_seed(0)
    file = tmp_path / "small.pt"
    Bundle.save(file, SmallWithDecoder(), card(), semantics())
    return file


def test_round_trip(tmp_path):
    network = SmallWithDecoder().eval()
    Bundle.save(tmp_path / "b.pt", network, card(thresholds=[1, 2, 3]), semantics())
    bundle = Bundle.load(tmp_path / "b.pt")
    assert bundle.classes == ["A", "B", "C"] and (bundle.frame_len, bundle.dim) == (16, 4)
    assert np.array_equal(bundle.centers, np.eye(3, 4)) and bundle.counts.tolist() == [5, 6, 7]
    assert bundle.thresholds.tolist() == [1, 2, 3]
    x = np.random.default_rng(0).standard_normal((5, 16, 2)).astype(np.float32)
    with torch.no_grad():
        z = network(torch.from_numpy(x)).numpy()
        rebuilt = network.reconstruct(torch.from_numpy(x)).numpy()
    assert np.allclose(bundle.encode(x), z, atol=1e-5)
    assert np.allclose(bundle.reconstruct(x), rebuilt, atol=1e-5)
    assert bundle.classify(z).shape == (5, 3)
    assert list(tmp_path.iterdir()) == [tmp_path / "b.pt"]  # no temporary left


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 100])
def test_batches_do_not_change_vectors(path, n):
    bundle = Bundle.load(path)
    x = np.random.default_rng(n).standard_normal((n, 16, 2)).astype(np.float32)
    batched = bundle.encode(x, batch_size=8)
    assert batched.shape == (n, 4)
    assert np.allclose(batched, bundle.encode(x), atol=1e-6)
    assert np.array_equal(bundle.encode(x[..., 0] + 1j * x[..., 1]), bundle.encode(x))


def test_half_precision_is_float_again_when_loaded(path, tmp_path):
    torch.manual_seed(0)
    network = SmallWithDecoder()
    Bundle.save(tmp_path / "half.pt", network, card(), semantics(), half=True)
    assert network.down.weight.dtype == torch.float32  # the caller's own
    x = np.ones((2, 16, 2), np.float32)
    half, full = (Bundle.load(p).encode(x) for p in (tmp_path / "half.pt", path))
    assert half.dtype == np.float32 and np.allclose(half, full, atol=2e-2)


def test_without_decoder(tmp_path):
    Bundle.save(tmp_path / "b.pt", Small(), card(), semantics())
    with pytest.raises(ValueError, match="no decoder"):
        Bundle.load(tmp_path / "b.pt").reconstruct(np.zeros((1, 16, 2)))


def test_explicit_parameter_wins_over_the_card(path):
    bundle = Bundle.read(path)
    options = bundle.discriminator_options(lambda1=0.7, distance=None)
    assert (options["lambda1"], options["distance"], options["lambda2"]) == (0.7, "diagonal", 1.0)
    with pytest.raises(ValueError, match="no covariances"):
        bundle.discriminator_options(distance="mahalanobis")


def test_explicit_lambda1_or_distance_wins_over_the_card_s_thresholds(tmp_path):
    Bundle.save(tmp_path / "b.pt", Small(), card(thresholds=[1, 2, 3]), semantics())
    bundle = Bundle.read(tmp_path / "b.pt")
    assert bundle.discriminator_options()["thresholds"].tolist() == [1, 2, 3]
    assert bundle.discriminator_options(lambda1=0.3)["thresholds"] is None
    assert bundle.discriminator_options(distance="euclidean")["thresholds"] is None


def test_mahalanobis_serves_the_other_distances(tmp_path):
    covariances = np.stack([np.diag([1.0, 2, 3, 4])] * 3)
    arrays = semantics(covariances=covariances)
    del arrays["variances"]
    Bundle.save(tmp_path / "m.pt", Small(), card(distance="mahalanobis"), arrays)
    bundle = Bundle.read(tmp_path / "m.pt")
    assert bundle.discriminator_options()["covariances"].shape == (3, 4, 4)
    diagonal = bundle.discriminator_options(distance="diagonal")
    assert diagonal["variances"].tolist() == [[1, 2, 3, 4]] * 3 and "covariances" not in diagonal


def test_read_does_without_torch(path):
    code = (
        "import sys; from sr2cnn_learn.bundle import Bundle; "
        f"Bundle.read({str(path)!r}); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "changes, reason",
    [
        (dict(schema=99), "schema 99"),
        (dict(classes="ABC"), "class names"),
        (dict(classes=["A"]), "at least two"),
        (dict(classes=["A", "A", "B"]), "each once"),
        (dict(dim=-4), "dim = -4"),
        (dict(dim=10**12), "at most"),
        (dict(dim=5), r"centers .*expected"),
        (dict(lambda1=float("nan")), "lambda1"),
        (dict(lambda1="x"), "lambda1"),
        (dict(distance="manhattan"), "manhattan"),
        (dict(distance="mahalanobis"), "covariances"),
        (dict(theta2=1), "theta2"),
        (dict(theta2="mode"), "theta2 is 'mode', expected one of median, mean"),
        (dict(lambda1="0.4"), "lambda1 '0.4', expected a number"),  # in JSON no number is a text
        (dict(lambda2=None), "lambda2 None"),
        (dict(lambda2=-1), "lambda2 is -1, expected a number of at least 0"),
        (dict(rival_support=2.0), "rival_support 2.0, expected an integer"),
        (dict(rival_support=True), "rival_support True, expected an integer"),
        (dict(rival_support=10**4000), "rival_support"),
        (dict(thresholds=[1, 2]), "thresholds"),
        (dict(frame_len=32), "does not run"),
        (dict(name=None), "name"),
        (dict(lambda1=10**4000), "lambda1"),
        (dict(frame_len=10**4000), "frame_len"),
        (dict(theta2_limit=10**4000), "theta2_limit"),
        (dict(merge_separation=float("inf")), "merge_separation"),
        (dict(rival_support=2**31), "rival_support"),
        (dict(provenance=[]), "provenance"),
        (dict(provenance=dict(data_sha256="", unknown=5, seed=1)), "provenance.unknown"),
        (dict(provenance=dict(data_sha256="", unknown=[], seed=-1)), "provenance.seed"),
        (dict(comment="\ud800"), "surrogates"),
        (dict(schema="x" * 10**5), "schema"),
    ],
)
def test_wrong_card_is_refused(path, changes, reason):
    rewrite(path, "card.json", json.dumps(card(**changes)).encode())
    with pytest.raises(ValueError, match=reason) as error:
        Bundle.load(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("data", [None, b"", b"{", b"[]", b"\xff\xfe", b"1", b"[" * 100_000, b'{"a":' * 900])
def test_missing_or_broken_card_is_refused(path, data):
    rewrite(path, "card.json", data)
    with pytest.raises(ValueError, match=str(path)):
        Bundle.read(path)


@pytest.mark.parametrize("data", [None, b"", b"PK", b"\x80\x04."])
def test_missing_or_broken_semantics_are_refused(path, data):
    rewrite(path, "semantics.npz", data)
    with pytest.raises(ValueError, match=str(path)):
        Bundle.read(path)


def test_pickled_semantics_are_refused(path, tmp_path):
    arrays = semantics(centers=np.array([print] * 3, dtype=object))
    np.savez(tmp_path / "s.npz", **arrays)
    rewrite(path, "semantics.npz", (tmp_path / "s.npz").read_bytes())
    with pytest.raises(ValueError, match=str(path)):
        Bundle.read(path)


def test_a_card_with_a_key_twice_is_refused(path):
    text = json.dumps(card())[:-1] + ', "lambda1": 0.5}'
    rewrite(path, "card.json", text.encode())
    with pytest.raises(ValueError, match="a key twice"):
        Bundle.read(path)


def npz_of(members):
    """An .npz of (name, content) pairs, packed so that zeros take no room."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def npy_of(shape, dtype="<f8", content=b"", version=1, fortran=False):
    about = repr({"descr": dtype, "fortran_order": fortran, "shape": shape}).encode() + b"\n"
    size = len(about).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + size + about + content


def good_arrays():
    return [(f"{k}.npy", npy_of(v.shape, content=np.float64(v).tobytes())) for k, v in semantics().items()]


def refused_in_little_memory(path, reason):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=f"{path}: .*{reason}"):
            Bundle.read(path)
        assert tracemalloc.get_traced_memory()[1] < 10**7
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "centers, reason",
    [
        (npy_of((2**46,)), "expected numbers of shape"),
        (npy_of((2**46, 4)), "expected numbers of shape"),
        (npy_of((3, 4)), "cut short"),
        (npy_of((3, 4), content=bytes(3 * 4 * 8 + 1)), "goes on"),
        (npy_of((3, 4), content=bytes(10**8)), "goes on"),
        (npy_of((3, 4), "|O", bytes(96)), "plain numbers"),
        (npy_of((3, 4), "<U8", bytes(384)), "expected numbers"),
        (npy_of((3, 4), "|V0"), "plain numbers"),
        (npy_of((3, 4), [("a", "<f8")], bytes(96)), "expected numbers"),
        (npy_of((-3, -4), content=bytes(96)), "plain numbers"),
        (npy_of((3, 4), content=bytes(96), version=2), "no header"),
        (b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535, "no header"),
        (b"", "no header"),
    ],
)
def test_the_shape_of_an_array_is_checked_before_it_is_made(path, centers, reason):
    rest = good_arrays()
    rewrite(path, "semantics.npz", npz_of([("centers.npy", centers), *rest[1:]]))
    refused_in_little_memory(path, reason)


def test_an_array_that_is_there_twice_is_refused(path):
    rest = good_arrays()
    rewrite(path, "semantics.npz", npz_of([*rest, rest[0]]))
    with pytest.raises(ValueError, match="two files of one name"):
        Bundle.read(path)


def test_an_array_in_fortran_order_is_read(path):
    centers = np.arange(12.0).reshape(3, 4)
    rest = good_arrays()
    fortran = npy_of((3, 4), content=centers.tobytes("F"), fortran=True)
    rewrite(path, "semantics.npz", npz_of([("centers.npy", fortran), *rest[1:]]))
    assert Bundle.read(path).centers.tolist() == centers.tolist()


@pytest.mark.parametrize("name", ["card.json", "semantics.npz"])
def test_a_file_that_unpacks_to_more_than_it_claims_is_refused(path, name):
    """ZipFile.read takes all that there is, whatever the directory claims."""
    rewrite(path, name, bytes(10**8), zipfile.ZIP_DEFLATED)
    size, claimed = (n.to_bytes(4, "little") for n in (10**8, 1000))
    content = path.read_bytes().replace(size, claimed)
    path.write_bytes(content)
    refused_in_little_memory(path, "")


def test_network_that_does_not_fit_its_card(tmp_path):
    Bundle.save(tmp_path / "b.pt", Small(dim=4), card(), semantics())
    wrong = card(dim=5)
    rewrite(tmp_path / "b.pt", "card.json", json.dumps(wrong).encode())
    np.savez(tmp_path / "s.npz", **semantics(centers=np.eye(3, 5), variances=np.ones((3, 5))))
    rewrite(tmp_path / "b.pt", "semantics.npz", (tmp_path / "s.npz").read_bytes())
    with pytest.raises(ValueError, match="b.pt"):
        Bundle.load(tmp_path / "b.pt")


def test_foreign_truncated_and_empty_files(path, tmp_path):
    whole = path.read_bytes()
    for name, data in dict(
        text=b"hello", empty=b"", half=whole[: len(whole) // 2], pickle=b"cos\nsystem\n(S'false'\ntR."
    ).items():
        file = tmp_path / f"{name}.pt"
        file.write_bytes(data)
        with pytest.raises(ValueError, match=f"{name}.pt"):
            Bundle.load(file)


def test_missing_model_names_the_shipped_ones(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.pt.*shipped models"):
        find(tmp_path / "nothing.pt")
    with pytest.raises(FileNotFoundError, match="shipped models"):
        find("no-such-model")


@pytest.mark.parametrize("device", ["gpu", "cuda:x", ""])
def test_bad_device(device):
    with pytest.raises(ValueError, match="expected 'auto'"):
        torch_device(device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_asked_for_and_absent(path):
    with pytest.raises(ValueError, match="'cuda'.*'cpu' or 'auto'"):
        Bundle.load(path, device="cuda")


def test_save_refuses_what_it_would_not_read(tmp_path):
    with pytest.raises(ValueError, match="lambda2"):
        Bundle.save(tmp_path / "b.pt", Small(), card(lambda2=-1), semantics())
    with pytest.raises(ValueError, match="centers"):
        Bundle.save(tmp_path / "b.pt", Small(), card(), semantics(centers=np.eye(2, 4)))
    assert not list(tmp_path.iterdir())


# Weights that read attribute k from component k; the second is not held.
ATTRIBUTES = dict(names=["envelope_variation", "bandwidth", "frequency_deviation"], r2=[0.9, 0.1, 0.8])
WEIGHTS = np.array([[0.1, 0, 0], [0, 0.2, 0], [0, 0, 0.3], [0, 0, 0], [0.01, 0.02, 0.03]])


def with_attributes(path, **changes):
    Bundle.save(
        path,
        Small(),
        card(**{"attributes": ATTRIBUTES, **changes}),
        semantics(attribute_weights=WEIGHTS.astype(np.float32)),
    )
    return Bundle.read(path)


def test_describe_without_attributes(path):
    bundle = Bundle.read(path)
    assert bundle.attribute_weights is None
    theta = 0.4 * 3 * np.sqrt(4)  # centers are the rows of eye(3, 4), variances 1
    assert bundle.describe([0, 3, 0, 0]) == {
        "nearest_known": {"label": "B", "distance": pytest.approx(2 / theta)}
    }


def test_describe_with_attributes(tmp_path):
    bundle = with_attributes(tmp_path / "b.pt")
    seen = bundle.describe(np.array([1.0, 5, 2, 0]), sample_rate=1e6)
    assert seen["envelope_variation"] == pytest.approx(0.11)
    assert seen["frequency_deviation"] == pytest.approx(0.63)
    assert seen["frequency_deviation_hz"] == pytest.approx(0.63e6)
    assert seen["bandwidth"] is seen["bandwidth_hz"] is None  # its R² is too low
    assert (seen["envelope"], seen["family"]) == ("constant", "unsure")
    assert seen["nearest_known"]["label"] == "B"
    assert json.loads(json.dumps(seen)) == seen
    assert not any(key.endswith("_hz") for key in bundle.describe(np.zeros(4)))


@pytest.mark.parametrize("thresholds", [None, [1, 2, 30]])
def test_the_nearest_known_is_the_discriminator_s(tmp_path, thresholds):
    bundle = with_attributes(tmp_path / "b.pt", thresholds=thresholds)
    z = 3 * np.random.default_rng(0).normal(size=(50, 4))
    for changes in ({}, {"lambda1": 0.1}, {"distance": "euclidean"}):
        reference = Discriminator(**bundle.discriminator_options(**changes))
        ids = reference.predict(z)
        judge = bundle.judge_of_known(**changes)
        for vector, k, score in zip(z, ids, reference.scores):
            nearest = bundle.describe(vector, judge=judge)["nearest_known"]
            assert nearest["distance"] == pytest.approx(score, rel=1e-12)
            assert k < 0 or nearest["label"] == bundle.classes[k]


@pytest.mark.parametrize("center", [np.zeros(5), np.zeros((1, 4)), [0, 0, 0, np.nan]])
def test_describe_refuses(path, center):
    with pytest.raises(ValueError, match=r"expected \(4,\) of finite numbers"):
        Bundle.read(path).describe(center)


@pytest.mark.parametrize(
    "attributes, reason",
    [
        (None, "both or none"),
        ([], "expected an object"),
        ({}, "list of attribute names"),
        (dict(ATTRIBUTES, names=["a", "a", "b"]), "each once"),
        (dict(ATTRIBUTES, names=[]), "at least one"),
        (dict(ATTRIBUTES, names=["a", "b", 3]), "list of attribute names"),
        (dict(ATTRIBUTES, r2=[1, 2]), "expected one a name"),
        (dict(ATTRIBUTES, r2=[1, 2, float("nan")]), "r2 = nan, expected a finite number"),
        (dict(names=["a"], r2=[1]), r"attribute_weights .*\(5, 1\)"),
    ],
)
def test_wrong_attributes_are_refused(tmp_path, attributes, reason):
    with_attributes(tmp_path / "b.pt")
    rewrite(tmp_path / "b.pt", "card.json", json.dumps(card(attributes=attributes)).encode())
    with pytest.raises(ValueError, match=reason):
        Bundle.read(tmp_path / "b.pt")


def test_attributes_without_weights_are_refused(tmp_path):
    with pytest.raises(ValueError, match="both or none"):
        Bundle.save(tmp_path / "b.pt", Small(), card(attributes=ATTRIBUTES), semantics())
