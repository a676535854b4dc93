# SPDX-License-Identifier: GPL-3.0-or-later
"""From a trained network to a bundle: semantics, attributes, calibration, figures, card."""

from dataclasses import asdict

import numpy as np
import torch
from sklearn.covariance import ledoit_wolf
from sklearn.metrics import roc_auc_score

from ..attributes import MAX_FIT_FRAMES, MIN_FIT_FRAMES, fit_attributes
from ..bundle import Bundle
from ..calibration import choose_discriminator, lambda1_for_tkr
from ..card import SCHEMA
from ..discriminator import Discriminator
from ..discriminator_parameters import DiscriminatorParameters
from ..evaluation.closed_set import closed_set_accuracy
from ..evaluation.metrics import open_set_metrics
from ..evaluation.stream import mixed_stream
from ..iq import as_complex
from ..semantics import class_semantics

ENCODED = 256  # frames at a time


@torch.no_grad()
def encode(network, frames):
    """Semantic vectors of an array of frames (N, L, 2): float32 (N, dim)."""
    batches = torch.from_numpy(frames).split(ENCODED)
    return np.concatenate([network(batch).numpy() for batch in batches] or [np.empty((0, 0))])


def finish(learner, prepared, out, name, decoder=False, provenance=None):
    """Measure a trained network and write its bundle.

    Args:
        learner: `fit.Learner`
        prepared: `prepare.Prepared`
        out: Path of the bundle
        name: the bundle's
        decoder: store the decoder, too
        provenance: dict added to the card's provenance

    Returns:
        the card, its metrics measured on the test part
    """
    recipe, network = learner.recipe, learner.best_network()
    train = prepared.parts.train
    _settle(network, recipe, prepared.frames[train], prepared.labels[train])
    if recipe.stores_half:
        _round_to_half(network)
    semantics = class_semantics(
        encode(network, prepared.frames[train]), prepared.labels[train], len(prepared.classes)
    )
    attributes = _attributes(network, prepared, semantics)
    figures, parameters = _calibrate(network, recipe, prepared, semantics)
    if hasattr(network, "without_decoder") and not decoder:
        network = network.without_decoder()
    card = dict(
        schema=SCHEMA,
        name=name,
        classes=prepared.classes,
        frame_len=prepared.frames.shape[1],
        dim=semantics["centers"].shape[1],
        samples_per_symbol=prepared.samples_per_symbol,
        network={"name": network.network_name, "arguments": learner.arguments},
        input=dict(
            kind="iq",
            frame_len=prepared.frames.shape[1],
            normalisation=getattr(network, "normalisation", None),
        ),
        thresholds=None,
        attributes=attributes,
        **parameters,
        provenance=dict(
            **prepared.about,
            snrs=np.unique(prepared.dataset.snrs).tolist(),
            unknown=prepared.unknown,
            seed=prepared.seed,
            recipe=asdict(recipe),
            best_epoch=learner.best_epoch,
            torch=torch.__version__,
            metrics=figures,
            **(provenance or {}),
        ),
    )
    Bundle.save(out, network, card, semantics, half=recipe.stores_half)
    return card


def _settle(network, recipe, frames, labels):
    """Fix the axes of the semantic space, where the network can: origin, whitening, axis of evidence.

    Whitened by the known classes' common covariance (shrunk; Ledoit and Wolf, 2004), so that the Euclidean
    distance in it is Mahalanobis' (Lee et al., NeurIPS 2018).
    """
    if not hasattr(network, "settle"):
        return
    embedding = encode(network, frames)[:, : network.embedding_dim].astype(np.float64)
    centers = class_semantics(embedding, labels, labels.max() + 1)["centers"]
    basis = np.eye(network.embedding_dim)
    if recipe.whiten:
        covariance, _ = ledoit_wolf(embedding - centers[labels], assume_centered=True)
        variances, directions = np.linalg.eigh(covariance)
        basis = directions / np.sqrt(variances)
    network.settle(centers.mean(axis=0), basis)


def _round_to_half(network):
    """Round weights as the bundle will store them, so that semantics and figures are the bundle's own."""
    for parameter in network.parameters():
        if parameter.dim() > 1:
            parameter.data = parameter.data.half().float()


def _attributes(network, prepared, semantics):
    """Fit the attributes of a signal to its semantic vector: weights into the semantics; names and R²."""
    seen = prepared.frames[prepared.parts.train]
    if prepared.background is not None:
        seen = np.concatenate([seen, prepared.background[0].numpy()])
    if len(seen) < MIN_FIT_FRAMES:
        return None
    chosen = np.random.default_rng(prepared.seed).permutation(len(seen))[:MAX_FIT_FRAMES]
    z = encode(network, seen[chosen])
    semantics["attribute_weights"], attributes = fit_attributes(z, as_complex(seen[chosen]))
    return attributes


@torch.no_grad()
def _closed_set_accuracy(network, z, labels):
    return closed_set_accuracy(network.classify(torch.from_numpy(z)).numpy(), labels)


def _calibrate(network, recipe, prepared, semantics):
    """Distance and λ1 from the validation part, then the figures of the test part: figures, parameters."""
    parts, truth, classes = prepared.parts, prepared.dataset.labels, prepared.classes
    z = {
        part: encode(network, prepared.frames[indices])
        for part, indices in vars(parts).items()
        if part not in ("train", "unlabelled")
    }
    fixed = recipe.discriminator()
    options = dict(centers=semantics["centers"], variances=semantics["variances"], **fixed)

    def stream(known, unknown):
        indices = mixed_stream(getattr(parts, known), getattr(parts, unknown), prepared.seed)
        return mixed_stream(z[known], z[unknown], prepared.seed), truth[indices]

    closed_set = {
        part: _closed_set_accuracy(network, z[part], prepared.labels[getattr(parts, part)])
        for part in ("validation", "test")
    }
    if recipe.tkr is None:
        validation = stream("validation", "unknown_validation")
        chosen, admissible = choose_discriminator(options, classes, *validation, closed_set["validation"])
    else:
        chosen, admissible = dict(distance="euclidean"), None
        chosen["lambda1"] = lambda1_for_tkr(dict(options, **chosen), z["validation"], recipe.tkr)
    discriminator = Discriminator(**options, **chosen)
    vectors, labels = stream("test", "unknown_test")
    figures = open_set_metrics(labels, discriminator.predict(vectors), classes)
    unknown = ~np.isin(labels, classes)
    figures.update(
        closed_set_accuracy=closed_set["test"],
        auroc=float(roc_auc_score(unknown, discriminator.scores)) if unknown.any() else None,
        constraints_met=admissible,
    )
    return figures, DiscriminatorParameters(**chosen, **fixed).in_card()
