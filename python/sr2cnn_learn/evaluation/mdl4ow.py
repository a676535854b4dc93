# SPDX-License-Identifier: GPL-3.0-or-later
"""MDL4OW (Liu, Shi and Zhang, *Few-Shot Hyperspectral Image Classification With Unknown Classes Using
Multitask Deep Learning*, IEEE TGRS 2020)."""

import numpy as np
from scipy.stats import genpareto

MIN_TAIL = 3  # excesses that a distribution can be fitted to


def reconstruction_losses(reconstruction, frames):
    """ℓ = Σ |x̃ − x| of each frame: (N, L, 2) and (N, L, 2) → (N,)."""
    return np.abs(np.asarray(reconstruction) - np.asarray(frames)).sum(axis=(1, 2))


class MDL4OW:
    """How extreme a frame's reconstruction loss is among those of known frames.

    A network that classifies and reconstructs at once rebuilds badly what it was not trained on. The
    losses ℓ above a threshold w follow a generalised Pareto distribution, G(ℓ) = 1 − (1 + ζ (ℓ − w)/μ)^(−1/ζ)
    with shape ζ and scale μ; below w the observed losses themselves are the distribution.

    Args:
        tail: number of largest losses that G is fitted to

    Attributes:
        thresholds, shapes, scales: w, ζ and μ: (1,), or (K,) with one distribution a class

    Raises:
        ValueError: ``tail`` is below 3
    """

    def __init__(self, tail=20):
        if tail < MIN_TAIL:
            raise ValueError(f"tail is {tail}, expected at least {MIN_TAIL}")
        self.tail = tail

    def fit(self, losses, labels=None):
        """Fit to the losses of known training frames. Returns self.

        Args:
            losses: (N,) reconstruction losses
            labels: (N,) class indices 0 … K−1 for one distribution a class (the paper's MDL4OW/C), None
                for one in all

        Raises:
            ValueError: a class has no more frames than three
        """
        losses = np.asarray(losses, np.float64)
        labels = np.zeros(len(losses), int) if labels is None else np.asarray(labels)
        self._bodies, fits = [], []
        for k in range(labels.max() + 1):
            own = np.sort(losses[labels == k])
            if len(own) <= MIN_TAIL:
                raise ValueError(f"class {k} has {len(own)} frames, expected more than {MIN_TAIL}")
            n_tail = min(self.tail, len(own) - 1)
            threshold = own[-n_tail - 1]
            shape, _, scale = genpareto.fit(own[-n_tail:] - threshold, floc=0)
            fits.append((threshold, shape, scale))
            self._bodies.append(own)
        self.thresholds, self.shapes, self.scales = np.array(fits).T
        return self

    def scores(self, losses, labels=None):
        """Share of known frames with a smaller loss, 0 to 1; large is strange.

        Args:
            losses: (N,)
            labels: (N,) predicted class indices, where ``fit`` had labels
        """
        losses = np.asarray(losses, np.float64)
        labels = np.zeros(len(losses), int) if labels is None else np.asarray(labels)
        scores = np.empty(len(losses))
        for k, body in enumerate(self._bodies):
            of_class = labels == k
            own = losses[of_class]
            above = genpareto.cdf(own - self.thresholds[k], self.shapes[k], scale=self.scales[k])
            share = np.mean(body > self.thresholds[k])
            within = np.searchsorted(body, own) / len(body)
            scores[of_class] = np.where(own > self.thresholds[k], 1 - share * (1 - above), within)
        return scores
