# SPDX-License-Identifier: GPL-3.0-or-later
"""Data under a wrong name is refused, recordings never are."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sr2cnn_learn.float_samples import check_floats
from sr2cnn_learn.recordings import open_recording

N = 4000
INTEGERS = {
    "ci8": ("i1", 0, 127),
    "cu8": ("u1", 127.5, 127),
    "ci16": ("<i2", 0, 2**15 - 1),
    "ci16_be": (">i2", 0, 2**15 - 1),
    "ci32": ("<i4", 0, 2**31 - 1),
}
FLOATS = ("<f4", ">f4", "<f8", ">f8")


def signal(seed, kind):
    """complex128 (N,) of at most 1: what receivers give."""
    rng = np.random.default_rng(seed)
    n = np.arange(N)
    noise = rng.standard_normal((N, 2)) @ [1, 1j] / 6
    tone = np.exp(2j * np.pi * (rng.uniform(0.01, 0.4) * n + rng.uniform()))
    of = {
        "noise": noise,
        "tone": tone * 0.99,
        "bursts": noise * 0.01 + tone * (n // 500 % 2) * 0.9,
        "am": tone * (0.5 + 0.4 * np.cos(n / 50)),
        "real": (noise + noise.conj()).real.astype(complex),
        "decaying": tone * np.exp(-n / 20.0),  # into denormals
        "gated": noise * (n // 300 % 2),
    }[kind]
    return of / max(1.0, np.abs(of.real).max(), np.abs(of.imag).max())


KINDS = ("noise", "tone", "bursts", "am", "real", "decaying", "gated")


def interleaved(samples, dtype):
    return np.stack([samples.real, samples.imag], 1).ravel().astype(dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@given(st.integers(0, 2**32), st.sampled_from(KINDS), st.integers(-14, 14), st.floats(0, 0.5))
def test_recordings_are_never_refused(dtype, seed, kind, decade, bad):
    """Of whatever scale: of ±1, of integers as floats, of microvolts; with NaN, Inf and silence in it."""
    values = interleaved(signal(seed, kind) * 10.0**decade, dtype)
    rng = np.random.default_rng(seed)
    spoilt = rng.random(len(values)) < bad
    values[spoilt] = rng.choice([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0], spoilt.sum())
    check_floats(values.tobytes(), np.dtype(dtype), "a")


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
@given(hnp.arrays(np.float64, st.integers(0, 400).map(lambda n: 2 * n), elements=st.floats(-1e17, 1e17)))
def test_any_values_within_a_receivers_range(dtype, values):
    """Whatever their order: also where a simulation is exact, or of few values."""
    values = values.astype(dtype)
    if np.count_nonzero(values) and np.abs(values).max() > 1e-17:
        check_floats(values.tobytes(), np.dtype(dtype), "a")


@given(st.integers(0, 2**32), st.integers(-20, 20), st.integers(1, 6))
def test_exact_constellations_of_doubles(seed, exponent, n_points):
    points = np.random.default_rng(seed).standard_normal(2 * n_points) * 2.0**exponent
    values = np.random.default_rng(seed).choice(points, 2 * N)
    check_floats(values.tobytes(), np.dtype("<f8"), "a")


@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize("dtype", FLOATS)
@settings(max_examples=40)
@given(st.integers(0, 2**32), st.sampled_from(["noise", "bursts", "am", "gated"]), st.floats(0.02, 0.9))
def test_integers_are_refused(name, dtype, seed, kind, level):
    stored, middle, full = INTEGERS[name]
    level = max(level, 3 / full)
    data = np.round(interleaved(signal(seed, kind), float) * level * full + middle).astype(stored).tobytes()
    with pytest.raises(ValueError, match=f"^a: no samples of cf{8 * int(dtype[2])}") as caught:
        check_floats(data, np.dtype(dtype), "a")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", INTEGERS)
def test_what_it_is_is_asked(name, tmp_path):
    stored, middle, full = INTEGERS[name]
    path = tmp_path / "a.cf32"
    values = interleaved(signal(3, "bursts"), float)
    np.round(values * 0.3 * full + middle).astype(stored).tofile(path)
    with pytest.raises(ValueError, match=rf"a\.cf32: no samples of cf32: .* is this {name}\?$"):
        open_recording(path)
    samples = open_recording(path, name).samples()
    np.testing.assert_allclose(samples, signal(3, "bursts") * 0.3, atol=0.03)


@given(st.integers(0, 2**32), st.sampled_from(["noise", "bursts", "am"]), st.integers(-6, 6))
def test_floats_of_another_kind_are_refused(seed, kind, decade):
    samples = signal(seed, kind) * 10.0**decade
    names = {"cf32": "<f4", "cf32_be": ">f4", "cf64": "<f8", "cf64_be": ">f8"}
    for stated, is_really in [
        ("cf32", "cf64"),
        ("cf32", "cf32_be"),
        ("cf32_be", "cf32"),
        ("cf64", "cf32"),
        ("cf64_be", "cf64"),
    ]:
        data = interleaved(samples, names[is_really]).tobytes()
        with pytest.raises(ValueError, match=f"no samples of {stated}.*is this {is_really}"):
            check_floats(data, np.dtype(names[stated]), "a")


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "a.cf32"
    path.write_bytes(np.random.default_rng(0).bytes(100_000))  # as compressed
    with pytest.raises(ValueError, match="a.cf32: no samples of cf32: [^?]*$"):
        open_recording(path)


def test_a_late_burst_of_a_long_recording_is_looked_at(tmp_path):
    """Silence at the beginning says nothing."""
    values = np.zeros(2_000_000, "<i2")
    values[1_000_000:] = np.round(3000 * np.random.default_rng(0).standard_normal(1_000_000))
    path = tmp_path / "a.cf32"
    values.tofile(path)
    with pytest.raises(ValueError, match="is this ci16"):
        open_recording(path)


def test_sigmf_that_states_another_datatype(tmp_path):
    interleaved(signal(1, "noise") * 20000, "<i2").tofile(tmp_path / "a.sigmf-data")
    about = {"core:datatype": "cf32_le", "core:version": "1.0.0"}
    meta = {"global": about, "captures": [], "annotations": []}
    (tmp_path / "a.sigmf-meta").write_text(json.dumps(meta))
    with pytest.raises(ValueError, match="a.sigmf-data: no samples of cf32.* is this ci16"):
        open_recording(tmp_path / "a.sigmf-meta")
