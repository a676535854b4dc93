# Copyright 2026 the gr-sr2cnn authors.
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the trainers of all presets share."""

import copy

import numpy as np
import torch


@torch.no_grad()
def encode(network, frames):
    """Semantic vectors of an array of frames (N, L, 2): float32 (N, dim)."""
    batches = torch.from_numpy(frames).split(256)
    return np.concatenate([network(batch).numpy() for batch in batches] or [np.empty((0, 0))])


def round_to_half(network):
    """Round weights as the bundle will store them, so that semantics and figures are the bundle's own."""
    for parameter in network.parameters():
        if parameter.dim() > 1:
            parameter.data = parameter.data.half().float()


class Trainer:
    """The state that an epoch changes, and that a checkpoint holds.

    Subclasses make ``network``, ``optimizer`` and ``centers``, run epochs, and finish and calibrate the
    network.

    Args:
        recipe: the preset's recipe
        seed: of weights, dropout and order
        device: torch device
    """

    def __init__(self, recipe, seed, device):
        torch.manual_seed(seed)
        self.recipe, self.seed, self.device = recipe, seed, device
        self.epoch = 0
        self.best_accuracy = -1.0
        self.best_epoch = 0
        self.best_weights = None

    def begin_epoch(self):
        self.epoch += 1
        torch.manual_seed(self.seed + 1_000_003 * self.epoch)  # a resumed run repeats it exactly
        self.network.train()

    def keeps_last(self):
        """Whether the last epoch is kept, rather than the one of the best validation accuracy."""
        raise NotImplementedError

    @torch.no_grad()
    def accuracy(self, frames, labels):
        """Closed-set accuracy of the classifier."""
        self.network.eval()
        right = 0
        for x, y in zip(frames.split(256), labels.split(256)):
            logits = self.network.classify(self.network(x.to(self.device)))
            right += (logits.argmax(1).cpu() == y).sum().item()
        return right / len(frames)

    def keep_if_best(self, accuracy):
        if not self.keeps_last() and accuracy <= self.best_accuracy:
            return False
        self.best_accuracy, self.best_epoch = accuracy, self.epoch
        self.best_weights = copy.deepcopy(self.network.state_dict())
        return True

    def best_network(self):
        """The kept epoch's network, on the CPU, ready to be run."""
        self.network.load_state_dict(self.best_weights)
        return self.network.cpu().eval()

    def state(self):
        return dict(
            network=self.network.state_dict(),
            optimizer=self.optimizer.state_dict(),
            centers=self.centers.centers,
            epoch=self.epoch,
            best_accuracy=self.best_accuracy,
            best_epoch=self.best_epoch,
            best_weights=self.best_weights,
        )

    def restore(self, state):
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.centers.centers = state["centers"].to(self.device)
        for key in ("epoch", "best_accuracy", "best_epoch", "best_weights"):
            setattr(self, key, state[key])
