# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenMax (Bendale and Boult, *Towards Open Set Deep Networks*, CVPR 2016)."""

import numpy as np
from scipy.special import softmax
from scipy.stats import weibull_min

from .closed_set import named_right

MIN_TAIL = 3  # distances that a Weibull distribution can be fitted to


class OpenMax:
    """Logits of known classes to probabilities of these and of an unknown class.

    Each class has its mean activation vector μ_k and a Weibull distribution W_k of the largest distances
    ‖v − μ_k‖ among its correctly classified training frames (the paper's algorithm 1). A logit among the α
    largest is cut by the probability that a frame of its class lies that far out or nearer; what is
    cut off becomes the logit of the unknown class (algorithm 2).

    The weight of the i-th largest logit is the one of the authors' code, ω = 1 − (α − i + 1)/α · W(distance):
    the printed formula has the Weibull tail in place of the distribution function, which would reject what
    is near. The distributions start at 0 (the paper's τ).

    Args:
        alpha: α, number of largest logits that are revised; at most the number of classes
        tail: η, number of largest distances that a distribution is fitted to

    Attributes:
        means: (K, K) mean activation vectors
        shapes, scales: (K,) of the Weibull distributions, the paper's κ and λ

    Raises:
        ValueError: ``alpha`` is below 1 or ``tail`` below 3
    """

    def __init__(self, alpha=10, tail=20):
        if alpha < 1:
            raise ValueError(f"alpha is {alpha}, expected at least 1")
        if tail < MIN_TAIL:
            raise ValueError(f"tail is {tail}, expected at least {MIN_TAIL}")
        self.alpha, self.tail = alpha, tail

    def fit(self, logits, labels):
        """Means and distributions from training frames: logits (N, K), class indices (N,). Returns self.

        Raises:
            ValueError: a class has fewer than three correctly classified frames
        """
        logits, labels = np.asarray(logits, np.float64), np.asarray(labels)
        right = named_right(logits, labels)
        means, fits = [], []
        for k in range(logits.shape[1]):
            own = logits[right & (labels == k)]
            if len(own) < MIN_TAIL:
                raise ValueError(
                    f"class {k} has {len(own)} correctly classified frames, expected at least {MIN_TAIL}"
                )
            means.append(own.mean(0))
            distances = np.sort(np.linalg.norm(own - means[-1], axis=1))
            fits.append(weibull_min.fit(distances[-self.tail :], floc=0))
        self.means = np.stack(means)
        self.shapes, _, self.scales = np.array(fits).T
        return self

    def revised(self, logits):
        """Revised logits (N, K + 1) of logits (N, K); column 0 is the unknown class."""
        logits = np.asarray(logits, np.float64)
        distances = np.linalg.norm(logits[:, None] - self.means, axis=2)
        outside = weibull_min.cdf(distances, self.shapes, scale=self.scales)
        alpha = min(self.alpha, logits.shape[1])
        rank = np.argsort(np.argsort(-logits, axis=1, kind="stable"), axis=1)  # 0: the largest
        weights = 1 - np.maximum(alpha - rank, 0) / alpha * outside
        unknown = (logits * (1 - weights)).sum(1, keepdims=True)
        return np.concatenate([unknown, logits * weights], axis=1)

    def probabilities(self, logits):
        """Probabilities (N, K + 1) of logits (N, K); column 0 is the unknown class."""
        return softmax(self.revised(logits), axis=1)
