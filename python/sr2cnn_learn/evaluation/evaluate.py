# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluation of a bundle on a data set."""

import numpy as np

from ..datasets import split
from ..discriminator import Discriminator, resolve
from .closed_set import class_indices, closed_set_accuracy, named_right
from .metrics import open_set_metrics
from .separation import discovery_metrics, discrimination_interval, score_metrics

#: Figures of ``open_set_metrics`` that depend on the order of the stream.
OF_DISCOVERY = ("unknown_precision", "new_classes", "isotopic")
#: Figures that are also given for the ids as they were emitted, before later merges.
EMITTED = ("hungarian_accuracy", "major_classes")


def untrained_frames(bundle, dataset, max_per_key=None):
    """Indices of the frames that the bundle may be judged by, and what they are.

    Where the card says that the bundle was trained on this very file (by its sha256), these are the test
    frames of that training's split, known and unknown; else all frames.

    Args:
        bundle: ``Bundle``
        dataset: ``Dataset``
        max_per_key: with which it was loaded

    Raises:
        ValueError: the training took another number of frames of each key, so had another split
    """
    provenance = bundle.card.get("provenance") or {}
    if provenance.get("data_sha256") != dataset.sha256:
        return np.arange(len(dataset)), "all frames"
    most = provenance.get("max_per_key")
    if most != max_per_key:
        raise ValueError(
            f"max_per_key is {max_per_key}, but {bundle.path} was trained on this very data with "
            f"{most}: expected the same, to know which frames it has seen"
        )
    parts = split(dataset, provenance["unknown"], provenance["seed"])
    chosen = np.concatenate([parts.test, parts.unknown_test])
    return np.sort(chosen), "test part of the training's own split"


def bursts(z, labels, snrs, vote):
    """Mean semantic vectors of groups of frames, each group standing for one emission.

    A group is ``vote`` consecutive frames of one (label, SNR); what is left over at the end of a key is
    dropped. In files of RadioML's kind consecutive frames of a key mostly come from one pass of one
    transmitter and channel. Of a part of a split the frames lie further apart, so that a group may span
    several passes.

    Args:
        z: (N, dim) semantic vectors in the file's order
        labels, snrs: (N,) truth
        vote: frames a group, M

    Returns:
        (G, dim) means in the type of ``z``, (G,) labels; key by key in sorted order

    Raises:
        ValueError: ``vote`` is below 1, or no key has so many frames
    """
    if vote < 1:
        raise ValueError(f"vote is {vote}, expected at least 1")
    labels = np.asarray(labels)
    _, key_of = np.unique(np.rec.fromarrays([labels, snrs]), return_inverse=True)
    groups = [
        group
        for key in range(key_of.max(initial=-1) + 1)
        for group in _whole_groups(np.flatnonzero(key_of == key), vote)
    ]
    if not groups:
        raise ValueError(f"vote is {vote}, but no (label, SNR) has so many frames")
    groups = np.stack(groups)
    return z[groups].mean(axis=1), labels[groups[:, 0]]


def _whole_groups(indices, size):
    return indices[: len(indices) // size * size].reshape(-1, size)


def evaluate(bundle, dataset, indices, orders=10, seed=0, progress=None, vote=1):
    """All figures of a bundle on frames of a data set.

    Args:
        bundle: a loaded ``Bundle``
        dataset: ``Dataset``
        indices: frames to use
        orders: number of random stream orders
        seed: of the orders
        progress: called with 1 after each order; with ``vote`` above 1 there are twice as many
        vote: above 1, figures at burst level, too (see ``bursts``)

    Returns:
        dict of ``frames``, ``unknown_frames``, ``orders`` and the figures of ``figures_of``. With ``vote``
        above 1 also ``burst``: dict of ``vote``, ``bursts``, ``unknown_bursts`` and the same figures,
        decided on the mean vector of each burst with the bundle's thresholds for frames

    Raises:
        ValueError: ``orders`` or ``vote`` is below 1, there are no frames, or no burst is whole
    """
    for name, value in (("orders", orders), ("vote", vote)):
        if value < 1:
            raise ValueError(f"{name} is {value}, expected at least 1")
    if not len(indices):
        raise ValueError("no frames to evaluate on")
    indices = np.sort(indices)
    truth = dataset.labels[indices]
    z = bundle.encode(dataset.frames[indices])
    pooled = bursts(z, truth, dataset.snrs[indices], vote) if vote > 1 else None

    def unknown(labels):
        return int(np.sum(~np.isin(labels, bundle.classes)))

    figures = dict(
        frames=len(z),
        unknown_frames=unknown(truth),
        orders=orders,
        **figures_of(bundle, z, truth, orders, seed, progress),
    )
    if pooled is not None:
        figures["burst"] = dict(
            vote=vote,
            bursts=len(pooled[1]),
            unknown_bursts=unknown(pooled[1]),
            **figures_of(bundle, *pooled, orders, seed, progress),
        )
    return figures


def figures_of(bundle, z, truth, orders, seed, progress):
    """Figures of semantic vectors whose truth is known.

    Its score, d1/Θ1, does not depend on the order of the stream. Which class is discovered when does and, with
    ``rival_support``, whether a vector is known once there are rivals: such figures are measured in several
    random orders.

    Args:
        bundle, orders, seed, progress: see ``evaluate``
        z: (N, dim) semantic vectors
        truth: (N,) labels

    Returns:
        dict of ``upper_bound`` (UB: closed-set accuracy on the known classes, nothing rejected),
        ``accuracy_per_class`` (own name given, of each known class) and the figures of
        ``open_set_metrics``, means over the orders; the figures of ``score_metrics``,
        ``discrimination_interval`` (None with thresholds per class); and ``discovery``, for each figure
        of ``discovery_metrics`` and ``OF_DISCOVERY`` its ``mean`` and ``std`` over the orders. A frame
        counts for the class that its id's is part of at the end of the stream;
        ``hungarian_accuracy_as_emitted`` and ``major_classes_as_emitted`` take ids as they came
    """
    classes = np.array(bundle.classes)
    unknown = ~np.isin(truth, classes)
    true, logits = class_indices(truth, bundle.classes), bundle.classify(z)

    _, scores = Discriminator(**bundle.discriminator_options()).nearest_known(z)

    rng = np.random.default_rng(seed)
    runs, open_set, per_class = [], [], []
    for _ in range(orders):
        order = rng.permutation(len(z))
        discriminator = Discriminator(**bundle.discriminator_options())
        ids = np.empty(len(z), np.int64)
        ids[order] = discriminator.predict(z[order])
        emitted = discovery_metrics(truth[unknown], ids[unknown])
        ids = resolve(ids, discriminator.merged)
        metrics = open_set_metrics(truth, ids, bundle.classes)
        found = discovery_metrics(truth[unknown], ids[unknown])
        for key in EMITTED:
            found[f"{key}_as_emitted"] = emitted[key]
        found.update({key: metrics.pop(key) for key in OF_DISCOVERY})
        runs.append(found)
        open_set.append(metrics)
        named = np.where(ids >= 0, classes[np.maximum(ids, 0)], "")
        per_class.append({str(c): np.mean(named[truth == c] == c) for c in classes if (truth == c).any()})
        if progress:
            progress(1)

    return dict(
        upper_bound=closed_set_accuracy(logits, true),
        accuracy_per_class=_means(per_class),
        **_means(open_set),
        **score_metrics(scores, unknown, named_right(logits, true)),
        discrimination_interval=(
            discrimination_interval(scores * bundle.lambda1, unknown) if bundle.thresholds is None else None
        ),
        discovery={key: _spread([run[key] for run in runs]) for key in runs[0]},
    )


def _means(runs):
    """The mean of each figure over runs; None where a run has none."""
    spreads = {key: _spread([run[key] for run in runs]) for key in runs[0]}
    return {key: spread and spread["mean"] for key, spread in spreads.items()}


def _spread(values):
    if None in values:
        return None
    return dict(mean=float(np.mean(values)), std=float(np.std(values)))
