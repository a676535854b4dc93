# SPDX-License-Identifier: GPL-3.0-or-later
"""The residual network: its cost, what of a frame does not matter to it, the axes that `settle` fixes."""

import math

import numpy as np
import pytest
import torch
from sr2cnn_learn.nets.residual import ResidualNet, frame_features, statistics, unit_power, without_phase
from sr2cnn_learn.training.batches import augment
from torch.utils.flop_counter import FlopCounterMode


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return ResidualNet(9, 13, dim=65).eval()


def mixed_frames(n=64):
    """Tones of all frequencies in noise of all levels: float32 (n, 128, 2)."""
    rng = np.random.default_rng(1)
    frequency, phase = rng.uniform(-0.4, 0.4, (n, 1)), rng.uniform(0, 2 * np.pi, (n, 1))
    x = np.exp(1j * (2 * np.pi * frequency * np.arange(128) + phase))
    x = x * (1 + 0.5 * np.sign(np.sin(np.arange(128) * rng.uniform(0.05, 0.5, (n, 1)))))
    x = x + rng.uniform(0, 0.5, (n, 1)) * (rng.standard_normal((n, 128, 2)) @ [1, 1j])
    return torch.view_as_real(torch.from_numpy(x.astype(np.complex64)))


def as_complex(frames):
    return torch.view_as_complex(frames.contiguous())


def straightened(frames):
    return torch.complex(*without_phase(*frames.unbind(2)))


def turned(frames, angle):
    return torch.view_as_real(as_complex(frames) * complex(math.cos(angle), math.sin(angle)))


@torch.no_grad()
def test_flop_a_frame(network):
    with FlopCounterMode(display=False) as counter:
        network(mixed_frames(2))
    flop = counter.get_total_flops() / 2
    assert flop <= 8e6
    assert flop == pytest.approx(7.1e6, rel=0.01)  # as its docstring says


@torch.no_grad()
def test_scale_of_the_input_does_not_matter(network):
    x = mixed_frames()
    z = network(x)
    for scale in (1e-6, 1e4):
        assert torch.allclose(network(scale * x), z, atol=1e-3 * z.std().item())
    i, q = unit_power(*(7 * x).unbind(2))
    assert torch.allclose((i**2 + q**2).mean(1), torch.ones(len(x)))


def test_carrier_phase_is_taken_out_up_to_quarter_turns():
    x = mixed_frames()
    straight = straightened(x)
    fourth = (straight**4).sum(1)
    assert torch.all(fourth.real > 0)
    assert torch.all(fourth.imag.abs() < 1e-4 * (straight.abs() ** 4).sum(1))
    for angle in (0.3, math.pi / 2, 2.0, math.pi, 4.5):
        again = straightened(turned(x, angle))
        quarters = (again * straight.conj()).sum(1) / straight.abs().square().sum(1)
        assert torch.allclose(quarters**4, torch.ones_like(quarters), atol=1e-3)
    qpsk = torch.tensor([1, 1j, -1, -1j]).repeat(32)[None]
    found = straightened(turned(torch.view_as_real(qpsk), 0.3))
    assert torch.allclose(found, qpsk, atol=1e-5)


def test_features_by_hand():
    """Steps of 90° with the envelope 1, 2, 1, 2: at unit power 1/√2.5 and 2/√2.5."""
    x = torch.tensor([[[1.0, 0], [0, 2], [-1, 0], [0, -2]]])
    features = frame_features(x)[0]
    low, high = 1 / math.sqrt(2.5), 2 / math.sqrt(2.5)
    assert torch.allclose(features[2], torch.tensor([low, high, low, high]))
    assert torch.allclose(features[3], torch.tensor([0, 0.5, 0.5, 0.5]))
    assert torch.allclose(features[0], torch.tensor([low, 0, -low, 0]), atol=1e-6)
    assert torch.allclose(features[1], torch.tensor([0, high, 0, -high]), atol=1e-6)
    x = mixed_frames()
    for angle in (0.3, math.pi / 2):
        kept = frame_features(turned(x, angle))[:, 2:] - frame_features(x)[:, 2:]
        kept[:, 1] = torch.remainder(kept[:, 1] + 1, 2) - 1  # steps of −π and π are one
        assert kept.abs().max() < 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_statistics_of_little_change_around_a_large_mean(dtype):
    rng = np.random.default_rng(0)
    x = torch.from_numpy(5 + 0.1 * rng.standard_normal((3, 4, 16))).to(dtype)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        mean, deviation = statistics(x).split(4, dim=1)
    exact = x.double().numpy()
    np.testing.assert_allclose(mean, exact.mean(2), rtol=1e-5)
    np.testing.assert_allclose(deviation, exact.std(2), rtol=0.01)


def test_silence_is_finite(network):
    frames = torch.cat([torch.zeros(1, 128, 2), mixed_frames(7)])
    with torch.no_grad():
        assert torch.isfinite(network(frames)).all()
    learning = ResidualNet(3, 1)
    outputs = learning.training_outputs(frames)
    z, logits = outputs["z"], outputs["logits"]
    (z.square().sum() + logits.square().sum()).backward()
    for name, parameter in learning.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize(("n_background", "embedding_dim"), [(0, 64), (13, 63)])
def test_shapes(n_background, embedding_dim):
    network = ResidualNet(9, n_background, frame_len=64, dim=64).eval()
    x = torch.randn(5, 64, 2)
    with torch.no_grad():
        z = network(x)
        outputs = network.training_outputs(x)
        embedding, logits = outputs["z"], outputs["logits"]
        named = network.classify(z)
    assert (z.shape, embedding.shape) == ((5, 64), (5, embedding_dim))
    assert (logits.shape, named.shape) == ((5, 9 + n_background), (5, 9))
    assert torch.allclose(named, logits[:, :9], atol=1e-6)
    assert torch.allclose(z[:, :embedding_dim], embedding, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(n_classes=1), "n_classes is 1"),
        (dict(n_classes=3, frame_len=100), "frame_len is 100.*multiple of 8"),
        (dict(n_classes=3, frame_len=0), "frame_len is 0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        ResidualNet(**arguments)


@torch.no_grad()
def test_evidence_for_background_by_hand():
    """The share of the background among all classes, times the weight of the axis."""
    network = ResidualNet(2, 3, dim=9, evidence_weight=2.5).eval()
    network.classifier.weight.zero_()
    network.classifier.bias.copy_(torch.tensor([1.0, 1, 2, 2, 2]).log())  # 2 + 2 + 2 of 8
    assert torch.allclose(network(mixed_frames(4))[:, -1], torch.full((4,), 2.5 * 6 / 8))
    network.classifier.bias[2:] -= 40  # next to nothing for a known frame
    assert network(mixed_frames(4))[:, -1].abs().max() < 1e-9


@torch.no_grad()
def test_settled_space_is_white_and_names_stay():
    torch.manual_seed(0)
    network = ResidualNet(4, 2, dim=9, evidence_weight=8.0).eval()
    frames = mixed_frames(512)
    before = network(frames)
    logits = network.classify(before)
    embedding = before[:, :-1].double().numpy()
    variances, directions = np.linalg.eigh(np.cov(embedding, rowvar=False))
    network.settle(embedding.mean(0), directions / np.sqrt(variances))
    after = network(frames)
    embedding = after[:, :-1].double().numpy()
    assert np.allclose(np.cov(embedding, rowvar=False), np.eye(8), atol=0.01)
    assert np.allclose(embedding.mean(0), 0, atol=0.01)
    assert torch.allclose(network.classify(after), logits, atol=1e-4)
    known, others = network.training_outputs(frames)["logits"].split([4, 2], dim=1)
    of_others, of_known = others.exp().sum(1), known.exp().sum(1)
    assert torch.allclose(after[:, -1], 8 * of_others / (of_others + of_known), rtol=1e-3)


def test_augmented_frames_are_the_frame_turned_mirrored_reversed():
    torch.manual_seed(3)
    frames = mixed_frames(200)
    x, y = as_complex(frames), as_complex(augment(frames))
    power = x.abs().square().sum(1)
    assert torch.allclose(y.abs().square().sum(1), power, rtol=1e-5)
    undone = torch.stack([y, y.conj(), y.flip(1), y.conj().flip(1)])
    inner = (undone * x.conj()).sum(2) / power
    best, done = inner.abs().max(0)
    assert torch.all(best > 1 - 1e-5)
    assert (inner.abs() > 1 - 1e-5).sum(0).max() == 1  # which of them it was is plain
    assert torch.bincount(done, minlength=4).min() > 25  # of 50 to be expected
    angles = inner[done, torch.arange(200)].angle()
    assert torch.histc(angles, 4, -math.pi, math.pi).min() > 25
