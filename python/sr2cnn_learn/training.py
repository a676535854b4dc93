# Copyright 2026 the gr-sr2cnn authors.
# SPDX-License-Identifier: GPL-3.0-or-later
"""Train a network and write its bundle: data file in, bundle out.

What happens in between is the preset's: see `trainers.best` and `trainers.paper`.
"""

import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from .atomic import replaceable, whole_file
from .attributes import MAX_FIT_FRAMES, MIN_FIT_FRAMES, fit_attributes
from .bundle import SCHEMA, Bundle, torch_device
from .datasets import load_dataset, split
from .datasets.arrays import file_sha256
from .discriminator import Discriminator
from .evaluation.metrics import open_set_metrics
from .names import check_name
from .trainers.best import BestRecipe, BestTrainer, LiteRecipe
from .trainers.paper import PaperRecipe, PaperTrainer
from .trainers.trainer import encode

SAMPLES_PER_SYMBOL = 8  # of every RadioML 2016 file
PRESETS = {"best": BestRecipe(), "lite": LiteRecipe(), "paper": PaperRecipe()}
TRAINERS = {BestRecipe: BestTrainer, LiteRecipe: BestTrainer, PaperRecipe: PaperTrainer}


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave: mean losses over its batches, closed-set accuracy on validation frames."""

    number: int
    loss: float
    cross_entropy: float
    center: float
    reconstruction: float | None
    validation_accuracy: float
    best: bool
    seconds: float


def _save_checkpoint(path, trainer, run):
    with whole_file(path) as file:
        torch.save(dict(run=run, **trainer.state()), file)


def _resume(path, trainer, run):
    """Take up a checkpoint of the same run; ValueError for one of another run."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        found = state["run"]
    except Exception as error:  # torch raises whatever its zip and pickle readers raise
        raise ValueError(f"{path}: not a checkpoint ({error}); delete it to start anew") from error
    for key, value in run.items():
        if found.get(key) != value:
            raise ValueError(
                f"{path}: checkpoint of another run, with {key} = {found.get(key)!r} instead of "
                f"{value!r}; delete it to start anew"
            )
    trainer.restore(state)


def _override(recipe, overrides):
    names = [field.name for field in fields(recipe)]
    for name in overrides:
        if name not in names:
            raise ValueError(
                f"overrides has {name!r}, expected a field of {type(recipe).__name__}: {', '.join(names)}"
            )
    return replace(recipe, **overrides)


def train(
    data,
    out,
    unknown=(),
    preset="best",
    epochs=None,
    snrs=None,
    background=None,
    seed=0,
    device="auto",
    decoder=False,
    name=None,
    provenance=None,
    on_epoch=None,
    on_batch=None,
    overrides=None,
    max_per_key=None,
    teacher=None,
):
    """Train on labelled frames and write a bundle.

    After each epoch a checkpoint is written to ``<out>.checkpoint``; called again with the same arguments
    (with ``"paper"``, ``epochs`` may differ), the training goes on where it stopped, with the same result.
    The checkpoint is deleted when the bundle is written.

    Args:
        data: file or folder, see `datasets.load_dataset`
        out: bundle to write
        unknown: names of classes held out whole
        preset: name in ``PRESETS``
        epochs: number of epochs, default the preset's
        snrs: SNR labels to use, default all in the file
        background: file or folder of classes that are trained along but are no targets (preset ``"best"``);
            none of them may be a class of ``data``
        seed: seed of split, weights, dropout and order
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:<n>"``
        decoder: store the decoder, too (half of a bundle's size)
        name: the bundle's name, default the stem of ``out``
        provenance: dict added to the card's provenance, e.g. the data set's recipe
        on_epoch: called with an ``Epoch`` after each
        on_batch: called with (epoch, number of epochs, batch, number of batches) after each batch
        overrides: dict of fields of the recipe that replace the preset's, e.g. ``{"center_weight": 0}``
        max_per_key: at most so many frames of each modulation and SNR of ``data``, default all
        teacher: bundle of the same classes whose logits the network learns to give (presets ``"best"`` and
            ``"lite"``), or None

    Returns:
        the card, its metrics measured on the test part

    Raises:
        ValueError: an argument or the data file is wrong; names it
        OSError: `out` cannot be written, or is no regular file
    """
    if preset not in PRESETS:
        raise ValueError(f"preset is {preset!r}, expected one of {', '.join(PRESETS)}")
    recipe = PRESETS[preset]
    if overrides:
        recipe = _override(recipe, overrides)
    if epochs is not None:
        recipe = replace(recipe, epochs=epochs)
    if recipe.epochs < 1:
        raise ValueError(f"epochs is {recipe.epochs}, expected at least 1")
    out = Path(out)
    if not out.parent.is_dir():
        raise ValueError(f"{out}: no folder {out.parent}")
    name = check_name(name or out.stem, "model name")
    replaceable(out)  # or fail now, not when all is done
    device = torch_device(device)

    dataset = load_dataset(data, snrs=snrs, max_per_key=max_per_key)
    parts = split(dataset, unknown, seed)
    classes = [m for m in dataset.modulations if m not in set(unknown)]
    if len(classes) < 2:
        raise ValueError(f"{data}: {len(classes)} known classes are left, expected at least 2")
    frames = np.ascontiguousarray(dataset.frames.transpose(0, 2, 1))  # (N, frame_len, 2)
    index = {label: k for k, label in enumerate(classes)}
    labels = np.array([index.get(label, -1) for label in dataset.labels])

    def tensors(part):
        return torch.from_numpy(frames[part]), torch.from_numpy(labels[part])

    run = dict(asdict(recipe), data_sha256=dataset.sha256, seed=seed, classes=classes)
    run.update(background_sha256=None, max_per_key=max_per_key)
    about = dict(data_sha256=dataset.sha256)
    if max_per_key is not None:
        about["max_per_key"] = max_per_key
    options = dict(n_classes=len(classes), frame_len=frames.shape[1])
    if background is not None:
        others = load_dataset(background, frame_len=frames.shape[1])
        options["background"] = _background(background, others, dataset.modulations)
        about.update(background=others.modulations, background_sha256=others.sha256)
        run["background_sha256"] = others.sha256
    if teacher is not None:
        options["teacher"], sha256 = _teacher(teacher, classes, frames.shape[1], device)
        about["teacher_sha256"] = run["teacher_sha256"] = sha256
    trainer_class = TRAINERS[type(recipe)]
    if trainer_class.epochs_are_free:
        del run["epochs"]
    else:
        options["n_frames"] = len(parts.train)
    trainer = trainer_class(recipe, seed, device, **options)
    checkpoint = out.with_name(out.name + ".checkpoint")
    if checkpoint.exists():
        _resume(checkpoint, trainer, run)
    while trainer.epoch < recipe.epochs:
        start = time.monotonic()
        mean_losses = trainer.run_epoch(*tensors(parts.train), on_batch)
        accuracy = trainer.accuracy(*tensors(parts.validation))
        best = trainer.keep_if_best(accuracy)
        _save_checkpoint(checkpoint, trainer, run)
        if on_epoch:
            seconds = time.monotonic() - start
            on_epoch(Epoch(trainer.epoch, *mean_losses, accuracy, best, seconds))

    network, semantics = trainer.finish(frames[parts.train], labels[parts.train], len(classes))
    seen = frames[parts.train]
    if background is not None:
        seen = np.concatenate([seen, options["background"][0].numpy()])
    attributes = None
    if len(seen) >= MIN_FIT_FRAMES:
        chosen = np.random.default_rng(seed).permutation(len(seen))[:MAX_FIT_FRAMES]
        semantics["attribute_weights"], attributes = fit_attributes(
            encode(network, seen[chosen]), seen[chosen] @ [1, 1j]
        )
    z = {name: encode(network, frames[part]) for name, part in vars(parts).items() if name != "train"}
    figures, parameters = _calibrate(
        trainer, network, classes, semantics, z, parts, dataset.labels, seed
    )
    card = dict(
        schema=SCHEMA,
        name=name,
        classes=classes,
        frame_len=frames.shape[1],
        dim=recipe.dim,
        samples_per_symbol=SAMPLES_PER_SYMBOL,
        thresholds=None,
        attributes=attributes,
        **parameters,
        provenance=dict(
            **about,
            snrs=np.unique(dataset.snrs).tolist(),
            unknown=sorted(unknown),
            seed=seed,
            recipe=asdict(recipe),
            best_epoch=trainer.best_epoch,
            torch=torch.__version__,
            metrics=figures,
            **(provenance or {}),
        ),
    )
    if hasattr(network, "without_decoder") and not decoder:
        network = network.without_decoder()
    Bundle.save(out, network, card, semantics, half=trainer.stores_half)
    checkpoint.unlink()
    return card


def _background(path, others, modulations):
    """Frames and labels of background classes as tensors; ValueError for one that is in the data set."""
    shared = sorted(set(others.modulations) & set(modulations))
    if shared:
        raise ValueError(f"{path}: background class {shared[0]!r} is a class of the data set, too")
    labels = np.searchsorted(others.modulations, others.labels)
    frames = np.ascontiguousarray(others.frames.transpose(0, 2, 1))
    return torch.from_numpy(frames), torch.from_numpy(labels)


def _teacher(model, classes, frame_len, device):
    """A bundle as a function from frames (N, L, 2) to logits, and its file's sha256."""
    bundle = Bundle.load(model, device)
    if (bundle.classes, bundle.frame_len) != (classes, frame_len):
        raise ValueError(
            f"teacher {bundle.path}: its classes or its frames of {bundle.frame_len} samples are not those "
            "that are trained on"
        )

    def logits(iq):
        return torch.from_numpy(bundle.classify(bundle.encode(iq.cpu().numpy()))).to(device)

    return logits, file_sha256(bundle.path)


@torch.no_grad()
def _closed_set_accuracy(network, z, labels, classes):
    named = network.classify(torch.from_numpy(z)).numpy().argmax(1)
    return float(np.mean(np.array(classes)[named] == labels))


def _calibrate(trainer, network, classes, semantics, z, parts, truth, seed):
    """Distance and λ1 from the validation part, then the figures of the test part: figures, parameters."""
    recipe = trainer.recipe
    options = dict(
        centers=semantics["centers"],
        variances=semantics["variances"],
        theta2=recipe.theta2,
        lambda2=recipe.lambda2,
        theta2_limit=recipe.theta2_limit,
        rival_support=recipe.rival_support,
        merge_separation=recipe.merge_separation,
    )

    def stream(known, unknown):
        """Known and unknown frames of a part in one random order."""
        order = np.random.default_rng(seed).permutation(len(z[known]) + len(z[unknown]))
        vectors = np.concatenate([z[known], z[unknown].reshape(-1, recipe.dim)])[order]
        indices = np.concatenate([getattr(parts, known), getattr(parts, unknown)])[order]
        return vectors, truth[indices]

    closed_set = {
        part: _closed_set_accuracy(network, z[part], truth[getattr(parts, part)], classes)
        for part in ("validation", "test")
    }
    chosen, admissible = trainer.calibrate(
        options,
        classes,
        stream("validation", "unknown_validation"),
        z["validation"],
        closed_set["validation"],
    )
    parameters = dict(
        chosen,
        theta2=recipe.theta2,
        lambda2=recipe.lambda2,
        theta2_limit=recipe.theta2_limit,
        rival_support=recipe.rival_support,
        merge_separation=recipe.merge_separation,
    )
    discriminator = Discriminator(**options, **chosen)
    vectors, labels = stream("test", "unknown_test")
    figures = open_set_metrics(labels, discriminator.predict(vectors), classes)
    unknown = ~np.isin(labels, classes)
    figures.update(
        closed_set_accuracy=closed_set["test"],
        auroc=float(roc_auc_score(unknown, discriminator.scores)) if unknown.any() else None,
        constraints_met=admissible,
    )
    return figures, parameters
