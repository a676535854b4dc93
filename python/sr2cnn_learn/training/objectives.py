# SPDX-License-Identifier: GPL-3.0-or-later
"""Objectives: the named losses that a recipe sums up, and what of them learns beside the network."""

from dataclasses import dataclass
from typing import Any

from ..plugins import add
from . import losses

OBJECTIVES = {}


@dataclass(frozen=True)
class Setting:
    """What an objective may need when it is made.

    Attributes:
        recipe: `recipes.Recipe`
        n_classes: classes in training, background classes among them
        embedding_dim: dimension of ``z`` in training
        device: torch device
        teacher: function from frames (N, L, 2) to logits (N, K), or None
    """

    recipe: Any
    n_classes: int
    embedding_dim: int
    device: Any
    teacher: Any = None


class Objective:
    """One loss. Subclasses have ``loss``, and ``after_step`` and ``state`` where they learn something.

    Args:
        setting: `Setting`
    """

    def __init__(self, setting):
        self.setting = setting

    def loss(self, outputs, frames, labels):
        """Of a batch, before its weight.

        Args:
            outputs: dict of tensors, of the network: ``z`` (N, embedding_dim), ``logits`` (N, classes), …
            frames: float32 (N, L, 2)
            labels: int64 (N,)

        Returns:
            tensor of one number
        """
        raise NotImplementedError

    def after_step(self, outputs, labels):
        """Called when the optimizer has made its step."""

    def state(self):
        """Tensors that a checkpoint has to hold, by name."""
        return {}

    def restore(self, state):
        """Take up what `state` gave."""


def objective(name):
    """Class decorator: makes an `Objective` known by the name that recipes have for it."""

    def register(cls):
        add(OBJECTIVES, name, cls, "an objective")
        return cls

    return register


def make_objectives(names, setting):
    """Dict from names to objectives. ValueError for a name that is none."""
    for name in names:
        if name not in OBJECTIVES:
            raise ValueError(f"objective is {name!r}, expected one of {', '.join(sorted(OBJECTIVES))}")
    return {name: OBJECTIVES[name](setting) for name in names}


@objective("cross_entropy")
class CrossEntropy(Objective):
    """L_ce (Eq. 3)."""

    def loss(self, outputs, frames, labels):
        return losses.cross_entropy_loss(outputs["logits"], labels)


@objective("center")
class Center(Objective):
    """L_ct (Eq. 4), and the class centers, which Algorithm 1 moves."""

    def __init__(self, setting):
        super().__init__(setting)
        self.centers = losses.ClassCenters(
            setting.n_classes, setting.embedding_dim, setting.recipe.center_rate, setting.device
        )

    def loss(self, outputs, frames, labels):
        return losses.center_loss(outputs["z"], labels, self.centers.centers)

    def after_step(self, outputs, labels):
        self.centers.update(outputs["z"], labels)

    def state(self):
        return {"centers": self.centers.centers}

    def restore(self, state):
        self.centers.centers = state["centers"].to(self.setting.device)


@objective("reconstruction")
class Reconstruction(Objective):
    """L_r (Eq. 5), of normalised frames."""

    def loss(self, outputs, frames, labels):
        norm = self.setting.recipe.reconstruction_norm
        return losses.reconstruction_loss(outputs["reconstruction"], outputs["normalised"], norm)


@objective("distillation")
class Distillation(Objective):
    """What a teacher says of the same frames (Hinton, Vinyals and Dean, 2015)."""

    def loss(self, outputs, frames, labels):
        taught = self.setting.teacher(frames)
        return losses.distillation_loss(outputs["logits"], taught, self.setting.recipe.temperature)
