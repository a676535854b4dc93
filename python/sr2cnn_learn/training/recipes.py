# SPDX-License-Identifier: GPL-3.0-or-later
"""Recipes: all that decides how a network is trained, but for data and seed. Data, no code.

The fields of a recipe stand in the cards of what it trained and name kept trainings; what is the same for all
trainings of a preset is no field but a class variable.
"""

from dataclasses import dataclass, fields, replace
from typing import ClassVar

from ..discriminator_parameters import IN_CARD


@dataclass(frozen=True)
class Recipe:
    """What every recipe says; the weight of an objective is the field ``<objective>_weight``, or else 1.

    Class variables:
        network: name of the network, see `nets.build`
        network_fields: names of the recipe's fields that are arguments of the network
        objectives: names of the losses that are summed up, see `objectives`
        optimizer: ``"Adam"`` or ``"AdamW"``
        one_cycle: whether the learning rate makes one cycle (Smith and Topin, 2019) over the training: then
            the last epoch is the best, and a training cannot go on to more epochs than it was begun for
        mixed_precision: bfloat16 in the network, where it is faster
        whole_batches: whether a last batch of fewer frames is left out of an epoch
        takes_background, takes_teacher: whether background classes and a teacher may be given
        tkr: share of known validation frames that λ1 keeps; None: λ1 and distance by the paper's rule
        stores_half: whether the bundle holds the weights in half precision; a whitened space spans more
            magnitudes than that has
    """

    preset: str = ""
    epochs: int = 8
    batch_size: int = 256
    learning_rate: float = 1e-3

    network: ClassVar[str]
    network_fields: ClassVar[tuple] = ()
    objectives: ClassVar[tuple] = ("cross_entropy",)
    optimizer: ClassVar[str] = "Adam"
    one_cycle: ClassVar[bool] = False
    mixed_precision: ClassVar[bool] = False
    whole_batches: ClassVar[bool] = False
    takes_background: ClassVar[bool] = False
    takes_teacher: ClassVar[bool] = False
    background_share: ClassVar[float] = 0.0
    augment: ClassVar[bool] = False
    weight_decay: ClassVar[float] = 0.0
    tkr: ClassVar[float | None] = None
    stores_half: ClassVar[bool] = False

    def weight(self, objective):
        """Of a loss in the sum."""
        return getattr(self, f"{objective}_weight", 1.0)

    def discriminator(self):
        """Parameters of the discriminator that the recipe names; the others have their defaults."""
        return {name: getattr(self, name) for name in IN_CARD if hasattr(self, name)}


@dataclass(frozen=True)
class ResidualRecipe(Recipe):
    """The ``residual`` preset: what measurement says is better at every point (docs/results.md has the ablation).

    A small residual encoder, trained on frames turned, mirrored and reversed at random; cross-entropy and a
    light center loss; AdamW with one cycle of the learning rate. Background classes may be trained along: they
    are no targets, but teach the encoder what signals can differ in (outlier exposure; Hendrycks et al.,
    ICLR 2019). Then the semantic space is whitened. λ1 keeps a given share of known validation frames: no
    unknown frame is needed.
    """

    preset: str = "residual"
    epochs: int = 8
    batch_size: int = 256
    learning_rate: float = 8e-3  # the cycle's peak
    weight_decay: float = 0.02
    warm_up: float = 0.2  # share of the cycle before the peak
    center_weight: float = 0.01
    center_rate: float = 0.5
    background_share: float = 0.35  # of a batch
    evidence_weight: float = 10.0
    dim: int = 65
    dropout: float = 0.1
    remove_phase: bool = True
    augment: bool = True
    whiten: bool = True
    tkr: float = 0.992  # share of known validation frames that λ1 keeps
    theta2: str = "median"
    lambda2: float = 2.0
    theta2_limit: float = 1.0
    merge_separation: float = 3.8
    rival_support: int = 100

    network: ClassVar[str] = "residual"
    network_fields: ClassVar[tuple] = ("dim", "dropout", "remove_phase", "evidence_weight")
    objectives: ClassVar[tuple] = ("cross_entropy", "center")
    distillation_weight: ClassVar[float] = 0.7
    temperature: ClassVar[float] = 2.0  # of the teacher's logits and the network's own
    optimizer: ClassVar[str] = "AdamW"
    one_cycle: ClassVar[bool] = True
    mixed_precision: ClassVar[bool] = True
    whole_batches: ClassVar[bool] = True
    takes_background: ClassVar[bool] = True
    takes_teacher: ClassVar[bool] = True


@dataclass(frozen=True)
class LiteRecipe(ResidualRecipe):
    """A network of less than half the cost; a teacher makes up for most of what that loses."""

    preset: str = "lite"
    channels: tuple[int, int, int] = (32, 48, 96)

    network_fields: ClassVar[tuple] = (*ResidualRecipe.network_fields, "channels")


@dataclass(frozen=True)
class PaperRecipe(Recipe):
    """The ``paper`` preset (Dong et al., IEEE TSP 2021).

    Adam at 1e-3, batches of 256, the sum of cross-entropy, center and reconstruction loss (Eq. 2) from one
    encoder pass a batch, class centers moved by Algorithm 1. The epoch with the best closed-set validation
    accuracy is kept; distance and λ1 are chosen on validation frames, known and unknown.
    """

    preset: str = "paper"
    epochs: int = 250
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
    theta2_limit: float = 0.0
    rival_support: int = 0

    network: ClassVar[str] = "sr2cnn"
    network_fields: ClassVar[tuple] = ("dim", "dropout", "conv_dropout")
    objectives: ClassVar[tuple] = ("cross_entropy", "center", "reconstruction")
    stores_half: ClassVar[bool] = True  # of 25 MB


PRESETS = {"residual": ResidualRecipe(), "lite": LiteRecipe(), "paper": PaperRecipe()}
FORMER_NAMES = {"best": "residual"}


def recipe_of(preset, epochs=None, **overrides):
    """A preset's recipe, some of its fields replaced.

    Args:
        preset: name in ``PRESETS``, or one that such a preset had before
        epochs: number of epochs; None: the preset's
        overrides: other fields, e.g. ``center_weight=0``

    Raises:
        ValueError: no such preset or field, or less than one epoch
    """
    preset = FORMER_NAMES.get(preset, preset)
    if preset not in PRESETS:
        raise ValueError(f"preset is {preset!r}, expected one of {', '.join(PRESETS)}")
    recipe = PRESETS[preset]
    names = [field.name for field in fields(recipe)]
    for name in overrides:
        if name not in names:
            raise ValueError(
                f"overrides has {name!r}, expected a field of {type(recipe).__name__}: {', '.join(names)}"
            )
    if epochs is not None:
        overrides["epochs"] = epochs
    recipe = replace(recipe, **overrides)
    if recipe.epochs < 1:
        raise ValueError(f"epochs is {recipe.epochs}, expected at least 1")
    return recipe
