# SPDX-License-Identifier: GPL-3.0-or-later
"""The discriminator, in numpy and in C++: the released code's labels, and each other's."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from places import SHARED
from sr2cnn_learn.discriminator import INVALID, Discriminator, resolve
from sr2cnn_learn.discriminator_parameters import DISTANCES, PARAMETERS
from sr2cnn_learn.names import LONGEST_NAME, check_name

try:
    from gnuradio.sr2cnn import discriminator_kernel
except ImportError:  # the lab alone
    discriminator_kernel = None

GOLDEN = SHARED / "golden"
IMPLEMENTATIONS = [Discriminator, *filter(None, [discriminator_kernel])]
BOTH = pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
with_kernel = pytest.mark.skipif(discriminator_kernel is None, reason="the kernel is GNU Radio's part")


@BOTH
@pytest.mark.parametrize("case", ["case1", "case2"])
def test_golden(implementation, case):
    if not GOLDEN.is_dir():
        pytest.skip(f"{GOLDEN} is absent")
    given_case = np.load(GOLDEN / f"{case}.npz")
    lambdas = float(given_case["lambda1"]), float(given_case["lambda2"])
    d = implementation(given_case["centers"], given_case["variances"], *lambdas, theta2="mean")
    np.testing.assert_array_equal(d.predict(given_case["z"]), given_case["ids"])


# -- the two agree ------------------------------------------------------------------------


def stream(rng, n, n_known=6, dim=12):
    """Semantics of known classes, and vectors (n, dim) of those, of unseen classes and astray."""
    centers = rng.normal(size=(n_known, dim)) * 4
    factors = rng.normal(size=(n_known, dim, dim)) * rng.uniform(0.1, 0.5, (n_known, 1, dim))
    covariances = factors @ factors.transpose(0, 2, 1)
    sources = np.concatenate([centers, rng.normal(size=(15, dim)) * 6])
    z = sources[rng.integers(len(sources), size=n)] + rng.normal(size=(n, dim)) * 0.7
    z[rng.random(n) < 0.001, 0] = rng.choice([np.nan, np.inf, -np.inf])
    return centers, covariances, z


def in_pieces(rng, d, z):
    """Ids and scores of z, given to d in pieces of random length, some of them empty."""
    cuts = np.sort(rng.integers(0, len(z) + 1, size=60))
    ids, scores = [], []
    for piece in np.split(z, cuts):
        ids.append(d.predict(piece))
        scores.append(np.array(d.scores))
    return np.concatenate(ids), np.concatenate(scores)


OPTIONS = [
    *(dict(distance=d, theta2=t) for d, t in product(DISTANCES, ("median", "mean"))),
    *(dict(distance=d, max_unknown=5) for d in DISTANCES),
    dict(distance="diagonal", thresholds=np.linspace(3, 7, 6), lambda2=0.3),
    dict(distance="mahalanobis", thresholds=np.linspace(7, 3, 6), lambda2=3),
    dict(distance="diagonal", max_unknown=0),
    *(dict(distance=d, rival_support=20, lambda1=0.9) for d in DISTANCES),
    dict(distance="euclidean", rival_support=20, theta2_limit=0.8, lambda2=2),
    dict(distance="euclidean", merge_separation=5, theta2_limit=0.9, max_unknown=40),
    dict(distance="euclidean", theta2_limit=0.5, may_discover=7, rival_support=20),
]


@with_kernel
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(map(str, o.values()))[:40])
def test_kernel_equals_reference(options):
    rng = np.random.default_rng(7)
    centers, covariances, z = stream(rng, 100_000)
    key = "covariances" if options["distance"] == "mahalanobis" else "variances"
    spread = covariances if key == "covariances" else np.diagonal(covariances, axis1=1, axis2=2)
    arguments = {"centers": centers, key: spread, "lambda1": 0.45, **options}

    reference, kernel = Discriminator(**arguments), discriminator_kernel(**arguments)
    expected = reference.predict(z)
    ids, scores = in_pieces(rng, kernel, z)
    np.testing.assert_array_equal(ids, expected)
    np.testing.assert_allclose(scores, reference.scores, rtol=1e-9)
    assert (expected >= 0).any() and (expected < 0).any()
    assert kernel.frames == reference.frames == len(z)
    assert kernel.invalid == reference.invalid == np.count_nonzero(ids == INVALID) > 0
    assert kernel.refused == reference.refused
    assert bool(kernel.refused) == ("may_discover" in options)
    for known, score in ((expected >= 0, reference.scores), (ids >= 0, scores)):
        np.testing.assert_array_equal(known, score < 1)
    assert kernel.merged == reference.merged
    assert bool(kernel.merged) == ("merge_separation" in options)
    assert_same_memory(kernel, reference)


@with_kernel
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    lambdas=st.tuples(st.floats(0.1, 1.5), st.floats(0, 3)),
    distance=st.sampled_from(DISTANCES),
    theta2_limit=st.sampled_from([0, 0.5, 0.8, 1.2]),
    merge_separation=st.sampled_from([0, 2, 4, 8, 1e9]),
    rival_support=st.sampled_from([0, 1, 10]),
    max_unknown=st.sampled_from([None, 1, 8]),
    may_discover=st.sampled_from([None, 0, 3]),
    thresholds=st.sampled_from([None, [1, 2, 3], [0.01, 4, 0.5]]),
)
def test_kernel_equals_reference_under_any_options(seed, lambdas, **options):
    rng = np.random.default_rng(seed)
    centers, covariances, z = stream(rng, 400, n_known=3, dim=3)
    arguments = dict(options, centers=centers, covariances=covariances)
    arguments.update(lambda1=lambdas[0], lambda2=lambdas[1])
    reference, kernel = Discriminator(**arguments), discriminator_kernel(**arguments)
    expected = reference.predict(z)
    ids, scores = in_pieces(rng, kernel, z)
    np.testing.assert_array_equal(ids, expected)
    np.testing.assert_array_equal(ids >= 0, scores < 1)
    np.testing.assert_array_equal(ids >= 0, reference.scores < 1)
    assert kernel.merged == reference.merged
    assert (kernel.refused, kernel.may_discover) == (reference.refused, reference.may_discover)
    assert_same_memory(kernel, reference)
    reference.merge_separation = kernel.merge_separation = 4
    for d in (reference, kernel):
        if d.n_discovered > 2:
            d.merge(d.discovered[0].id, d.discovered[2].id)
            d.forget(d.discovered[0].id)
    np.testing.assert_array_equal(kernel.predict(z), reference.predict(z))
    assert kernel.merged == reference.merged


@with_kernel
@pytest.mark.parametrize("distance", ["diagonal", "isotropic", "mahalanobis"])
@pytest.mark.parametrize("zero_variance", ["floor", "ignore"])
def test_zero_variance(distance, zero_variance):
    rng = np.random.default_rng(8)
    centers, covariances, z = stream(rng, 5000)
    covariances[:, :3] = covariances[:, :, :3] = 0  # three dead units
    options = dict(centers=centers, covariances=covariances, distance=distance, lambda1=1)
    options["zero_variance"] = zero_variance
    reference, kernel = Discriminator(**options), discriminator_kernel(**options)
    np.testing.assert_array_equal(kernel.predict(z), reference.predict(z))


def test_pieces_of_a_stream_do_not_matter():
    rng = np.random.default_rng(9)
    centers, covariances, z = stream(rng, 3000)
    whole = Discriminator(centers, covariances=covariances)
    parts = Discriminator(centers, covariances=covariances)
    np.testing.assert_array_equal(in_pieces(rng, parts, z)[0], whole.predict(z))


@with_kernel
def test_float32_is_read_as_it_is():
    rng = np.random.default_rng(10)
    centers, covariances, z = stream(rng, 2000)
    z = z.astype(np.float32)
    single = discriminator_kernel(centers, covariances=covariances)
    double = discriminator_kernel(centers, covariances=covariances)
    np.testing.assert_array_equal(single.predict(z), double.predict(z.astype(np.float64)))
    np.testing.assert_array_equal(single.scores, double.scores)


def assert_same_memory(a, b):
    assert a.n_discovered == b.n_discovered == len(a.discovered) == len(b.discovered)
    for x, y in zip(a.discovered, b.discovered):
        assert (x.id, x.name, x.count) == (y.id, y.name, y.count)
        assert (x.first_frame, x.last_frame) == (y.first_frame, y.last_frame)
        np.testing.assert_allclose(x.center, y.center, rtol=1e-9, atol=1e-12)


# -- Algorithm 2 by hand ------------------------------------------------------------------


def plane(implementation, **options):
    """Known classes of variance 1 at (0, 0), (10, 0), (0, 20); Θ1 = 1.5·√2."""
    centers = [[0, 0], [10, 0], [0, 20]]
    return implementation(centers, np.ones((3, 2)), lambda1=0.5, **options)


@BOTH
def test_known_below_threshold_only(implementation):
    d = plane(implementation)
    edge = 0.5 * 3 * np.sqrt(2)
    assert d.predict([[0, edge * 0.999], [10, 0], [0, 21]]).tolist() == [0, 1, 2]
    assert d.predict([[0, edge * 1.001]]).tolist() == [-1]
    np.testing.assert_allclose(d.scores, 1.001)


@BOTH
def test_discovered_class_takes_what_is_near(implementation):
    # At (4, 3): distances 5, 6.7, 17.5; Θ2 = (5 + 6.7)/2 = 5.85. At (4, 8): 8.9, 10, 12.6; 9.5.
    d = plane(implementation)
    assert d.predict([[4, 3], [4, 8], [-30, -30]]).tolist() == [-1, -1, -2]
    first, second = d.discovered
    np.testing.assert_allclose(first.center, [4, 5.5])
    assert (first.name, first.count, first.first_frame, first.last_frame) == ("unknown_1", 2, 0, 1)
    assert (second.id, second.count) == (-2, 1)


@BOTH
def test_limit_of_theta2(implementation):
    # At (30, 40) the distances are 50, 44.7, 36.1, Θ2 = 40.4; Θ1 = 2.12, so the limit is 4.24.
    d = plane(implementation, theta2_limit=2.0)
    assert d.predict([[30, 40], [30, 44.2], [30, 45]]).tolist() == [-1, -1, -1]
    d = plane(implementation, theta2_limit=2.0)
    assert d.predict([[30, 40], [30, 44.3]]).tolist() == [-1, -2]
    d.theta2_limit = 0
    assert d.predict([[30, 54]]).tolist() == [-2]


@BOTH
def test_rivals_take_what_is_nearer_to_them(implementation):
    # Θ1 = 9: (4, 3) is known by far. The class at (7, 6) is nearer, once it has two members.
    options = dict(lambda1=9 / (3 * np.sqrt(2)), distance="euclidean")
    d = implementation([[0, 0], [100, 0]], rival_support=2, **options)
    assert d.predict([[7, 6], [4, 3], [7, 6], [4, 3], [2, 1]]).tolist() == [-1, 0, -1, -1, 0]
    np.testing.assert_allclose(d.scores[[1, 2, 3, 4]], [5 / 9, np.sqrt(85) / 9, 1, np.sqrt(5) / 9])
    (rival,) = d.discovered
    assert (rival.count, rival.last_frame) == (3, 3)
    np.testing.assert_allclose(rival.center, [6, 5])
    d.freeze()
    assert d.predict([[4, 3]]).tolist() == [-1] and d.discovered[0].count == 3
    d.rival_support = 0
    assert d.predict([[4, 3]]).tolist() == [0]


def two_halves(implementation, **options):
    """Two discovered classes, -1 about (30, 40) and -2 about (30, 43), of four members each."""
    d = plane(implementation, theta2_limit=1.0, merge_separation=4, **options)  # Θ1 = 2.12
    z = [[30, 40], [30, 43], [30, 41], [30, 42.3], [30, 39], [30, 44], [30, 41], [30, 42.3]]
    assert d.predict(z).tolist() == [-1, -2] * 4
    return d


@BOTH
def test_a_class_in_two_halves_is_merged(implementation):
    # Along y the fifth members make it 40.4 ± 0.89 and 42.8 ± 0.72: D = 2.96.
    d = two_halves(implementation)
    assert d.predict([[30, 41], [30, 42.4]]).tolist() == [-1, -2]
    (one,) = d.discovered
    assert (one.id, one.name, one.count) == (-1, "unknown_1", 10)
    assert (one.first_frame, one.last_frame) == (0, 9)
    np.testing.assert_allclose(one.center, [30, 41.6])
    assert d.merged == {-2: -1}
    assert resolve([-1, -2, 0, -3, INVALID], d.merged).tolist() == [-1, -1, 0, -3, INVALID]
    assert d.predict([[30, 42.4], [-300, 0]]).tolist() == [-1, -3]  # -2 is not used again


@BOTH
@pytest.mark.parametrize(
    "prepare",
    [
        lambda d: d.freeze(),
        lambda d: setattr(d, "merge_separation", 0),
        lambda d: setattr(d, "merge_separation", 2.9),
        lambda d: setattr(d, "lambda1", 1.5 / (3 * np.sqrt(2))),  # 1.5·Θ1 = 2.25, apart 2.4
        lambda d: (d.rename(-1, "DMR"), d.rename(-2, "TETRA")),
    ],
    ids=["frozen", "off", "separate", "too far", "named"],
)
def test_what_is_not_merged(implementation, prepare):
    d = two_halves(implementation)
    prepare(d)
    assert d.predict([[30, 41], [30, 42.4]]).tolist() == [-1, -2]
    assert d.n_discovered == 2 and d.merged == {}


@BOTH
@pytest.mark.parametrize("named", [-1, -2])
def test_a_merged_class_keeps_its_name(implementation, named):
    d = two_halves(implementation)
    d.rename(named, "DMR")
    d.predict([[30, 41], [30, 42.4]])
    assert [(c.id, c.name) for c in d.discovered] == [(-1, "DMR")]


@BOTH
def test_distinct_classes_are_not_merged(implementation):
    rng = np.random.default_rng(3)
    z = np.array([[30, 40], [32.5, 40]])[rng.integers(2, size=2000)] + rng.normal(size=(2000, 2)) * 0.3
    d = plane(implementation, theta2_limit=0.35, merge_separation=4)
    ids = resolve(d.predict(z), d.merged)
    assert d.merged  # within each of them
    for side in (z[:, 0] < 31, z[:, 0] > 31.5):
        assert np.bincount(-ids[side]).max() > 0.98 * side.sum()
    assert sum(c.count > 100 for c in d.discovered) == 2


@BOTH
def test_full(implementation):
    d = plane(implementation, max_unknown=1)
    assert d.predict([[4, 3], [-300, -300]]).tolist() == [-1, -1]
    d.max_unknown = None
    assert d.predict([[9000, 0]]).tolist() == [-2]


@BOTH
def test_no_more_classes_than_may_be_discovered(implementation):
    d = plane(implementation, theta2_limit=1, may_discover=2)
    far = [[100.0 * k, 90] for k in range(4)]
    assert d.predict(far).tolist() == [-1, -2, INVALID, INVALID]
    assert (d.scores > 1).all() and (d.refused, d.invalid, d.may_discover) == (2, 2, 0)
    assert d.predict([far[0], [0, 0], far[3]]).tolist() == [-1, 0, INVALID]  # what is there goes on
    np.testing.assert_array_equal(d.discovered[0].center, far[0])
    d.may_discover = 1
    d.forget(-2)
    assert d.predict([far[3], far[2]]).tolist() == [-3, INVALID]
    d.may_discover = None
    assert d.predict([far[2]]).tolist() == [-4]
    with pytest.raises(ValueError, match="may_discover is -1, expected at least 0"):
        d.may_discover = -1


@BOTH
def test_not_finite(implementation):
    d = plane(implementation)
    z = [[np.nan, 0], [0, np.inf], [1e200, 0], [4, 3]]
    assert d.predict(z).tolist() == [INVALID, INVALID, INVALID, -1]
    assert d.invalid == 3 and d.n_discovered == 1 and d.discovered[0].first_frame == 3
    assert np.isnan(d.scores[:3]).all()


HUGE = st.floats(-1e160, 1e160) | st.sampled_from([0.0, 1e30, -1e150, 1e-160, 5e-324, np.inf, np.nan])


@st.composite
def extremes(draw):
    """Centers, covariances of any rank and scale, and vectors: all finite, none of them likely."""
    n_known, dim = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    scale = st.integers(-170, 80).map(lambda power: 10.0**power) | st.sampled_from([0.0, 1.0])
    centers = draw(arrays(np.float64, (n_known, dim), elements=st.floats(-1, 1))) * draw(scale)
    if draw(st.booleans()):
        centers[:] = centers[0]
    rank = draw(st.integers(1, dim))
    factors = draw(arrays(np.float64, (n_known, dim, rank), elements=st.floats(-1, 1))) * draw(scale)
    factors[:, draw(st.integers(0, dim)) :] *= draw(st.sampled_from([1, 0, 1e-8, 1e-100]))
    return centers, factors @ factors.transpose(0, 2, 1), draw(arrays(np.float64, (5, dim), elements=HUGE))


@with_kernel
@settings(max_examples=300, deadline=None)
@given(
    case=extremes(),
    distance=st.sampled_from(DISTANCES),
    zero_variance=st.sampled_from(["floor", "ignore"]),
    lambdas=st.tuples(st.sampled_from([0.4, 5e-324, 1e-150, 1e150]), st.sampled_from([0, 1, 1e150])),
    merge_separation=st.sampled_from([0, 4.0]),
    rival_support=st.sampled_from([0, 1]),
    theta2_limit=st.sampled_from([0, 1e150]),
)
def test_extremes_are_judged_or_cannot_be(case, lambdas, **options):
    centers, covariances, z = case
    options.update(lambda1=lambdas[0], lambda2=lambdas[1], covariances=covariances)
    outcomes = []
    for implementation in IMPLEMENTATIONS:
        try:
            d = implementation(centers, **options)
        except ValueError as error:
            outcomes.append(str(error))
            continue
        with np.errstate(all="raise", under="ignore"):  # nothing overflows unseen
            ids = d.predict(z)
        np.testing.assert_array_equal(ids >= 0, d.scores < 1)
        assert not np.isinf(d.scores).any() and (ids[np.isnan(d.scores)] == INVALID).all()
        assert all(np.isfinite(known.center).all() for known in d.discovered)
        outcomes.append(np.array(d.scores))
    a, b = outcomes
    if isinstance(a, str) or isinstance(b, str):
        assert a == b
        return
    # Rounding makes what it will of a singular covariance; of these nothing overflows, whatever it makes.
    tame = (np.abs(z).max(axis=1) + np.abs(centers).max() < 1e48) & (lambdas[0] >= 0.4)
    assert np.isfinite(a[tame]).all() and np.isfinite(b[tame]).all()
    np.testing.assert_array_equal(np.isnan(a)[~np.isfinite(z).all(axis=1)], True)
    np.testing.assert_array_equal(np.isnan(b)[~np.isfinite(z).all(axis=1)], True)


def test_covariance_of_denormals():
    """Squares of their inverses overflowed: scores NaN, ids as if all were well."""
    factors = np.random.default_rng(0).normal(size=(1, 3, 3)) * 1e-155
    options = dict(covariances=factors @ factors.transpose(0, 2, 1), distance="mahalanobis")
    for zero_variance, expected in (("ignore", "no variance at all"), ("floor", None)):
        for implementation in IMPLEMENTATIONS:
            make = lambda: implementation(np.zeros((1, 3)), zero_variance=zero_variance, **options)  # noqa: E731
            if expected:
                with pytest.raises(ValueError, match=expected):
                    make()
            else:
                d = make()
                d.predict([[1e80, 1e80, 1e80]])
                np.testing.assert_allclose(d.scores, 1e86 / 1.2)


@BOTH
def test_thresholds_per_class(implementation):
    d = plane(implementation, thresholds=[1, 100, 1])
    assert d.predict([[1.5, 0]]).tolist() == [1]  # 1.5 of 1, and 8.5 of 100
    d.lambda1 = 0.5  # back to the one Θ1
    assert d.predict([[1.5, 0]]).tolist() == [0]


# -- discovered classes -------------------------------------------------------------------


@BOTH
def test_rename_merge_forget(implementation):
    d = plane(implementation)
    d.predict([[-30, 0], [-31, 0], [0, -90], [900, 0]])
    d.rename(-1, "DMR")
    d.merge(-2, -1)
    (a, b) = d.discovered
    assert (a.id, a.name, a.count, a.first_frame, a.last_frame) == (-1, "DMR", 3, 0, 2)
    np.testing.assert_allclose(a.center, [-61 / 3, -30])
    d.forget(-3)
    assert d.predict([[900, 0]]).tolist() == [-4]
    assert [c.id for c in d.discovered] == [-1, -4]


@BOTH
def test_frozen(implementation):
    d = plane(implementation)
    d.freeze()
    assert d.frozen and d.predict([[4, 3]]).tolist() == [INVALID]
    d.freeze(False)
    assert d.predict([[4, 3]]).tolist() == [-1]
    d.freeze(True)
    assert d.predict([[4, 8], [-500, 0], [10, 0]]).tolist() == [-1, -1, 1]
    np.testing.assert_allclose(d.discovered[0].center, [4, 3])
    assert d.discovered[0].count == 1


@BOTH
@pytest.mark.parametrize(
    "call, message",
    [
        (lambda d: d.rename(-9, "X"), "no discovered class -9"),
        (lambda d: d.rename(0, "X"), "no discovered class 0"),
        (lambda d: d.rename(-1, ""), "no class name"),
        (lambda d: d.rename(-1, " X"), "no class name"),
        (lambda d: d.rename(-1, "a\nb"), "no class name"),
        (lambda d: d.rename(-1, "unknown_2"), "another class"),
        (lambda d: d.rename(-1, "unknown_77"), "another class"),
        (lambda d: d.rename(-1, "BPSK"), "'BPSK' is that of a known class"),
        (lambda d: d.rename(-1, "x" * (LONGEST_NAME + 1)), "at most 1024 bytes"),
        (lambda d: d.merge(-1, -1), "into itself"),
        (lambda d: d.merge(-1, 0), "no discovered class 0"),
        (lambda d: d.forget(-3), "no discovered class -3"),
    ],
)
def test_refused(implementation, call, message):
    d = plane(implementation, classes=["BPSK", "QPSK", "8PSK"])
    d.predict([[-30, 0], [300, 0]])
    with pytest.raises(ValueError, match=message):
        call(d)
    assert [c.name for c in d.discovered] == ["unknown_1", "unknown_2"]


def refusal(d, name):
    """What a rename is refused with; None where it is taken."""
    try:
        d.rename(-1, name)
    except ValueError as error:
        return str(error)
    d.rename(-1, "unknown_1")
    return None


@with_kernel
def test_both_take_the_same_names():
    reference, kernel = plane(Discriminator), plane(discriminator_kernel)
    for d in (reference, kernel):
        d.predict([[-30, 0]])
    above = np.random.default_rng(1).integers(0x3000, 0x110000, 3000).tolist()
    for code in [*range(0x3000), *above, 0xE0001, 0xFEFF, 0x10FFFF]:
        if 0xD800 <= code < 0xE000:
            continue  # no UTF-8: pybind11 refuses it
        name = f"a{chr(code)}b"
        assert refusal(kernel, name) == refusal(reference, name)
        assert (refusal(reference, name) is None) == name.isprintable()
    for name in (
        "",
        " ",
        " a",
        "a ",
        "é",
        "ü" * 512,
        "ü" * 513,
        "\x1b[2J" * 30,
        "x" * 59 + "\n",
        "日" * 61 + "\t",
    ):
        assert refusal(kernel, name) == refusal(reference, name)


@given(st.text())
def test_both_take_the_same_texts(name):
    for implementation in IMPLEMENTATIONS:
        d = plane(implementation)
        d.predict([[-30, 0]])
        try:
            check_name(name)
        except ValueError as error:
            if not name.isprintable() and any("\ud800" <= c <= "\udfff" for c in name):
                return
            assert refusal(d, name) == str(error)


# -- validation ---------------------------------------------------------------------------

BAD = {
    "centers have shape (2), expected (K, dim)": dict(centers=[1, 2]),
    "centers have shape (0, 2), expected (K, dim)": dict(centers=np.empty((0, 2))),
    "centers hold a value that is not finite": dict(centers=[[np.nan, 0], [0, 0]]),
    "variances have shape (2, 3), expected (2, 2)": dict(variances=np.ones((2, 3))),
    "variances hold a value that is not finite": dict(variances=[[1, 1], [1, np.inf]]),
    "variances hold -1, expected none below 0": dict(variances=[[1, 1], [-1, 1]]),
    "lambda1 is 0, expected a number above 0": dict(lambda1=0),
    "lambda1 is nan, expected a number above 0": dict(lambda1=float("nan")),
    "lambda2 is -0.5, expected a number of at least 0": dict(lambda2=-0.5),
    "distance is 'cosine', expected one of diagonal": dict(distance="cosine"),
    "theta2 is 'mode', expected one of median, mean": dict(theta2="mode"),
    "zero_variance is 'no', expected one of floor, ignore": dict(zero_variance="no"),
    "min_support is 0, expected at least 1": dict(min_support=0),
    "max_unknown is -1, expected 0 to 32767": dict(max_unknown=-1),
    "max_unknown is 40000, expected 0 to 32767": dict(max_unknown=40000),
    "theta2_limit is -1, expected a number": dict(theta2_limit=-1.0),
    "merge_separation is nan, expected a number": dict(merge_separation=float("nan")),
    "rival_support is -1, expected at least 0": dict(rival_support=-1),
    "thresholds have shape (3), expected (2)": dict(thresholds=[1, 2, 3]),
    "thresholds hold a value that is no number": dict(thresholds=[1, 0]),
    "thresholds hold a value that is no number above 0 and up to 1e+150": dict(thresholds=[1, 1e200]),
    "centers hold a value that is not finite, or beyond 1e+150": dict(centers=[[1e200, 0], [0, 0]]),
    "variances hold a value that is not finite, or beyond": dict(variances=[[1, 1], [1, 1e200]]),
    "lambda1 is 1e+200, expected at most 1e+150": dict(lambda1=1e200),
    "lambda2 is inf, expected at most 1e+150": dict(lambda2=float("inf")),
    "may_discover is -1, expected at least 0": dict(may_discover=-1),
    "classes are 1 labels, expected 2, one a center": dict(classes=["a"]),
    "class label 'a' is given twice": dict(classes=["a", "a"]),
    "class label 'unknown_3' is one of discovered classes": dict(classes=["a", "unknown_3"]),
    "'a\\x1b' is no class name": dict(classes=["a\x1b", "b"]),
    "distance 'diagonal' needs variances": dict(variances=None),
    "distance 'mahalanobis' needs covariances": dict(distance="mahalanobis"),
    "both given": dict(covariances=np.ones((2, 2, 2))),
    "covariances have shape (2, 2), expected (2, 2, 2)": dict(variances=None, covariances=np.eye(2)),
    "covariance of class 1 is not symmetric": dict(
        variances=None, covariances=[np.eye(2), [[1, 0.5], [0, 1]]]
    ),
    "covariance of class 0 is not positive semidefinite": dict(
        variances=None, covariances=[[[1, 2], [2, 1]], np.eye(2)], distance="mahalanobis"
    ),
    "covariance of class 0 has a negative variance": dict(
        variances=None, covariances=[[[-1, 0], [0, 1]], np.eye(2)]
    ),
    "class 1 has no variance at all": dict(variances=[[1, 1], [0, 0]], zero_variance="ignore"),
}


@pytest.mark.parametrize("message", BAD, ids=lambda m: m[:30])
def test_constructor_refuses(message):
    arguments = dict(centers=np.zeros((2, 2)), variances=np.ones((2, 2))) | BAD[message]
    errors = []
    for implementation in IMPLEMENTATIONS:
        with pytest.raises(ValueError) as error:
            implementation(**arguments)
        errors.append(str(error.value))
    assert message in errors[0]
    assert len(set(errors)) == 1


@with_kernel
@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda field: field.name)
def test_a_parameter_is_the_same_in_both(parameter):
    name = parameter.name
    reference, kernel = (i(np.zeros((2, 2)), np.ones((2, 2))) for i in IMPLEMENTATIONS)
    assert getattr(reference, name) == getattr(kernel, name) == parameter.default
    if parameter.metadata["fixed"]:
        for d in (reference, kernel):
            with pytest.raises(AttributeError):
                setattr(d, name, parameter.default)
        return
    for value in (-1, -2.5, float("nan"), 2**31, 1e200, "x", "0", "7", 1.5, 40000, None):
        errors = []
        for d in (reference, kernel):
            try:
                setattr(d, name, value)
                errors.append(None)
            except ValueError as error:
                errors.append(str(error))
        assert getattr(reference, name) == getattr(kernel, name)
        assert bool(errors[0]) == bool(errors[1])
        if "too large" not in str(errors[1]):  # for an int of C++
            assert errors[0] == errors[1]


def test_a_parameter_that_does_not_exist():
    for implementation in IMPLEMENTATIONS:
        with pytest.raises(TypeError, match="lamda1"):
            implementation(np.zeros((2, 2)), np.ones((2, 2)), lamda1=0.5)


@BOTH
@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 2, 2)])
def test_predict_refuses_shape(implementation, shape):
    with pytest.raises(ValueError, match=r"z has shape .*expected \(N, 2\)"):
        plane(implementation).predict(np.zeros(shape))


NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=32)
SHAPES = array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3)
ARRAYS = arrays(np.float64, SHAPES, elements=NUMBERS)


@with_kernel
@settings(max_examples=200, deadline=None)
@given(
    centers=ARRAYS,
    spread=ARRAYS,
    key=st.sampled_from(["variances", "covariances"]),
    distance=st.sampled_from(DISTANCES),
    lambdas=st.tuples(NUMBERS, NUMBERS),
    z=ARRAYS,
)
def test_any_input_gives_ids_or_one_error(centers, spread, key, distance, lambdas, z):
    results = []
    for implementation in IMPLEMENTATIONS:
        try:
            d = implementation(
                centers, **{key: spread}, distance=distance, lambda1=lambdas[0], lambda2=lambdas[1]
            )
            d.predict(z)
            results.append("ids")
        except ValueError as error:
            results.append(str(error))
    assert results[0] == results[1]


# -- the file of discovered classes -------------------------------------------------------


@pytest.fixture
def remembered():
    d = plane(discriminator_kernel)
    d.predict([[4 / 3, 30], [-30, 0.1], [4 / 3, 31]])
    d.rename(-2, "TETRA – 25 kHz")
    return d


@with_kernel
def test_save_and_load(remembered, tmp_path):
    path = tmp_path / "classes.txt"
    remembered.save(str(path))
    assert [p.name for p in tmp_path.iterdir()] == ["classes.txt"]
    other = plane(discriminator_kernel)
    other.load(str(path))
    assert_same_memory(other, remembered)
    for a, b in zip(other.discovered, remembered.discovered):
        np.testing.assert_array_equal(a.center, b.center)  # to the last bit
    assert other.predict([[700, -700]]).tolist() == [-3]


@with_kernel
def test_load_refuses_any_cut_and_leaves_all(remembered, tmp_path):
    path, cut = tmp_path / "classes.txt", tmp_path / "cut.txt"
    remembered.save(str(path))
    whole = path.read_bytes()
    other = plane(discriminator_kernel)
    other.predict([[50, 50]])
    for n in range(len(whole)):
        cut.write_bytes(whole[:n])
        with pytest.raises(RuntimeError, match="cut.txt: "):
            other.load(str(cut))
    cut.write_bytes(whole + b"more\n")
    with pytest.raises(RuntimeError, match="after its end"):
        other.load(str(cut))
    assert [c.count for c in other.discovered] == [1]


@with_kernel
@pytest.mark.parametrize(
    "old, new, message",
    [
        ("sr2cnn-discovered 2", "sr2cnn-discovered 1", "'sr2cnn-discovered 2' is missing"),
        ("classes 2 -3", "classes 99999999 -3", "99999999 classes"),
        ("classes 2 -3", "classes 2 -40000", "out of range"),
        ("-2 1 1 1", "-1 1 1 1", "out of order"),
        ("-2 1 1 1", "-3 1 1 1", "out of order"),
        ("-2 1 1 1", "5 1 1 1", "out of order"),
        ("-2 1 1 1", "-2 0 1 1", "out of order"),
        ("\n-30 0.1\n", "\nnan 0.1\n", "not finite"),
        ("\n-30 0.1\n", "\n-30 1e999\n", "number"),
        ("\n-30 0.1\n", "\n-30\n", "number"),
        ("\n-30 0.1\n", "\n-30 1e200\n", "too large"),
        ("TETRA", "x" * 2000, "name"),
        ("-2 1 1 1", "-2 2 1 1", "out of order"),  # more members than frames
        ("frames 3", "frames 4611686018427387905", "out of range"),
        ("frames 3", "frames 9007199254740993", "out of range"),
    ],
)
def test_load_refuses_damage(remembered, tmp_path, old, new, message):
    path = tmp_path / "classes.txt"
    remembered.save(str(path))
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(RuntimeError, match=message):
        remembered.load(str(path))
    assert remembered.n_discovered == 2


@with_kernel
@pytest.mark.parametrize("name", ["\x1b[2J", "BPSK", "unknown_1", "unknown_9", "a\u202eb", "DMR"])
def test_a_name_that_is_refused_costs_the_name_only(tmp_path, name):
    d = plane(discriminator_kernel, classes=["BPSK", "QPSK", "8PSK"])
    d.predict([[-30, 0], [300, 0]])
    d.rename(-1, "DMR")
    d.rename(-2, "TETRA")
    text = d.state().replace("TETRA", name)
    (refused,) = d.restore(text)
    assert refused.startswith("unknown_2: ") and "\x1b" not in refused
    assert [known.name for known in d.discovered] == ["DMR", "unknown_2"]
    assert d.restore(d.state()) == []


@with_kernel
def test_load_refuses_another_model(remembered, tmp_path):
    path = tmp_path / "classes.txt"
    remembered.save(str(path))
    with pytest.raises(RuntimeError, match="a model of dim 2, expected 3"):
        discriminator_kernel(np.zeros((3, 3)), np.ones((3, 3))).load(str(path))
    with pytest.raises(RuntimeError, match="another model"):
        discriminator_kernel(np.zeros((3, 2)), np.ones((3, 2))).load(str(path))


@with_kernel
def test_load_refuses_what_is_no_file(remembered, tmp_path):
    for path in (tmp_path / "absent", tmp_path, Path("/dev/zero")):
        with pytest.raises(RuntimeError, match=str(path)):
            remembered.load(str(path))


@with_kernel
def test_save_that_fails_leaves_the_old_file(remembered, tmp_path):
    with pytest.raises(RuntimeError, match="cannot be written"):
        remembered.save(str(tmp_path / "no" / "such" / "folder"))
    (tmp_path / "taken").mkdir()
    with pytest.raises(RuntimeError, match="is no regular file"):
        remembered.save(str(tmp_path / "taken"))
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]
