# SPDX-License-Identifier: GPL-3.0-or-later
"""The faithful network: its layers are the paper's, its input scale does not matter."""

import pytest
import torch
from sr2cnn_learn.nets.sr2cnn import SR2CNN, normalise
from torch import nn


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return SR2CNN(9).eval()


def test_layers_are_the_paper_s(network):
    convolutions = [m for m in network.encoder.modules() if isinstance(m, nn.Conv2d)]
    linear = [m for m in network.encoder.modules() if isinstance(m, nn.Linear)]
    assert [c.out_channels for c in convolutions] == [64, 128, 256, 512]
    assert all(c.kernel_size == (3, 3) for c in convolutions)
    assert [(m.in_features, m.out_features) for m in linear] == [
        (4096, 1024),
        (1024, 512),
        (512, 256),
    ]
    assert (network.classifier.in_features, network.classifier.out_features) == (256, 9)


def test_multiplications_a_frame(network):
    """About 71 million, as the design counts them."""
    counted = []

    def count(module, inputs, output):
        weights = module.weight.numel()
        places = output.shape[2] * output.shape[3] if isinstance(module, nn.Conv2d) else 1
        counted.append(weights * places)

    hooks = [
        m.register_forward_hook(count)
        for m in network.encoder.modules()
        if isinstance(m, (nn.Conv2d, nn.Linear))
    ]
    with torch.no_grad():
        network(torch.randn(1, 128, 2))
    for hook in hooks:
        hook.remove()
    assert sum(counted) == pytest.approx(71e6, rel=0.02)


def test_shapes(network):
    x = torch.randn(3, 128, 2)
    with torch.no_grad():
        assert not network.reconstruct(x).any()  # where D starts
        nn.init.normal_(network.decoder.conv1.weight)
        outputs = network.training_outputs(x)
    names = "z", "logits", "reconstruction", "normalised"
    z, logits, rebuilt, target = (outputs[name] for name in names)
    assert (z.shape, logits.shape, rebuilt.shape) == ((3, 256), (3, 9), (3, 128, 2))
    assert torch.equal(target, normalise(x))
    assert (z >= 0).all() and (rebuilt < 0).any()  # ReLU in front, linear behind


@torch.no_grad()
def test_scale_of_the_input_does_not_matter(network):
    x = torch.randn(4, 128, 2)
    assert torch.allclose(network(x), network(1e4 * x), atol=1e-5)
    assert torch.allclose(normalise(x).square().sum(2).sqrt().sum(1), torch.ones(4))


@torch.no_grad()
def test_silence_is_finite(network):
    assert torch.isfinite(network(torch.zeros(1, 128, 2))).all()


def test_every_weight_learns():
    network = SR2CNN(3)
    outputs = network.training_outputs(torch.randn(8, 128, 2))
    (outputs["logits"].square().sum() + outputs["reconstruction"].square().sum()).backward()
    assert all(p.grad is not None for p in network.parameters())


@pytest.mark.parametrize("arguments", [dict(n_classes=1), dict(n_classes=3, frame_len=100)])
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match="expected"):
        SR2CNN(**arguments)


def test_running_means_follow_at_the_scale_of_normalised_frames():
    """A bias in front of the first norm would wander by 1e-3 a step, its output's spread is 2e-3."""
    torch.manual_seed(0)
    network = SR2CNN(3).without_decoder()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    x, labels = torch.randn(24, 128, 2), torch.arange(24) % 3
    for _ in range(20):
        loss = nn.functional.cross_entropy(network.classify(network(x)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    stage = network.encoder.conv1
    image = normalise(x).transpose(1, 2).unsqueeze(1)
    with torch.no_grad():
        lag = (stage.conv(image).mean((0, 2, 3)) - stage.norm.running_mean).abs()
    assert (lag < stage.norm.running_var.sqrt()).all()
