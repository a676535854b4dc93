# SPDX-License-Identifier: GPL-3.0-or-later
"""ONNX Runtime gives what TorchScript gives, and where it cannot, TorchScript stays."""

import math
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sr2cnn_learn import engines as engines_module
from sr2cnn_learn.bundle import MODELS, Bundle
from sr2cnn_learn.iq import as_complex
from sr2cnn_learn.onnx_runtime import OnnxEncoder, onnx_file

MODULATIONS = "BPSK", "QPSK", "QAM16", "GFSK", "2FSK", "AM-DSB", "OFDM", "NOISE"
SHIPPED = sorted(path.stem for path in MODELS.glob("*.pt"))


@pytest.fixture(scope="module")
def frames():
    """complex64 (N, 128) of several modulations, in random order; one silent, some that begin in silence."""
    pytest.importorskip("gnuradio")
    from gnuradio.sr2cnn.synthesis.radioml import synthesize

    pairs = [synthesize(name, 14, 250, 90031, spread=True) for name in MODULATIONS]
    samples = np.random.default_rng(0).permutation(np.concatenate(pairs))
    samples[0] = 0
    samples[1:100, :40] = 0
    return as_complex(samples)


@pytest.fixture(scope="module", params=SHIPPED)
def engines(request):
    return [Bundle.load(request.param, engine=name) for name in ("TorchScript", "ONNX Runtime")]


def test_there_are_shipped_models():
    assert {"sr2cnn", "sr2cnn-lite", "sr2cnn-paper"} <= set(SHIPPED)


def test_shipped_models_give_the_same_ids(engines, frames):
    """On 99.9 % of the frames, the rule for every engine."""
    sr2cnn = pytest.importorskip("gnuradio.sr2cnn")
    ids = []
    for bundle in engines:
        kernel = sr2cnn.discriminator_kernel(**bundle.discriminator_options())
        ids.append(kernel.predict(bundle.encode(frames)))
    assert np.mean(ids[0] == ids[1]) >= 0.999


def test_shipped_models_give_the_same_vectors(engines, frames):
    expected, found = (bundle.encode(frames) for bundle in engines)
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


def test_any_batch_size(tiny_bundle, mixed_samples):
    slow, fast = (Bundle.load(tiny_bundle, engine=name) for name in ("TorchScript", "ONNX Runtime"))
    samples = mixed_samples[: 128 * 300].reshape(-1, 128)
    expected = slow.encode(samples)
    for batch_size in (1, 7, 64, 256, 1000):
        np.testing.assert_allclose(fast.encode(samples, batch_size), expected, rtol=1e-4, atol=1e-5)


def test_a_frame_that_is_no_number_spoils_no_other(engines, frames):
    some = frames[:8].copy()
    some[3, 5] = np.nan
    some[6, 100] = np.inf
    for bundle in engines:
        finite = np.isfinite(bundle.encode(some)).all(axis=1)
        assert finite.tolist() == [True, True, True, False, True, True, False, True]


class Angles(torch.nn.Module):
    def forward(self, iq):
        return torch.atan2(iq[..., 1], iq[..., 0])


@pytest.fixture(scope="module")
def angles():
    return OnnxEncoder(onnx_file(Angles(), 1), 1)


def test_angles_of_all_signs_and_zeros(angles):
    special = [0.0, -0.0, 1.0, -1.0, 1e-40, -1e-40, 1e30, -1e30, math.inf, -math.inf]
    points = np.array([[[x, y]] for x in special for y in special if not math.isinf(x * y)], np.float32)
    points = points[~np.isinf(points).all(axis=(1, 2))]  # ∞/∞ has no slope
    expected = np.arctan2(points[:, :, 1], points[:, :, 0])
    np.testing.assert_allclose(angles(points), expected, atol=1e-6)


@given(arrays.arrays(np.float32, (20, 1, 2), elements=st.floats(-(2**50), 2**50, width=32)))
def test_angles(angles, points):
    expected = np.arctan2(points[:, :, 1], points[:, :, 0])
    np.testing.assert_allclose(angles(points), expected, atol=1e-6)


def test_it_is_what_a_processor_gets(tiny_bundle):
    assert Bundle.load(tiny_bundle).engine == "ONNX Runtime"
    assert Bundle.load(tiny_bundle, engine="TorchScript").engine == "TorchScript"


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_without_it_torchscript_stays(tiny_bundle, mixed_samples, package, monkeypatch):
    expected = Bundle.load(tiny_bundle).encode(mixed_samples[: 128 * 9].reshape(-1, 128))
    monkeypatch.setitem(sys.modules, package, None)
    bundle = Bundle.load(tiny_bundle)
    assert bundle.engine == "TorchScript"
    found = bundle.encode(mixed_samples[: 128 * 9].reshape(-1, 128))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="no ONNX Runtime for its network"):
        Bundle.load(tiny_bundle, engine="ONNX Runtime")


@pytest.mark.parametrize("wrong", [lambda z: z + 0.1, lambda z: z[:, 1:], lambda z: z * np.nan])
def test_torchscript_stays_where_the_numbers_differ(tiny_bundle, wrong, monkeypatch):
    class Wrong(OnnxEncoder):
        def __call__(self, frames):
            return wrong(super().__call__(frames))

    monkeypatch.setattr(engines_module, "OnnxEncoder", Wrong)
    assert Bundle.load(tiny_bundle).engine == "TorchScript"
    with pytest.raises(ValueError, match="other semantic vectors than TorchScript"):
        Bundle.load(tiny_bundle, engine="ONNX Runtime")


def test_threads(tiny_bundle, mixed_samples):
    before = torch.get_num_threads()
    frames = mixed_samples[: 128 * 200].reshape(-1, 128)
    try:
        for engine in ("TorchScript", "ONNX Runtime"):
            bundle = Bundle.load(tiny_bundle, engine=engine)
            expected = bundle.encode(frames)
            for threads in (1, 3):
                bundle.use_threads(threads)
                assert torch.get_num_threads() == threads
                np.testing.assert_allclose(bundle.encode(frames), expected, rtol=1e-4, atol=1e-5)
    finally:
        torch.set_num_threads(before)


def test_wrong_engine(tiny_bundle):
    with pytest.raises(ValueError, match="engine is 'TensorRT', expected one of auto"):
        Bundle.load(tiny_bundle, engine="TensorRT")
