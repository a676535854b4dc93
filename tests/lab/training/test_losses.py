# SPDX-License-Identifier: GPL-3.0-or-later
"""The losses and Algorithm 1's update against values worked by hand."""

import math

import pytest
import torch
from sr2cnn_learn.training.losses import (
    ClassCenters,
    center_loss,
    cross_entropy_loss,
    distillation_loss,
    reconstruction_loss,
)


def test_cross_entropy():
    logits = torch.tensor([[0.0, 0.0], [math.log(3.0), 0.0]])
    expected = (math.log(2) + math.log(4 / 3)) / 2
    assert cross_entropy_loss(logits, torch.tensor([0, 0])).item() == pytest.approx(expected)


def test_center_loss():
    z = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])
    centers = torch.tensor([[0.0, 0.0], [3.0, 1.0]])
    # squared distances 1, 4 and 4; divided by 2·3
    assert center_loss(z, torch.tensor([0, 0, 1]), centers).item() == pytest.approx(9 / 6)


def test_reconstruction_loss():
    frames = torch.zeros(2, 3, 2)
    rebuilt = torch.ones(2, 3, 2)
    assert reconstruction_loss(rebuilt, frames).item() == pytest.approx(12 / 4)
    assert reconstruction_loss(-2 * rebuilt, frames).item() == pytest.approx(48 / 4)
    assert reconstruction_loss(-2 * rebuilt, frames, "l1").item() == pytest.approx(24 / 4)
    with pytest.raises(ValueError, match="norm is 'l3'"):
        reconstruction_loss(rebuilt, frames, "l3")


def test_center_update():
    centers = ClassCenters(3, 2, rate=0.5)
    centers.centers[:] = torch.tensor([[1.0, 1.0], [2.0, 0.0], [5.0, 5.0]])
    centers.update(torch.tensor([[3.0, 1.0], [1.0, 3.0], [2.0, 4.0]]), torch.tensor([0, 0, 1]))
    # class 0: Δ = ((1,1)−(3,1) + (1,1)−(1,3)) / 3 = (−2/3, −2/3); class 1: Δ = (0, −4) / 2
    expected = torch.tensor([[1 + 1 / 3, 1 + 1 / 3], [2.0, 1.0], [5.0, 5.0]])
    assert torch.allclose(centers.centers, expected)


def test_distillation_loss():
    logits, taught = torch.zeros(1, 2), torch.tensor([[2 * math.log(3.0), 0.0]])
    # At temperature 2 the teacher gives 3/4 and 1/4, the network 1/2 each.
    divergence = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert distillation_loss(logits, taught, 2.0).item() == pytest.approx(4 * divergence, rel=1e-5)
    assert distillation_loss(taught, taught, 2.0).item() == pytest.approx(0, abs=1e-6)
