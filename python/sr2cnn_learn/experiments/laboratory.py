# SPDX-License-Identifier: GPL-3.0-or-later
"""Data, trainings and what they give; each training is done once and kept in the work folder."""

import hashlib
import json
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from ..bundle import Bundle
from ..calibration import choose_discriminator, needed_lambda1
from ..datasets import file_sha256, load_dataset, split
from ..discriminator import Discriminator
from ..engines import torch_device
from ..evaluation.closed_set import class_indices, closed_set_accuracy
from ..evaluation.metrics import open_set_metrics
from ..evaluation.separation import discrimination_interval
from ..evaluation.stream import mixed_stream
from ..machine import machine
from ..training import FORMER_NAMES, PRESETS, recipe_of, train


class Watcher:
    """Told what takes long, for those who wait for it; this one looks away."""

    def on_steps(self, what, n, total=None):
        """So many more steps are done of what has ``total`` of them, None where that is not known."""

    def on_file(self, path):
        """A data set was written."""

    def on_training(self, what, kept):
        """A training begins, or an earlier run left it (``kept``)."""

    def on_batch(self, epoch, n_epochs, batch, n_batches):
        """See `training.fit.fit`."""

    def on_epoch(self, epoch):
        """See `training.fit.fit`."""


class Laboratory:
    """One data file, one seed, one number of epochs.

    Args:
        data: `TrainingData`; ``unknown`` are the classes held out where an experiment has no sets of its own
        work: folder of the trainings, made if need be
        epochs: of each training
        preset: of the trainings
        sweep_test: choose distance and λ1 on the test part as the paper does, not on the validation part
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:<n>"``
        watcher: `Watcher`
        dataset: the data file as ``load_dataset`` read it, for laboratories that share it; None reads it

    Attributes:
        used: dict from description to ``Trained``: what was asked for since it was last cleared

    Raises:
        ValueError: data or an argument is wrong
    """

    def __init__(
        self, data, work, epochs, preset="paper", sweep_test=False, device="auto", watcher=None, dataset=None
    ):
        if epochs < 1:
            raise ValueError(f"epochs is {epochs}, expected at least 1")
        self.data, self.work = data, Path(work)
        self.unknown, self.seed = tuple(data.unknown), data.seed
        self.epochs, self.sweep_test = epochs, sweep_test
        self.preset = recipe_of(preset).preset  # which may be asked for by a former name
        self.device = str(torch_device(device))
        self.watcher = watcher or Watcher()
        self.dataset = load_dataset(data.path, snrs=data.snrs) if dataset is None else dataset
        self.used, self._trainings = {}, {}

    def trained(self, unknown=(), **overrides):
        """The network trained without the unknown classes, the recipe's fields replaced by ``overrides``.

        A bundle that an earlier run left is used; a training that was killed goes on.

        Returns:
            ``Trained``
        """
        unknown = tuple(sorted(unknown))
        what = f"without {', '.join(unknown)}" if unknown else "all classes"
        what += "".join(f", {key} = {value}" for key, value in overrides.items())
        if what not in self._trainings:
            self._trainings[what] = self._train(what, unknown, overrides)
        self.used[what] = self._trainings[what]
        return self.used[what]

    def _train(self, what, unknown, overrides):
        digest = self._digest(unknown, overrides)
        path = self.work / f"{digest}.pt"
        epochs = self.work / f"{digest}.jsonl"  # one line an epoch, also of a run that was killed
        kept = path.is_file()
        self.watcher.on_training(what, kept)
        if not kept:
            self.work.mkdir(parents=True, exist_ok=True)

            def on_epoch(epoch):
                line = asdict(epoch)
                line.update(line.pop("losses"))
                with open(epochs, "a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
                self.watcher.on_epoch(epoch)

            train(
                replace(self.data, unknown=unknown),
                recipe_of(self.preset, self.epochs, **overrides),
                path,
                self.device,
                digest,
                decoder=self.preset == "paper",
                on_epoch=on_epoch,
                on_batch=self.watcher.on_batch,
            )
        bundle = Bundle.load(path, self.device)
        lines = map(json.loads, epochs.read_text(encoding="utf-8").splitlines())
        history = {line["number"]: line for line in lines}  # an epoch done twice counts once
        return Trained(bundle, list(history.values()), self.dataset, self.sweep_test)

    def _digest(self, unknown, overrides):
        """The name of a training's files: a hash of all that decides its result."""
        recipe = recipe_of(self.preset, self.epochs, **overrides)
        former = {name: before for before, name in FORMER_NAMES.items()}
        key = dict(
            recipe=dict(asdict(recipe), preset=former.get(recipe.preset, recipe.preset)),
            data_sha256=self.dataset.sha256,
            snrs=np.unique(self.dataset.snrs).tolist(),
            unknown=unknown,
            seed=self.seed,
        )
        for name in ("background", "teacher"):
            if file := getattr(self.data, name):
                key[f"{name}_sha256"] = file_sha256(file)
        for name in ("max_per_key", "samples_per_symbol", "unlabelled"):  # in the name where they are used
            if value := getattr(self.data, name):
                key[name] = value
        return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]


def provenance(laboratories, command):
    """What a reader needs to do it again, of an experiment that took one laboratory or more.

    Returns:
        dict of strings: what all laboratories have in common once, what differs in their order
    """

    def each(describe):
        return "; ".join(dict.fromkeys(describe(laboratory) for laboratory in laboratories))

    def data(laboratory):
        dataset = laboratory.dataset
        snrs = ", ".join(map(str, np.unique(dataset.snrs)))
        return f"{Path(laboratory.data.path).name}, {len(dataset)} frames at {snrs} dB, sha256 `{dataset.sha256}`"

    def epochs(laboratory):
        preset, full = laboratory.preset, PRESETS[laboratory.preset].epochs
        if laboratory.epochs < full:
            return f"{laboratory.epochs}: **undertrained**, preset {preset} has {full}"
        return f"{laboratory.epochs}, preset {preset}"

    def choice(laboratory):
        if laboratory.sweep_test:
            return "**swept on the test part**, as in the paper; no figure to rely on"
        return "chosen on the validation part"

    def trainings(laboratory):
        about = ""
        if len(laboratories) > 1:
            background = "" if laboratory.data.background is None else " with background"
            about = f"{laboratory.preset}{background}, seed {laboratory.seed}, "
        return "; ".join(about + _training(*used) for used in laboratory.used.items()) or "none"

    return {
        "command": f"`{command}`",
        "seed": each(lambda laboratory: str(laboratory.seed)),
        "data": each(data),
        "epochs": each(epochs),
        "λ1 and distance": each(choice),
        "trainings": each(trainings),
        "machine": machine(laboratories[0].device),
    }


def _training(what, trained):
    best = trained.bundle.card["provenance"]["best_epoch"]
    seconds = sum(epoch["seconds"] for epoch in trained.history)
    return f"{what} (`{trained.bundle.name}`, best epoch {best}, {seconds:.0f} s)"


class Trained:
    """A trained network and what it makes of the parts of its split.

    Attributes:
        bundle: ``Bundle``, with decoder
        history: list of dicts, the fields of ``training.Epoch``, its losses by name
        classes: names of the known classes
        unknown: names of those held out
    """

    def __init__(self, bundle, history, dataset, sweep_test):
        self.bundle, self.history, self.sweep_test = bundle, history, sweep_test
        self._dataset = dataset
        self.classes = bundle.classes
        provenance = bundle.card["provenance"]
        self.unknown, self._seed = provenance["unknown"], provenance["seed"]
        self._parts = split(dataset, self.unknown, self._seed)
        self._z = {}

    def frames(self, part):
        """float32 (N, frame_len, 2) of ``"train"``, ``"validation"``, ``"unknown_test"``, …"""
        return self._dataset.frames[getattr(self._parts, part)]

    def labels(self, part):
        """(N,) modulations."""
        return self._dataset.labels[getattr(self._parts, part)]

    def z(self, part):
        """Semantic vectors (N, dim)."""
        if part not in self._z:
            self._z[part] = self.bundle.encode(self.frames(part))
        return self._z[part]

    def upper_bound(self, part="test"):
        """UB: closed-set accuracy on the known frames."""
        logits = self.bundle.classify(self.z(part))
        return closed_set_accuracy(logits, class_indices(self.labels(part), self.classes))

    def stream(self, part="test"):
        """Known and unknown frames of ``"test"`` or ``"validation"`` in one random order: z, labels."""
        return self._mixed(self.z, part), self._mixed(self.labels, part)

    def stream_frames(self, part="test"):
        """The frames of ``stream``: float32 (N, frame_len, 2)."""
        return self._mixed(self.frames, part)

    def _mixed(self, of, part):
        return mixed_stream(of(part), of(f"unknown_{part}"), self._seed)

    @cached_property
    def discriminator_options(self):
        """Arguments of ``Discriminator``: distance and λ1 of the bundle, or swept on the test part."""
        options = self.bundle.discriminator_options()
        if self.sweep_test:
            fixed = {k: v for k, v in options.items() if k not in ("distance", "lambda1", "thresholds")}
            z, truth = self.stream()
            chosen, _ = choose_discriminator(fixed, self.classes, z, truth, self.upper_bound())
            options.update(chosen, thresholds=None)
        return options

    @cached_property
    def test_run(self):
        """(truth, class ids, scores) of the test stream."""
        z, truth = self.stream()
        discriminator = Discriminator(**self.discriminator_options)
        return truth, discriminator.predict(z), discriminator.scores

    @cached_property
    def figures(self):
        """``open_set_metrics`` of the test stream, ``upper_bound``, ``auroc``, ``interval`` of λ1."""
        truth, ids, scores = self.test_run
        unknown = ~np.isin(truth, self.classes)
        return dict(
            open_set_metrics(truth, ids, self.classes),
            upper_bound=self.upper_bound(),
            auroc=float(roc_auc_score(unknown, scores)) if unknown.any() else None,
            interval=discrimination_interval(scores * self.discriminator_options["lambda1"], unknown),
        )

    def needed(self, distance, part):
        """(λ1 that each frame of a part's stream needs to be accepted, whether it is unknown)."""
        z, truth = self.stream(part)
        options = dict(self.discriminator_options, distance=distance)
        return needed_lambda1(options, z), ~np.isin(truth, self.classes)
