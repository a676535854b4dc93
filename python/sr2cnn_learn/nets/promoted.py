# SPDX-License-Identifier: GPL-3.0-or-later
"""A network to whose known classes others were added without training, see `sr2cnn_learn.promotion`."""

import torch
from torch import nn

from .registry import build, network

GAIN = 10.0  # of d/Θ in logits


@network("promoted")
class Promoted(nn.Module):
    """F as it was, and C with the logits of the new classes behind those of the old ones.

    C has no logit for a new class. It is the largest of theirs plus 10·(d/Θ of the nearest of them − its own
    d/Θ), so that it is the largest exactly where the class is nearer than any known one.

    Args:
        network: of the old classes: a torch module, or dict of ``name`` and ``arguments``
        n_old: number of old classes
        n_classes: number of all classes K
        dim: dimension t of the semantic space
        full: whether distances take whole covariances, not only variances
    """

    def __init__(self, network, n_old, n_classes, dim, full=False):
        if not 0 < n_old < n_classes:
            raise ValueError(f"n_old is {n_old}, expected 1 to {n_classes - 1}")
        super().__init__()
        self.network = network if isinstance(network, nn.Module) else build(**network)
        self.embedding_dim = dim
        self.n_old = n_old
        self.register_buffer("centers", torch.zeros(n_classes, dim))
        self.register_buffer("whitening", torch.zeros(n_classes, *[dim] * (2 if full else 1)))
        self.register_buffer("thresholds", torch.ones(n_classes))

    def forward(self, iq):
        """Semantic vectors: float32 (N, frame_len, 2) → float32 (N, dim)."""
        return self.network(iq)

    def classify(self, z):
        """Logits of all classes: (N, dim) → (N, K)."""
        logits = self.network.classify(z)
        offsets = z[:, None] - self.centers
        if self.whitening.dim() == 2:
            offsets = offsets * self.whitening
        else:
            offsets = torch.einsum("nkd,kde->nke", offsets, self.whitening)
        ratios = offsets.square().sum(2).sqrt() / self.thresholds
        nearest = ratios[:, : self.n_old].amin(1, keepdim=True)
        new = logits.amax(1, keepdim=True) + GAIN * (nearest - ratios[:, self.n_old :])
        return torch.cat([logits, new], 1)


@network("promoted-with-decoder")
class PromotedWithDecoder(Promoted):
    """`Promoted` of a network that has a decoder."""

    def reconstruct(self, iq):
        """Frames as the decoder rebuilds them, normalised: (N, frame_len, 2) → the same."""
        return self.network.reconstruct(iq)
