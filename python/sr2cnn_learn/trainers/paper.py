# Copyright 2026 the gr-sr2cnn authors.
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``paper`` preset (Dong et al., IEEE TSP 2021).

Adam at 1e-3, batches of 256, the sum of cross-entropy, center and reconstruction loss (Eq. 2) from one
encoder pass a batch, class centers moved by Algorithm 1. The epoch with the best closed-set validation
accuracy is kept; distance and λ1 are chosen on validation frames, known and unknown.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from .. import losses
from ..calibration import choose_discriminator
from ..nets.sr2cnn import SR2CNN
from ..semantics import class_semantics
from .trainer import Trainer, encode, round_to_half


@dataclass(frozen=True)
class PaperRecipe:
    """All that decides how a network is trained, but for data and seed."""

    preset: str = "paper"
    epochs: int = 250
    batch_size: int = 256
    learning_rate: float = 1e-3
    cross_entropy_weight: float = 1.0
    center_weight: float = 0.06  # λ_ct; 0.03 in the released code's scale without the 1/2
    reconstruction_weight: float = 0.078  # λ_r; 10 in the released code's mean over 256 values
    reconstruction_norm: str = "l2"  # "l1" for the ablation of table 3
    center_rate: float = 0.5  # α of Algorithm 1
    dim: int = 256  # t
    dropout: float = 0.5
    conv_dropout: float = 0.1  # the paper names no rate; the released code's 0.5 learns far slower
    theta2: str = "median"
    lambda2: float = 1.0
    theta2_limit: float = 0.0
    rival_support: int = 0
    merge_separation: ClassVar[float] = 0.0  # no field: nothing that the paper could have chosen


class PaperTrainer(Trainer):
    """Trains SR2CNN.

    Args:
        recipe, seed, device: see ``Trainer``
        n_classes: number of known classes
        frame_len: samples a frame
        background, teacher: which this preset does not take
    """

    epochs_are_free = True  # a run may go on to more epochs than it was started for
    stores_half = True  # of 25 MB

    def __init__(self, recipe, seed, device, n_classes, frame_len, background=None, teacher=None):
        super().__init__(recipe, seed, device)
        if background is not None:
            raise ValueError("preset 'paper' takes no background classes, 'best' does")
        if teacher is not None:
            raise ValueError("preset 'paper' takes no teacher, 'best' and 'lite' do")
        network = SR2CNN(n_classes, frame_len, recipe.dim, recipe.dropout, recipe.conv_dropout)
        self.network = network.to(device)
        self.centers = losses.ClassCenters(n_classes, recipe.dim, recipe.center_rate, device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=recipe.learning_rate)

    def keeps_last(self):
        # Without cross-entropy the classifier learns nothing that could tell epochs apart.
        return not self.recipe.cross_entropy_weight

    def run_epoch(self, frames, labels, on_batch):
        """One pass over the frames in an order of its own; mean of total and the three losses."""
        self.begin_epoch()
        sums, recipe = torch.zeros(4, dtype=torch.float64), self.recipe
        batches = torch.randperm(len(frames)).split(recipe.batch_size)
        for i, batch in enumerate(batches):
            if len(batch) < 2:  # batch norm needs two
                continue
            x, y = frames[batch].to(self.device), labels[batch].to(self.device)
            z, logits, reconstruction, target = self.network.training_outputs(x)
            parts = (
                losses.cross_entropy_loss(logits, y),
                losses.center_loss(z, y, self.centers.centers),
                losses.reconstruction_loss(reconstruction, target, recipe.reconstruction_norm),
            )
            total = (
                recipe.cross_entropy_weight * parts[0]
                + recipe.center_weight * parts[1]
                + recipe.reconstruction_weight * parts[2]
            )
            self.optimizer.zero_grad(set_to_none=True)
            total.backward()
            self.optimizer.step()
            self.centers.update(z, y)
            sums += torch.tensor([total.item(), *(p.item() for p in parts)]) * len(batch)
            if on_batch:
                on_batch(self.epoch, self.recipe.epochs, i + 1, len(batches))
        return (sums / len(frames)).tolist()

    def finish(self, frames, labels, n_classes):
        """The network as it goes into the bundle, and its semantics from training frames."""
        network = self.best_network()
        round_to_half(network)
        return network, class_semantics(encode(network, frames), labels, n_classes)

    def calibrate(self, options, classes, validation, known_validation, upper_bound):
        """Distance and λ1 from (vectors, labels) of the validation part; whether the constraints are met."""
        return choose_discriminator(options, classes, *validation, upper_bound)
