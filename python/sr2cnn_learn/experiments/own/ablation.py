# SPDX-License-Identifier: GPL-3.0-or-later
"""The preset ``residual`` without one of its parts at a time."""

from functools import partial

from ...plots.bars import draw_bars
from ..registry import experiment
from ..report import Report, number, share
from ..sr2cnn.printed import UNKNOWN_SETS
from .unseen_channels import FIGURES, MEAN, OTHERS, figures_of_set, never_seen

#: Fields of the recipe for the rows of the ablation.
ABLATION = {
    "the whole recipe": {},
    "carrier phase left in": dict(remove_phase=False),
    "frames as they are: not turned, mirrored, reversed": dict(augment=False),
    "no center loss": dict(center_weight=0.0),
    "peak learning rate 2e-3": dict(learning_rate=2e-3),
    "no evidence axis": dict(evidence_weight=0.0),
    "semantic space not whitened": dict(whiten=False),
}


@experiment(
    "ablation",
    "the preset residual without one of its parts at a time",
    data=["train", "background", "test", "unseen"],
    preset="residual",
)
def ablation(setup):
    """On the first set of unknown classes."""
    laboratory, alone = setup.laboratory(background="background"), setup.laboratory()
    return leave_out(laboratory, alone, setup.dataset("test"), setup.dataset("unseen"))


def leave_out(laboratory, alone, test, unseen):
    """One training each.

    Args:
        laboratory: ``Laboratory`` with background
        alone: the same without background
        test, unseen: ``Dataset`` that no training saw; ``unseen`` has other modulations than ``test``

    Returns:
        ``Report``
    """
    unknown = UNKNOWN_SETS[0]
    trainings = {name: laboratory.trained(unknown, **fields) for name, fields in ABLATION.items()}
    trainings["no background classes"] = alone.trained(unknown)
    rows, drawn = [], []
    for name, trained in trainings.items():
        z = trained.bundle.encode(test.frames)
        found = figures_of_set(trained.bundle, z, test.labels, orders=1)
        never = never_seen(trained.bundle, z, test.labels, unseen)[MEAN]
        rows.append(
            [
                name,
                share(found["upper_bound"]),
                share(found["known_accuracy"]),
                number(found["auroc"], 4),
                share(found["tur_at_tkr95"]),
                share(never),
            ]
        )
        drawn.append((found["upper_bound"], found["tur_at_tkr95"], never))
    labels = [FIGURES["upper_bound"], FIGURES["tur_at_tkr95"], f"{MEAN} {FIGURES['tur_at_tkr95']}"]

    return Report(
        title="The residual preset without one part at a time",
        shows=f"{', '.join(unknown)} held out; one training each.",
        columns=["recipe", "UB", "known accuracy", "AUROC", "TUR at TKR 95 %", "never seen, mean"],
        rows=rows,
        draw=partial(draw_bars, groups=list(trainings), labels=labels, values=list(zip(*drawn))),
        size=(11, 6),
        remarks=[f"test set: {len(test)} frames, sha256 `{test.sha256}`", OTHERS],
    )
