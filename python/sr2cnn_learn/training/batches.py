# SPDX-License-Identifier: GPL-3.0-or-later
"""The batches of an epoch: known frames in a random order and, where they are trained along, others."""

import torch

FEWEST = 2  # frames of a batch: batch norm needs two


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


class Batches:
    """Draws the batches of one epoch after the other from torch's random numbers.

    Args:
        recipe: `recipes.Recipe`
        frames: float32 (N, L, 2)
        labels: int64 (N,), 0 … K−1
        background: frames and labels (0 … B−1) of background classes, which are K … K+B−1 in a batch, or None
        n_classes: K

    Attributes:
        n: batches of an epoch
    """

    def __init__(self, recipe, frames, labels, background, n_classes):
        self._recipe, self._frames, self._labels = recipe, frames, labels
        self._background, self._n_classes = background, n_classes
        share = 0.0 if background is None else recipe.background_share
        self._from_background = round(share * recipe.batch_size)
        self._from_known = recipe.batch_size - self._from_background
        whole, rest = divmod(len(frames), self._from_known)
        self.n = whole + (rest >= FEWEST)
        if recipe.whole_batches:
            self.n = max(whole, 1)

    def epoch(self):
        """Yields frames (N, L, 2) and labels (N,)."""
        order = torch.randperm(len(self._frames)).split(self._from_known)[: self.n]
        if self._background is not None:
            others, other_labels = self._background
            drawn = torch.randint(0, len(others), (len(order), self._from_background))
        for i, batch in enumerate(order):
            x, y = self._frames[batch], self._labels[batch]
            if self._background is not None:
                x = torch.cat([x, others[drawn[i]]])
                y = torch.cat([y, self._n_classes + other_labels[drawn[i]]])
            yield (augment(x) if self._recipe.augment else x), y
