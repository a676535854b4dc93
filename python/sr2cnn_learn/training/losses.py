# SPDX-License-Identifier: GPL-3.0-or-later
"""The three losses of SR2CNN (Eq. 2–6) and the class centers' own update (Algorithm 1)."""

import torch
from torch.nn import functional


class ClassCenters:
    """Class centers c_k in semantic space while training; moved by Algorithm 1, not by the optimizer.

    Args:
        n_classes: K
        dim: t
        rate: α, the share of Δc that a batch moves a center by
    """

    def __init__(self, n_classes, dim, rate=0.5, device="cpu"):
        self.centers = torch.zeros(n_classes, dim, device=device)
        self.rate = rate

    @torch.no_grad()
    def update(self, z, labels):
        """c_k ← c_k − α Δc_k with Δc_k = Σ_{y_i = k} (c_k − z_i) / (1 + n_k).

        Args:
            z: (N, dim) semantic vectors of a batch
            labels: (N,) int64 class indices
        """
        sums = torch.zeros_like(self.centers).index_add_(0, labels, z.detach().float())
        counts = torch.bincount(labels, minlength=len(self.centers)).unsqueeze(1)
        self.centers -= self.rate * (counts * self.centers - sums) / (1 + counts)


def cross_entropy_loss(logits, labels):
    """L_ce (Eq. 3): mean over the batch. logits (N, K), labels (N,)."""
    return functional.cross_entropy(logits, labels)


def center_loss(z, labels, centers):
    """L_ct (Eq. 4): 1/(2N) Σ ‖z_i − c_{y_i}‖². z (N, dim), labels (N,), centers (K, dim)."""
    return (z - centers[labels]).square().sum() / (2 * len(z))


def reconstruction_loss(reconstruction, frames, norm="l2"):
    """L_r (Eq. 5): 1/(2N) Σ ‖x̃_i − x_i‖². Both (N, frame_len, 2).

    With norm ``"l1"`` the sum of absolute values in place of the squares; ValueError for any other.
    """
    error = reconstruction - frames
    if norm not in ("l1", "l2"):
        raise ValueError(f"norm is {norm!r}, expected 'l1' or 'l2'")
    return (error.abs() if norm == "l1" else error.square()).sum() / (2 * len(frames))


def distillation_loss(logits, taught, temperature):
    """T²·KL(softmax(taught/T) ‖ softmax(logits/T)), mean over the batch (Hinton, Vinyals and Dean, 2015).

    Both (N, K); the gradient goes to ``logits``.
    """
    divergence = functional.kl_div(
        functional.log_softmax(logits / temperature, dim=1),
        functional.softmax(taught / temperature, dim=1),
        reduction="batchmean",
    )
    return temperature**2 * divergence
