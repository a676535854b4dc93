# SPDX-License-Identifier: GPL-3.0-or-later
"""What a training learns from: data set, split, background classes, teacher."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..bundle import Bundle
from ..datasets import HELD_OUT, UNLABELLED, file_sha256, load_dataset, split
from ..datasets.reader import check_samples_per_symbol
from ..evaluation.closed_set import class_indices


@dataclass(frozen=True)
class TrainingData:
    """Which frames are trained on.

    Attributes:
        path: file or folder, see `datasets.load_dataset`
        unknown: names of classes held out whole
        snrs: SNR labels to use, default all in the file
        max_per_key: at most so many frames of each modulation and SNR, default all
        samples_per_symbol: of the data, default what it says itself
        unlabelled: share of the training frames that lose their labels, see `datasets.split`
        background: file or folder of classes that are trained along but are no targets; none of them may be a
            class of ``path``; not every recipe takes them
        teacher: bundle of the same classes whose logits the network learns to give; not every recipe takes one
        seed: of the split, and of weights, dropout and order
    """

    path: str | Path
    unknown: tuple = ()
    snrs: tuple | None = None
    max_per_key: int | None = None
    samples_per_symbol: float | None = None
    unlabelled: float = 0.0
    background: str | Path | None = None
    teacher: str | Path | None = None
    seed: int = 0


@dataclass
class Prepared:
    """Frames as a training needs them.

    Attributes:
        dataset: `datasets.Dataset`
        parts: `datasets.Split`
        classes: names of the known classes
        unknown: names of those held out, sorted
        seed: see `TrainingData`
        labels: int64 (N,), indices of known classes, `datasets.UNLABELLED` or `datasets.HELD_OUT`
        samples_per_symbol: of the data
        background: frames (M, frame_len, 2) and labels (M,) of background classes as tensors, or None
        n_background: number of background classes
        teacher: function from frames (N, L, 2) to logits (N, K), or None
        about: dict, what the card says of it
        run: dict, what tells a training from others, but for its recipe
    """

    dataset: Any
    parts: Any
    classes: list
    unknown: list
    seed: int
    labels: np.ndarray
    samples_per_symbol: float
    background: tuple | None = None
    n_background: int = 0
    teacher: Any = None
    about: dict = field(default_factory=dict)
    run: dict = field(default_factory=dict)

    @property
    def frames(self):
        """float32 (N, frame_len, 2), of the data set."""
        return self.dataset.frames

    def tensors(self, part):
        """Frames and labels of a part of the split, by its name; no objective of today takes ``"unlabelled"``."""
        indices = getattr(self.parts, part)
        return torch.from_numpy(self.frames[indices]), torch.from_numpy(self.labels[indices])


def prepare(data, recipe, device):
    """Read and split the data.

    Args:
        data: `TrainingData`
        recipe: `recipes.Recipe`
        device: torch device, of the teacher

    Returns:
        `Prepared`

    Raises:
        FileNotFoundError, ValueError: a file or an argument is wrong; names it
    """
    _check_company(data, recipe)
    dataset = load_dataset(data.path, snrs=data.snrs, max_per_key=data.max_per_key)
    samples_per_symbol = _samples_per_symbol(data, dataset)
    parts = split(dataset, data.unknown, data.seed, unlabelled=data.unlabelled)
    classes = [m for m in dataset.modulations if m not in set(data.unknown)]
    if len(classes) < 2:
        raise ValueError(f"{data.path}: {len(classes)} known classes are left, expected at least 2")
    labels = class_indices(dataset.labels, classes)
    labels[labels < 0] = HELD_OUT
    labels[parts.unlabelled] = UNLABELLED
    prepared = Prepared(dataset, parts, classes, sorted(data.unknown), data.seed, labels, samples_per_symbol)
    frame_len = dataset.frames.shape[1]
    prepared.about["data_sha256"] = dataset.sha256
    if data.max_per_key is not None:
        prepared.about["max_per_key"] = data.max_per_key
    if data.unlabelled:
        prepared.about["unlabelled"] = data.unlabelled
    run = prepared.run
    run.update(data_sha256=dataset.sha256, seed=data.seed, classes=classes)
    run.update(background_sha256=None, max_per_key=data.max_per_key, unlabelled=data.unlabelled or None)
    if data.background is not None:
        others = load_dataset(data.background, frame_len=frame_len)
        prepared.background = _background(data.background, others, dataset.modulations)
        prepared.n_background = len(others.modulations)
        prepared.about.update(background=others.modulations, background_sha256=others.sha256)
        run["background_sha256"] = others.sha256
    if data.teacher is not None:
        prepared.teacher, sha256 = _teacher(data.teacher, classes, frame_len, device)
        prepared.about["teacher_sha256"] = run["teacher_sha256"] = sha256
    return prepared


def run_of(prepared, recipe):
    """Dict that tells a training from others."""
    run = dict(asdict(recipe), **prepared.run)
    if not recipe.one_cycle:  # a run may go on to more epochs than it was started for
        del run["epochs"]
    return run


def _check_company(data, recipe):
    if data.background is not None and not recipe.takes_background:
        raise ValueError(f"preset {recipe.preset!r} takes no background classes, 'residual' does")
    if data.teacher is not None and not recipe.takes_teacher:
        raise ValueError(f"preset {recipe.preset!r} takes no teacher, 'residual' and 'lite' do")
    if data.background is not None and data.teacher is not None:
        raise ValueError("background and teacher are both given, expected one of them")


def _samples_per_symbol(data, dataset):
    """What was given, or else what the data says."""
    if data.samples_per_symbol is not None:
        return check_samples_per_symbol(data.path, data.samples_per_symbol)
    if dataset.samples_per_symbol is None:
        raise ValueError(
            f"{data.path}: it does not say how many samples a symbol its signals have, or not one figure for "
            "all: give samples_per_symbol (--samples-per-symbol)"
        )
    return dataset.samples_per_symbol


def _background(path, others, modulations):
    """Frames and labels of background classes as tensors; ValueError for one that is in the data set."""
    shared = sorted(set(others.modulations) & set(modulations))
    if shared:
        raise ValueError(f"{path}: background class {shared[0]!r} is a class of the data set, too")
    labels = np.searchsorted(others.modulations, others.labels)
    return torch.from_numpy(others.frames), torch.from_numpy(labels)


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
