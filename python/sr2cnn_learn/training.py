# Copyright 2026 the gr-sr2cnn authors.
# SPDX-License-Identifier: GPL-3.0-or-later
"""Train a network and write its bundle: data file in, bundle out.

The ``paper`` preset follows Dong et al. (IEEE TSP 2021): Adam at 1e-3, batches of 256, the sum of
cross-entropy, center and reconstruction loss (Eq. 2) from one encoder pass a batch, class centers moved by
Algorithm 1. The epoch with the best closed-set validation accuracy is kept. Then the semantics of the known
classes are measured (Eq. 7), distance and λ1 are chosen on the validation part.
"""

import copy
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from . import losses
from .bundle import SCHEMA, Bundle, torch_device
from .calibration import choose_discriminator
from .datasets import load_dataset, split
from .discriminator import Discriminator
from .evaluation.metrics import open_set_metrics
from .nets.sr2cnn import SR2CNN
from .semantics import class_semantics

SAMPLES_PER_SYMBOL = 8  # of every RadioML 2016 file


@dataclass(frozen=True)
class Recipe:
    """All that decides how a network is trained, but for data and seed."""

    preset: str
    epochs: int
    batch_size: int = 256
    learning_rate: float = 1e-3
    cross_entropy_weight: float = 1.0
    center_weight: float = 0.06  # λ_ct; 0.03 in the released code's scale without the 1/2
    reconstruction_weight: float = 0.078  # λ_r; 10 in the released code's mean over 256 values
    reconstruction_norm: str = "l2"  # "l1" for the ablation of table 3
    center_rate: float = 0.5  # α of Algorithm 1
    dim: int = 256  # t
    dropout: float = 0.5
    conv_dropout: float = 0.1  # the paper names no rate; the released code's 0.5 learns far slower
    theta2: str = "median"
    lambda2: float = 1.0


PRESETS = {"paper": Recipe(preset="paper", epochs=250)}


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave: mean losses over its batches, closed-set accuracy on validation frames."""

    number: int
    loss: float
    cross_entropy: float
    center: float
    reconstruction: float
    validation_accuracy: float
    best: bool
    seconds: float


class _Trainer:
    """The state that an epoch changes, and that a checkpoint holds."""

    def __init__(self, recipe, n_classes, frame_len, seed, device):
        torch.manual_seed(seed)
        self.recipe, self.seed, self.device = recipe, seed, device
        network = SR2CNN(n_classes, frame_len, recipe.dim, recipe.dropout, recipe.conv_dropout)
        self.network = network.to(device)
        self.centers = losses.ClassCenters(n_classes, recipe.dim, recipe.center_rate, device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=recipe.learning_rate)
        self.epoch = 0
        self.best_accuracy = -1.0
        self.best_epoch = 0
        self.best_weights = None

    def run_epoch(self, frames, labels, on_batch):
        """One pass over the frames in an order of its own; mean of total and the three losses."""
        self.epoch += 1
        torch.manual_seed(self.seed + 1_000_003 * self.epoch)  # a resumed run repeats it exactly
        self.network.train()
        sums, recipe = torch.zeros(4, dtype=torch.float64), self.recipe
        batches = torch.randperm(len(frames)).split(recipe.batch_size)
        for i, batch in enumerate(batches):
            if len(batch) < 2:  # batch norm needs two
                continue
            x, y = frames[batch].to(self.device), labels[batch].to(self.device)
            z, logits, reconstruction, target = self.network.training_outputs(x)
            parts = (
                losses.cross_entropy_loss(logits, y),
                losses.center_loss(z, y, self.centers.centers),
                losses.reconstruction_loss(reconstruction, target, recipe.reconstruction_norm),
            )
            total = (
                recipe.cross_entropy_weight * parts[0]
                + recipe.center_weight * parts[1]
                + recipe.reconstruction_weight * parts[2]
            )
            self.optimizer.zero_grad(set_to_none=True)
            total.backward()
            self.optimizer.step()
            self.centers.update(z, y)
            sums += torch.tensor([total.item(), *(p.item() for p in parts)]) * len(batch)
            if on_batch:
                on_batch(self.epoch, i + 1, len(batches))
        return (sums / len(frames)).tolist()

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
        # Without cross-entropy the classifier learns nothing that could tell epochs apart: keep the last.
        if self.recipe.cross_entropy_weight and accuracy <= self.best_accuracy:
            return False
        self.best_accuracy, self.best_epoch = accuracy, self.epoch
        self.best_weights = copy.deepcopy(self.network.state_dict())
        return True

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


def _save_checkpoint(path, trainer, run):
    temporary = path.with_name(path.name + ".tmp")
    torch.save(dict(run=run, **trainer.state()), temporary)
    temporary.replace(path)


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


def _round_to_half(network):
    """Round weights as the bundle will store them, so that semantics and figures are the bundle's own."""
    for parameter in network.parameters():
        if parameter.dim() > 1:
            parameter.data = parameter.data.half().float()


def _override(recipe, overrides):
    names = [field.name for field in fields(recipe)]
    for name in overrides:
        if name not in names:
            raise ValueError(f"overrides has {name!r}, expected a field of Recipe: {', '.join(names)}")
    return replace(recipe, **overrides)


def train(
    data,
    out,
    unknown=(),
    preset="paper",
    epochs=None,
    snrs=None,
    seed=0,
    device="auto",
    decoder=False,
    name=None,
    provenance=None,
    on_epoch=None,
    on_batch=None,
    overrides=None,
):
    """Train on labelled frames and write a bundle.

    After each epoch a checkpoint is written to ``<out>.checkpoint``; called again with the same arguments
    (``epochs`` may differ), the training goes on where it stopped, with the same result. The checkpoint
    is deleted when the bundle is written.

    Args:
        data: file or folder, see `datasets.load_dataset`
        out: bundle to write
        unknown: names of classes held out whole
        preset: name in ``PRESETS``
        epochs: number of epochs, default the preset's
        snrs: SNR labels to use, default all in the file
        seed: seed of split, weights, dropout and order
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:<n>"``
        decoder: store the decoder, too (half of a bundle's size)
        name: the bundle's name, default the stem of ``out``
        provenance: dict added to the card's provenance, e.g. the data set's recipe
        on_epoch: called with an ``Epoch`` after each
        on_batch: called with (epoch, batch, number of batches) after each batch
        overrides: dict of ``Recipe`` fields that replace the preset's, e.g. ``{"center_weight": 0}``

    Returns:
        the card, its metrics measured on the test part

    Raises:
        ValueError: an argument or the data file is wrong; names it
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
    device = torch_device(device)

    dataset = load_dataset(data, snrs=snrs)
    parts = split(dataset, unknown, seed)
    classes = [m for m in dataset.modulations if m not in set(unknown)]
    if len(classes) < 2:
        raise ValueError(f"{data}: {len(classes)} known classes are left, expected at least 2")
    frames = np.ascontiguousarray(dataset.frames.transpose(0, 2, 1))  # (N, frame_len, 2)
    index = {label: k for k, label in enumerate(classes)}
    labels = np.array([index.get(label, -1) for label in dataset.labels])

    def tensors(part):
        return torch.from_numpy(frames[part]), torch.from_numpy(labels[part])

    trainer = _Trainer(recipe, len(classes), frames.shape[1], seed, device)
    run = dict(asdict(recipe), data_sha256=dataset.sha256, seed=seed, classes=classes)
    del run["epochs"]
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

    trainer.network.load_state_dict(trainer.best_weights)
    _round_to_half(trainer.network)
    network = trainer.network.cpu().eval()
    z = {name: _encode(network, frames[part]) for name, part in vars(parts).items()}
    semantics = class_semantics(z["train"], labels[parts.train], len(classes))
    closed_set = {
        part: _closed_set_accuracy(network, z[part], labels[getattr(parts, part)])
        for part in ("validation", "test")
    }
    figures, parameters = _calibrate(
        recipe, classes, semantics, closed_set, z, parts, dataset.labels, seed
    )
    card = dict(
        schema=SCHEMA,
        name=name or out.stem,
        classes=classes,
        frame_len=frames.shape[1],
        dim=recipe.dim,
        samples_per_symbol=SAMPLES_PER_SYMBOL,
        thresholds=None,
        **parameters,
        provenance=dict(
            data_sha256=dataset.sha256,
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
    Bundle.save(out, network if decoder else network.without_decoder(), card, semantics, half=True)
    checkpoint.unlink()
    return card


@torch.no_grad()
def _encode(network, frames):
    batches = torch.from_numpy(frames).split(256)
    return np.concatenate([network(batch).numpy() for batch in batches] or [np.empty((0, 0))])


@torch.no_grad()
def _closed_set_accuracy(network, z, labels):
    return float(np.mean(network.classify(torch.from_numpy(z)).numpy().argmax(1) == labels))


def _calibrate(recipe, classes, semantics, closed_set, z, parts, truth, seed):
    """Distance and λ1 from the validation part, then the figures of the test part: figures, parameters."""
    options = dict(
        centers=semantics["centers"],
        variances=semantics["variances"],
        theta2=recipe.theta2,
        lambda2=recipe.lambda2,
    )

    def stream(known, unknown):
        """Known and unknown frames of a part in one random order."""
        order = np.random.default_rng(seed).permutation(len(z[known]) + len(z[unknown]))
        vectors = np.concatenate([z[known], z[unknown].reshape(-1, recipe.dim)])[order]
        indices = np.concatenate([getattr(parts, known), getattr(parts, unknown)])[order]
        return vectors, truth[indices]

    chosen, admissible = choose_discriminator(
        options, classes, *stream("validation", "unknown_validation"), closed_set["validation"]
    )
    parameters = dict(chosen, theta2=recipe.theta2, lambda2=recipe.lambda2)
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
