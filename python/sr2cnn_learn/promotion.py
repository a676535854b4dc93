# SPDX-License-Identifier: GPL-3.0-or-later
"""Making a discovered class a known one: a new bundle from an old one and a registry, without training."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .bundle import Bundle
from .discriminator import Discriminator
from .names import check_name, is_default_name

FEWEST_FRAMES = 10  # recorded, to judge a class by
NAMED = 0.95  # share of the recorded frames that shall get the name
MOST_TAKEN = 0.05  # share of a known class's frames that the new class may take
DRAWN = 1000  # frames drawn of each known class to tell


@dataclass
class Promotion:
    """What became of one class.

    Attributes:
        id, name: as it was discovered, and as it is known now
        threshold: its Θ_k
        frames: number of recorded frames that it was judged by
        named: share of them that the new bundle names by it
        taken: dict, by known class, share of its frames that the new class would take; of frames drawn from
            its center and variances, so an estimate
    """

    id: int
    name: str
    threshold: float
    frames: int
    named: float
    taken: dict[str, float]


def promote(registry, which, bundle, out, name=None, rest=None):
    """Write a bundle in which discovered classes are known ones. The old bundle is left as it is.

    The class's center is that of its members, all of them; its covariance that of its recorded frames, drawn
    to the mean one of the known classes the more the fewer frames there are. Its threshold Θ_k is the least
    with which 95 % of the recorded frames get its name, but not more than would take 5 % of the frames
    of a known class, as drawn from center and variances. The known classes keep center, covariance and Θ.

    The logits of the known classes stay as they are; for those of a new class see `nets.promoted`.

    Args:
        registry: `Registry`
        which: list of labels or ids
        bundle: the `Bundle` that the registry is of, with its network (``Bundle.load``)
        out: file to write
        name: in place of the class's own; for a single class
        rest: file for a registry of the new bundle with the classes that remain; None: none

    Returns:
        list of `Promotion`

    Raises:
        ValueError: registry and bundle do not belong together, no such class, a name that is a known
            class's or none yet (``unknown_3``), too few recorded frames, or ``out`` is the old bundle
    """
    registry.check_model(bundle)
    classes = [registry.find(each) for each in which]
    if not classes or len({known.id for known in classes}) < len(classes):
        raise ValueError("expected at least one class, each once")
    if name is not None and len(classes) > 1:
        raise ValueError(f"one name, {name!r}, for {len(classes)} classes")
    for path in filter(None, (out, rest)):
        if Path(path).resolve() == bundle.path.resolve():
            raise ValueError(f"{path} is the bundle that the class is added to; write to another file")
    for other in registry.classes:
        if other.name == name and other not in classes:
            raise ValueError(f"{name} is another discovered class already; merge them, or give another name")
    model = _Extended(bundle)
    promotions = [model.add(known, name or known.name, bundle) for known in classes]
    card = dict(bundle.card)
    provenance = dict(card.get("provenance") or {})
    if "metrics" in provenance:  # they were measured without the new classes
        provenance["metrics_before_promotion"] = provenance.pop("metrics")
    provenance["promoted"] = [
        *provenance.get("promoted", []),
        *(
            {
                "class": new.name,
                "from": bundle.name,
                "id": new.id,
                "members": known.count,
                "frames": new.frames,
                "named": new.named,
            }
            for new, known in zip(promotions, classes)
        ),
    ]
    card.update(
        name="+".join([bundle.name, *(new.name for new in promotions)]),
        classes=model.names,
        thresholds=model.thresholds.tolist(),
        provenance=provenance,
    )
    network, card["network"], half = _with_classes(bundle, model)
    Bundle.save(out, network, card, model.semantics(), half)
    if rest is not None:
        registry.moved_to(Bundle.read(out), {known.id for known in classes}).save(rest)
    return promotions


class _Extended:
    """Semantics and thresholds of a bundle, to which classes are added."""

    def __init__(self, bundle):
        self._distance = bundle.distance
        self._full = bundle.covariances is not None
        self._extra = {}
        if bundle.attribute_weights is not None:
            self._extra["attribute_weights"] = bundle.attribute_weights
        self.names = list(bundle.classes)
        self.n_old = len(self.names)
        self.centers = bundle.centers
        self.spreads = bundle.covariances if self._full else bundle.variances
        self.counts = bundle.counts
        self.thresholds = self.discriminator(bundle.thresholds, bundle.lambda1).thresholds
        self._rng = np.random.default_rng(0)

    def semantics(self):
        spread = "covariances" if self._full else "variances"
        arrays = {"centers": self.centers, spread: self.spreads, "counts": self.counts}
        return {**arrays, **self._extra}

    def discriminator(self, thresholds, lambda1=1.0, classes=slice(None)):
        spread = {"covariances" if self._full else "variances": self.spreads[classes]}
        return Discriminator(
            self.centers[classes],
            **spread,
            distance=self._distance,
            lambda1=lambda1,
            thresholds=thresholds,
        )

    def add(self, known, name, bundle):
        check_name(name)
        if is_default_name(name):
            raise ValueError(f"{name} has no name of its own yet; rename it, or give a name")
        if name in self.names:
            raise ValueError(f"{name} is a known class of {bundle.name} already; give another name")
        z = bundle.encode(known.samples.frames).astype(np.float64)
        z = z[np.isfinite(z).all(axis=1)]
        if len(z) < FEWEST_FRAMES:
            raise ValueError(f"{known.name} has {len(z)} recorded frames, expected at least {FEWEST_FRAMES}")
        judge = self.discriminator(self.thresholds)
        drawn = list(self._draw())
        self.names.append(name)
        self.centers = np.concatenate([self.centers, known.center[None]])
        self.spreads = np.concatenate([self.spreads, self._spread(z - known.center)[None]])
        self.counts = np.concatenate([self.counts, [known.count]])
        new = self.discriminator([1.0], classes=slice(-1, None))

        # A frame gets the name where d < Θ and d/Θ is below the d/Θ of the nearest known class.
        distance, others = new.nearest_known(z)[1], judge.nearest_known(z)[1]
        with np.errstate(divide="ignore"):
            needed = np.maximum(distance, distance / others)
        flips = [new.nearest_known(each)[1] / judge.nearest_known(each)[1] for each in drawn]
        most = min(np.quantile(each, MOST_TAKEN) for each in flips)
        threshold = min(float(np.quantile(needed, NAMED, method="higher")), float(most)) * (1 + 1e-9)
        self.thresholds = np.append(self.thresholds, threshold)
        return Promotion(
            known.id,
            name,
            threshold,
            len(z),
            float(np.mean(needed < threshold)),
            {label: float(np.mean(each < threshold)) for label, each in zip(self.names, flips)},
        )

    def _spread(self, offsets):
        """Covariance or variances of the members; a prior counts as much as one frame a dimension it has."""
        prior = self.spreads.mean(axis=0)
        weight = self.centers.shape[1] if self._full else 1
        own = offsets.T @ offsets if self._full else np.sum(offsets**2, axis=0)
        return (own + weight * prior) / (len(offsets) + weight)

    def _draw(self):
        """Frames of each known class, as its center and covariance have it."""
        for center, spread in zip(self.centers, self.spreads):
            if self._full:
                yield self._rng.multivariate_normal(center, spread, DRAWN, method="eigh")
            else:
                yield center + np.sqrt(spread) * self._rng.standard_normal((DRAWN, len(center)))


def _with_classes(bundle, model):
    """The bundle's network with the new classes' logits; what a card says of it; whether it is stored in half.

    A network that is none of ours stays the graph that it is, and the card says None.
    """
    import torch

    from .nets.promoted import Promoted, PromotedWithDecoder

    network, half = bundle.stored_network()
    named = None
    with contextlib.suppress(ValueError):
        named, network = bundle.named_module()
    arguments = dict(
        n_old=model.n_old, n_classes=len(model.names), dim=bundle.dim, full=bundle.covariances is not None
    )
    kind = PromotedWithDecoder if hasattr(network, "reconstruct") else Promoted
    extended = kind(network, **arguments)
    judge = model.discriminator(model.thresholds)
    for buffer, array in (
        (extended.centers, model.centers),
        (extended.whitening, np.stack(judge.whitening)),
        (extended.thresholds, model.thresholds),
    ):
        buffer.copy_(torch.from_numpy(array))
    name = named and {"name": kind.network_name, "arguments": {"network": named, **arguments}}
    return extended, name, half
