# SPDX-License-Identifier: GPL-3.0-or-later
"""Figure 4: in training. The print is not at hand: what the paper's section V makes one expect."""

from functools import partial

import numpy as np

from ...plots.curves import draw_training
from ..registry import experiment
from ..report import Report, held_out, number, paper, share

MAX_ROWS = 12  # of the table of epochs


@experiment("fig4", "losses and accuracy in training", "sr2cnn")
def fig4(setup):
    """Statistics in training, taken for what the paper shows: the losses and the accuracy by epoch."""
    laboratory = setup.laboratory()
    history = laboratory.trained(laboratory.unknown).history
    keys = ("loss", "cross_entropy", "center", "reconstruction")
    chosen = np.unique(np.linspace(0, len(history) - 1, MAX_ROWS).round().astype(int))

    return Report(
        title="Figure 4: in training",
        shows="Losses on training frames and closed-set accuracy on validation frames, "
        f"{held_out(laboratory.unknown)} held out.",
        columns=["epoch", "loss", "cross-entropy", "center", "reconstruction", "accuracy", "accuracy, paper"],
        rows=[
            [
                str(history[i]["number"]),
                *(number(history[i][key]) for key in keys),
                share(history[i]["validation_accuracy"]),
                paper(None),
            ]
            for i in chosen
        ],
        draw=partial(
            draw_training,
            epochs=[epoch["number"] for epoch in history],
            losses={key.replace("_", "-"): [epoch[key] for epoch in history] for key in keys},
            accuracy=[epoch["validation_accuracy"] for epoch in history],
        ),
        size=(9, 6),
        remarks=["Losses before their weights; the first is the weighted sum of the three."],
    )
