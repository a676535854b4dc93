# Copyright 2026 the gr-sr2cnn authors.
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``best`` preset: what measurement says is better at every point (docs/results.md has the ablation).

A small residual encoder, trained on frames turned, mirrored and reversed at random; cross-entropy and a light
center loss; AdamW with one cycle of the learning rate (Smith and Topin, 2019). Background classes may be
trained along: they are no targets, but teach the encoder what signals can differ in (outlier exposure;
Hendrycks et al., ICLR 2019). Then the semantic space is whitened by the known classes' common covariance
(shrunk; Ledoit and Wolf, 2004), so that the Euclidean distance in it is Mahalanobis' (Lee et al., NeurIPS
2018). λ1 keeps a given share of known validation frames: no unknown frame is needed.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from sklearn.covariance import ledoit_wolf

from .. import losses
from ..calibration import lambda1_for_tkr
from ..nets.residual import CHANNELS, ResidualNet
from ..semantics import class_semantics
from .trainer import Trainer, encode

TEACHER_SHARE = 0.7  # of the loss, where a teacher is given; the rest is cross-entropy
TEMPERATURE = 2.0  # of its logits and the network's own

@dataclass(frozen=True)
class BestRecipe:
    """All that decides how a network is trained, but for data and seed."""

    preset: str = "best"
    epochs: int = 8
    batch_size: int = 256
    learning_rate: float = 8e-3  # the cycle's peak
    weight_decay: float = 0.02
    warm_up: float = 0.2  # share of the cycle before the peak
    center_weight: float = 0.01
    center_rate: float = 0.5
    background_share: float = 0.35  # of a batch
    evidence_weight: float = 10.0
    dim: int = 65
    dropout: float = 0.1
    remove_phase: bool = True
    augment: bool = True
    whiten: bool = True
    tkr: float = 0.992  # share of known validation frames that λ1 keeps
    theta2: str = "median"
    lambda2: float = 2.0
    theta2_limit: float = 1.0
    merge_separation: float = 3.8
    rival_support: int = 100
    channels: ClassVar[tuple[int, int, int]] = CHANNELS


@dataclass(frozen=True)
class LiteRecipe(BestRecipe):
    """A network of less than half the cost; a teacher makes up for most of what that loses."""

    preset: str = "lite"
    channels: tuple[int, int, int] = (32, 48, 96)


def augment(iq):
    """Frames turned by any angle, half of them mirrored in frequency, half reversed in time.

    None of the three changes the modulation. (N, L, 2) → same.
    """
    n = len(iq)
    angle = 2 * torch.pi * torch.rand(n, 1)
    mirrored = torch.randint(0, 2, (n, 1)) * 2 - 1
    i, q = iq[..., 0], iq[..., 1] * mirrored
    cos, sin = torch.cos(angle), torch.sin(angle)
    turned = torch.stack([i * cos - q * sin, i * sin + q * cos], dim=2)
    backwards = torch.rand(n) < 0.5
    turned[backwards] = turned[backwards].flip(1)
    return turned


def has_fast_bfloat16(device):
    """Whether bfloat16 speeds training up without harm: CUDA, or a CPU with AVX-512."""
    return device.type == "cuda" or torch.backends.cpu.get_cpu_capability() == "AVX512"


class BestTrainer(Trainer):
    """Trains ``ResidualNet``.

    Args:
        recipe, seed, device: see ``Trainer``
        n_classes: number of known classes
        frame_len: samples a frame
        n_frames: number of training frames, which the cycle's length depends on
        background: frames and labels (0 … B−1) of background classes, or None
        teacher: function from frames (N, L, 2) to logits (N, K) of the known classes, which the network is to
            give, too (knowledge distillation; Hinton, Vinyals and Dean, 2015), or None

    Raises:
        ValueError: both background and teacher are given
    """

    epochs_are_free = False  # the cycle is as long as the training
    stores_half = False  # a whitened space spans more magnitudes than half precision has

    def __init__(
        self, recipe, seed, device, n_classes, frame_len, n_frames, background=None, teacher=None
    ):
        super().__init__(recipe, seed, device)
        if background is not None and teacher is not None:
            raise ValueError("background and teacher are both given, expected one of them")
        self.background, self.teacher = background, teacher
        n_background = 0 if background is None else int(background[1].max()) + 1
        share = recipe.background_share if n_background else 0.0
        self.from_background = round(share * recipe.batch_size)
        self.from_known = recipe.batch_size - self.from_background
        network = ResidualNet(
            n_classes,
            n_background,
            frame_len,
            recipe.dim,
            recipe.dropout,
            recipe.remove_phase,
            recipe.channels,
        )
        self.network = network.to(device)
        self.centers = losses.ClassCenters(
            n_classes + n_background, network.embedding_dim, recipe.center_rate, device
        )
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.steps = max(n_frames // self.from_known, 1)
        self.cycle = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer,
            recipe.learning_rate,
            total_steps=recipe.epochs * self.steps,
            pct_start=recipe.warm_up + 1e-6,  # a peak at the very first step would divide by zero
        )

    def keeps_last(self):
        return True  # the cycle ends at its best

    def run_epoch(self, frames, labels, on_batch):
        """One pass over the frames in an order of its own; mean of total, cross-entropy, center loss."""
        self.begin_epoch()
        sums = torch.zeros(3, dtype=torch.float64)
        order = torch.randperm(len(frames)).split(self.from_known)[: self.steps]
        fast = has_fast_bfloat16(self.device)
        if self.background is not None:
            others, other_labels = self.background
            drawn = torch.randint(0, len(others), (len(order), self.from_background))
        for i, batch in enumerate(order):
            x, y = frames[batch], labels[batch]
            if self.background is not None:
                x = torch.cat([x, others[drawn[i]]])
                y = torch.cat([y, self.network.n_classes + other_labels[drawn[i]]])
            if self.recipe.augment:
                x = augment(x)
            x, y = x.to(self.device), y.to(self.device)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=fast):
                z, logits = self.network.training_outputs(x)
            z = z.float()
            parts = (
                losses.cross_entropy_loss(logits.float(), y),
                losses.center_loss(z, y, self.centers.centers),
            )
            total = parts[0] + self.recipe.center_weight * parts[1]
            if self.teacher is not None:
                lesson = losses.distillation_loss(logits.float(), self.teacher(x), TEMPERATURE)
                total = total + TEACHER_SHARE * (lesson - parts[0])
            self.optimizer.zero_grad(set_to_none=True)
            total.backward()
            self.optimizer.step()
            self.cycle.step()
            self.centers.update(z, y)
            sums += torch.tensor([total.item(), *(p.item() for p in parts)])
            if on_batch:
                on_batch(self.epoch, self.recipe.epochs, i + 1, len(order))
        return [*(sums / len(order)).tolist(), None]

    def state(self):
        return dict(super().state(), cycle=self.cycle.state_dict())

    def restore(self, state):
        super().restore(state)
        self.cycle.load_state_dict(state["cycle"])

    def finish(self, frames, labels, n_classes):
        """The network as it goes into the bundle, and its semantics from training frames."""
        network = self.best_network()
        embedding = encode(network, frames)[:, : network.embedding_dim].astype(np.float64)
        centers = class_semantics(embedding, labels, n_classes)["centers"]
        basis = np.eye(network.embedding_dim)
        if self.recipe.whiten:
            covariance, _ = ledoit_wolf(embedding - centers[labels], assume_centered=True)
            variances, directions = np.linalg.eigh(covariance)
            basis = directions / np.sqrt(variances)
        network.settle(centers.mean(axis=0), basis, self.recipe.evidence_weight)
        return network, class_semantics(encode(network, frames), labels, n_classes)

    def calibrate(self, options, classes, validation, known_validation, upper_bound):
        """λ1 that keeps ``recipe.tkr`` of the known validation frames; there are no constraints."""
        chosen = dict(distance="euclidean")
        lambda1 = lambda1_for_tkr(dict(options, **chosen), known_validation, self.recipe.tkr)
        return dict(chosen, lambda1=lambda1), None
