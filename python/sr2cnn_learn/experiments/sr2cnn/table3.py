# SPDX-License-Identifier: GPL-3.0-or-later
"""Table 3: ablation of the losses."""

from ..registry import experiment
from ..report import held_out
from .open_set import open_set_table

#: Recipe fields of the rows of table 3.
ABLATION = {
    "all three losses": {},
    "without cross-entropy": dict(cross_entropy_weight=0.0),
    "without center loss": dict(center_weight=0.0),
    "without reconstruction": dict(reconstruction_weight=0.0),
    "L1 reconstruction": dict(reconstruction_norm="l1"),
}


@experiment("table3", "ablation: each of the three losses left out, and L1 reconstruction", "sr2cnn")
def table3(setup):
    """Ablation: SR2CNN without cross-entropy, center or reconstruction loss, and with L1.

    The paper removes one loss at a time on RML2016.10a with AM-SSB and GFSK held out; only the known
    accuracy, TKR and TUR of the whole method are at hand. "L1" is read as an L1 norm in place of the L2 norm
    of the reconstruction loss, with the same weight.
    """
    laboratory = setup.laboratory()
    unknown = laboratory.unknown
    trainings = [
        (label, () if overrides else unknown, laboratory.trained(unknown, **overrides))
        for label, overrides in ABLATION.items()
    ]
    return open_set_table(
        "Table 3: ablation of the losses",
        f"One loss left out at a time, {held_out(unknown)} held out.",
        trainings,
        [
            "Without cross-entropy the classifier is never trained: UB is chance, and the last epoch is "
            "kept. Known accuracy, TKR and TUR come from the centers.",
            "L1: the sum of absolute errors in place of the squares in the reconstruction loss, same weight.",
        ],
    )
