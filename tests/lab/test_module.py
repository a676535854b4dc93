# SPDX-License-Identifier: GPL-3.0-or-later
"""The eager network of a bundle: it gives what the engine gives, and hooks reach its layers."""

import json
import warnings

import numpy as np
import pytest
import torch
from bundle_support import SmallWithDecoder, card, rewrite, semantics
from sr2cnn_learn.bundle import MODELS, Bundle
from sr2cnn_learn.nets import build, inferred, knows, outline

SHIPPED = sorted(path.stem for path in MODELS.glob("*.pt"))


def signals():
    """float32 (64, 128, 2): QPSK with a carrier offset, and noise."""
    rng = np.random.default_rng(0)
    symbols = np.exp(0.5j * np.pi * rng.integers(0, 4, (64, 16))).repeat(8, axis=1)
    turning = symbols * np.exp(2j * np.pi * rng.uniform(-0.1, 0.1, (64, 1)) * np.arange(128))
    noise = rng.standard_normal((2, 64, 128)) * np.linspace(0, 1, 64)[:, None]
    frames = turning + noise[0] + 1j * noise[1]
    return np.stack([frames.real, frames.imag], axis=2).astype(np.float32)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_modules_give_the_engines_vectors(name):
    bundle, frames = Bundle.load(name, engine="TorchScript"), signals()
    random = torch.random.get_rng_state()
    module = bundle.module()
    assert torch.equal(torch.random.get_rng_state(), random)
    assert not module.training and {p.dtype for p in module.parameters()} == {torch.float32}
    with torch.inference_mode():
        z = module(torch.from_numpy(frames))
        logits = module.classify(z).numpy()
    expected = bundle.encode(frames)
    assert expected.std() > 0
    np.testing.assert_allclose(z.numpy(), expected, atol=1e-5 * np.abs(expected).max())
    np.testing.assert_allclose(logits, bundle.classify(expected), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", SHIPPED)
def test_hooks_and_gradients_reach_the_layers(name):
    module, seen = Bundle.load(name, engine="TorchScript").module(), []
    layers = [each for each in module.modules() if isinstance(each, torch.nn.Conv2d)]
    for layer in layers:
        layer.register_forward_hook(lambda layer, inputs, output: seen.append(layer))
    frames = torch.from_numpy(signals()).requires_grad_()
    module.classify(module(frames)).sum().backward()
    assert len(seen) == len(layers) > 3
    assert torch.isfinite(frames.grad).all() and layers[-1].weight.grad.any()


def test_an_unknown_network_has_no_module(tiny_bundle):
    with pytest.raises(ValueError, match="tiny.pt: its network is none that is known here"):
        Bundle.load(tiny_bundle).module()


def test_a_network_that_differs_from_the_stored_one_is_no_module(tmp_path):
    """Weights show neither the length of the axis of evidence nor what the forward pass does with them."""
    arguments = dict(n_classes=3, n_background=2, frame_len=16, dim=4, channels=[8, 8, 8])
    network = build("residual", {**arguments, "evidence_weight": 50.0})
    Bundle.save(tmp_path / "b.pt", network, card(), semantics())
    with pytest.raises(ValueError, match="gives other semantic vectors"):
        Bundle.load(tmp_path / "b.pt").module()
    told = card(provenance={"recipe": {"evidence_weight": 50.0}})
    rewrite(tmp_path / "b.pt", "card.json", json.dumps(told).encode())
    assert Bundle.load(tmp_path / "b.pt").module().evidence_weight == 50


def test_a_network_is_inferred_from_shapes_alone():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, more in (("sr2cnn", {}), ("sr2cnn-encoder", {}), ("residual", dict(channels=[8, 12, 16]))):
            network = {"name": name, "arguments": dict(n_classes=3, frame_len=32, dim=20, **more)}
            shapes = {key: tuple(tensor.shape) for key, tensor in outline(network).items()}
            found = inferred(shapes, card(frame_len=32, dim=20))
            assert found["name"] == name and found["arguments"].items() >= network["arguments"].items()
    shapes = {key: tuple(tensor.shape) for key, tensor in SmallWithDecoder().state_dict().items()}
    assert inferred(shapes, card()) is None and not knows(None)
