# SPDX-License-Identifier: GPL-3.0-or-later
"""The one training loop: any network, any objectives; a killed training goes on with the same result."""

import copy
import time
from dataclasses import dataclass

import torch

from ..atomic import whole_file
from ..evaluation.closed_set import closed_set_accuracy
from ..nets import build
from .batches import Batches
from .objectives import Setting, make_objectives

OPTIMIZERS = {"Adam": torch.optim.Adam, "AdamW": torch.optim.AdamW}
EPOCH_SEED = 1_000_003  # an epoch's random numbers follow from its number: a resumed run repeats it exactly
EVALUATED = 256  # frames at a time


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave.

    Attributes:
        number: from 1
        losses: dict, mean over the epoch's frames of each objective before its weight
        loss: of their weighted sum
        validation_accuracy: closed-set accuracy on validation frames
        best: whether its weights are kept
        seconds: that it took
    """

    number: int
    loss: float
    losses: dict
    validation_accuracy: float
    best: bool
    seconds: float


def has_fast_bfloat16(device):
    """Whether bfloat16 speeds training up without harm: CUDA, or a CPU with AVX-512."""
    return device.type == "cuda" or torch.backends.cpu.get_cpu_capability() == "AVX512"


class Learner:
    """A network in training, with all that an epoch changes: what a checkpoint holds.

    Args:
        recipe: `recipes.Recipe`
        prepared: `prepare.Prepared`
        device: torch device

    Attributes:
        network: torch module
        epoch: number of the last epoch
        best_epoch: number of the one whose weights are kept

    Raises:
        ValueError: the recipe names no network or objective, or an argument of the network is wrong
    """

    def __init__(self, recipe, prepared, device):
        torch.manual_seed(prepared.seed)
        self.recipe, self._seed, self._device = recipe, prepared.seed, device
        frames, labels = prepared.tensors("train")
        self._batches = Batches(recipe, frames, labels, prepared.background, len(prepared.classes))
        arguments = {name: getattr(recipe, name) for name in recipe.network_fields}
        if prepared.n_background:
            arguments["n_background"] = prepared.n_background
        self.arguments = dict(arguments, n_classes=len(prepared.classes), frame_len=frames.shape[1])
        self.network = build(recipe.network, self.arguments).to(device)
        n_classes = len(prepared.classes) + prepared.n_background
        names = recipe.objectives + ("distillation",) * (prepared.teacher is not None)
        self._weights = {name: recipe.weight(name) for name in names}
        if prepared.teacher is not None:  # it takes the labels' place in part
            self._weights["cross_entropy"] -= self._weights["distillation"]
        dim = self.network.embedding_dim
        self._objectives = make_objectives(names, Setting(recipe, n_classes, dim, device, prepared.teacher))
        self._optimizer = OPTIMIZERS[recipe.optimizer](
            self.network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self._cycle = None
        if recipe.one_cycle:
            self._cycle = torch.optim.lr_scheduler.OneCycleLR(
                self._optimizer,
                recipe.learning_rate,
                total_steps=recipe.epochs * self._batches.n,
                pct_start=recipe.warm_up + 1e-6,  # a peak at the very first step would divide by zero
            )
        self.epoch, self.best_accuracy, self.best_epoch = 0, -1.0, 0
        self._best_weights = None

    def _outputs(self, frames):
        if hasattr(self.network, "training_outputs"):
            return self.network.training_outputs(frames)
        z = self.network(frames)
        return {"z": z, "logits": self.network.classify(z)}

    def run_epoch(self, on_batch=None):
        """One pass over the frames: mean over them of the weighted sum, and dict of that of each objective."""
        self.epoch += 1
        torch.manual_seed(self._seed + EPOCH_SEED * self.epoch)
        self.network.train()
        sums = torch.zeros(1 + len(self._objectives), dtype=torch.float64, device=self._device)
        n_frames = 0
        for i, (frames, labels) in enumerate(self._batches.epoch()):
            sums += len(frames) * self._step(frames.to(self._device), labels.to(self._device))
            n_frames += len(frames)
            if on_batch:
                on_batch(self.epoch, self.recipe.epochs, i + 1, self._batches.n)
        total, *each = (sums / n_frames).tolist()  # the one place that waits for the device
        return total, dict(zip(self._objectives, each))

    def _step(self, frames, labels):
        fast = self.recipe.mixed_precision and has_fast_bfloat16(self._device)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=fast):
            outputs = self._outputs(frames)
        outputs = {name: output.float() for name, output in outputs.items()}
        parts = {name: o.loss(outputs, frames, labels) for name, o in self._objectives.items()}
        total = sum(self._weights[name] * part for name, part in parts.items())
        self._optimizer.zero_grad(set_to_none=True)
        total.backward()
        self._optimizer.step()
        if self._cycle is not None:
            self._cycle.step()
        for each in self._objectives.values():
            each.after_step(outputs, labels)
        return torch.stack([total, *parts.values()]).detach().double()

    @torch.no_grad()
    def accuracy(self, frames, labels):
        """Closed-set accuracy of the classifier."""
        self.network.eval()
        batches = (x.to(self._device) for x in frames.split(EVALUATED))
        logits = [self.network.classify(self.network(batch)) for batch in batches]
        return closed_set_accuracy(torch.cat(logits).cpu().numpy(), labels.numpy())

    def keep_if_best(self, accuracy):
        """Keep the weights of this epoch, if they are the best so far; whether they are."""
        # A cycle ends at its best; without cross-entropy the classifier learns nothing to tell epochs apart.
        last = self._cycle is not None or not self._weights["cross_entropy"]
        if not last and accuracy <= self.best_accuracy:
            return False
        self.best_accuracy, self.best_epoch = accuracy, self.epoch
        self._best_weights = copy.deepcopy(self.network.state_dict())
        return True

    def best_network(self):
        """The kept epoch's network, on the CPU, ready to be run."""
        self.network.load_state_dict(self._best_weights)
        return self.network.cpu().eval()

    def state(self):
        """All that changes, for `restore`."""
        return dict(
            network=self.network.state_dict(),
            optimizer=self._optimizer.state_dict(),
            cycle=self._cycle and self._cycle.state_dict(),
            objectives={name: each.state() for name, each in self._objectives.items()},
            epoch=self.epoch,
            best_accuracy=self.best_accuracy,
            best_epoch=self.best_epoch,
            best_weights=self._best_weights,
        )

    def restore(self, state):
        """Go on where `state` was asked."""
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self._cycle is not None:
            self._cycle.load_state_dict(state["cycle"])
        for name, each in self._objectives.items():
            each.restore(state["objectives"][name])
        self.epoch, self.best_accuracy = state["epoch"], state["best_accuracy"]
        self.best_epoch, self._best_weights = state["best_epoch"], state["best_weights"]


def fit(learner, prepared, checkpoint, run, on_epoch=None, on_batch=None):
    """Train until the recipe's last epoch.

    Args:
        learner: `Learner`
        prepared: `prepare.Prepared`
        checkpoint: file that follows each epoch; one that is there is taken up
        run: dict that tells this run from others, stored in the checkpoint
        on_epoch: called with an `Epoch` after each
        on_batch: called with (epoch, number of epochs, batch, number of batches) after each batch

    Raises:
        ValueError: the checkpoint is none, or of another run
    """
    if checkpoint.exists():
        _resume(checkpoint, learner, run)
    while learner.epoch < learner.recipe.epochs:
        start = time.monotonic()
        loss, losses = learner.run_epoch(on_batch)
        accuracy = learner.accuracy(*prepared.tensors("validation"))
        best = learner.keep_if_best(accuracy)
        _save_checkpoint(checkpoint, learner, run)
        if on_epoch:
            on_epoch(Epoch(learner.epoch, loss, losses, accuracy, best, time.monotonic() - start))


def _save_checkpoint(path, learner, run):
    with whole_file(path) as file:
        torch.save(dict(run=run, **learner.state()), file)


def _resume(path, learner, run):
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
    learner.restore(state)
