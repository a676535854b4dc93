# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluation of a bundle on a data set."""

import numpy as np

from ..datasets import split
from ..discriminator import Discriminator
from .metrics import open_set_metrics
from .separation import discovery_metrics, discrimination_interval, score_metrics

#: Figures of ``open_set_metrics`` that depend on the order of the stream.
OF_DISCOVERY = ("unknown_precision", "new_classes", "isotopic")


def untrained_frames(bundle, dataset):
    """Indices of the frames that the bundle may be judged by, and what they are.

    Where the card says that the bundle was trained on this very file (by its sha256), these are the test
    frames of that training's split, known and unknown; else all frames.
    """
    provenance = bundle.card.get("provenance") or {}
    if provenance.get("data_sha256") != dataset.sha256:
        return np.arange(len(dataset)), "all frames"
    parts = split(dataset, provenance["unknown"], provenance["seed"])
    chosen = np.concatenate([parts.test, parts.unknown_test])
    return np.sort(chosen), "test part of the training's own split"


def evaluate(bundle, dataset, indices, orders=10, seed=0, progress=None):
    """All figures of a bundle on frames of a data set.

    Whether a frame is known, and its score, does not depend on the order of the stream; which class is
    discovered when does, so the figures of discovery are measured in several random orders.

    Args:
        bundle: a loaded ``Bundle``
        dataset: ``Dataset``
        indices: frames to use
        orders: number of random stream orders
        seed: of the orders
        progress: called with 1 after each order

    Returns:
        dict of ``frames``, ``upper_bound`` (UB: closed-set accuracy on the known frames, nothing
        rejected), ``accuracy_per_class`` (own name given, of each known class), the figures of
        ``open_set_metrics`` and ``score_metrics``,
        ``discrimination_interval`` (None with thresholds per class); and ``discovery``, for each
        figure of ``discovery_metrics`` and ``OF_DISCOVERY`` its ``mean`` and ``std`` over the orders

    Raises:
        ValueError: ``orders`` is below 1, or there are no frames
    """
    if orders < 1:
        raise ValueError(f"orders is {orders}, expected at least 1")
    if not len(indices):
        raise ValueError("no frames to evaluate on")
    z = bundle.encode(dataset.frames[indices].transpose(0, 2, 1))
    truth = dataset.labels[indices]
    classes = np.array(bundle.classes)
    unknown = ~np.isin(truth, classes)
    right = classes[bundle.classify(z).argmax(1)] == truth

    rng = np.random.default_rng(seed)
    runs = []
    for _ in range(orders):
        order = rng.permutation(len(z))
        discriminator = Discriminator(**bundle.discriminator_options())
        ids = np.empty(len(z), np.int64)
        ids[order] = discriminator.predict(z[order])
        scores = np.empty(len(z))
        scores[order] = discriminator.scores
        metrics = open_set_metrics(truth, ids, bundle.classes)
        found = discovery_metrics(truth[unknown], ids[unknown])
        found.update({key: metrics.pop(key) for key in OF_DISCOVERY})
        runs.append(found)
        if progress:
            progress(1)

    named = np.where(ids >= 0, classes[np.maximum(ids, 0)], "")
    return dict(
        frames=len(z),
        unknown_frames=int(unknown.sum()),
        upper_bound=float(right[~unknown].mean()) if (~unknown).any() else None,
        accuracy_per_class={
            str(name): float(np.mean(named[truth == name] == name))
            for name in classes
            if (truth == name).any()
        },
        **metrics,
        **score_metrics(scores, unknown, right),
        discrimination_interval=(
            discrimination_interval(scores * bundle.lambda1, unknown)
            if bundle.thresholds is None
            else None
        ),
        orders=orders,
        discovery={key: _spread([run[key] for run in runs]) for key in runs[0]},
    )


def _spread(values):
    if None in values:
        return None
    return dict(mean=float(np.mean(values)), std=float(np.std(values)))
