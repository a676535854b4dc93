# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures 5 and 7: rates over λ1. Neither print is at hand: what the paper's section V makes one expect."""

from functools import partial

import numpy as np

from ...calibration import DISTANCES
from ...evaluation.metrics import weighted_true_rate
from ...evaluation.separation import MIN_WTR, discrimination_interval, rates_over_lambda1
from ...plots.curves import draw_rates
from ..registry import experiment
from ..report import Report, held_out, number, paper, share
from .printed import printed


@experiment("fig5", "TKR, TUR and WTR over λ1, for each distance", "sr2cnn")
def fig5(setup):
    """TKR, TUR and WTR over λ1 and the discrimination interval, taken for what the paper shows.

    The paper sweeps λ1 on the test set; here it is the validation part, unless ``sweep_test`` is set.
    """
    laboratory = setup.laboratory()
    return _sweep(laboratory, "Figure 5: true known and unknown rate over λ1", laboratory.unknown)


@experiment("fig7", "figure 5 on the second data set, SIGNAL-202002", "sr2cnn", data=["signal202002"])
def fig7(setup):
    """Figure 5 on the second data set, SIGNAL-202002; taken for what the paper shows."""
    title = "Figure 7: true known and unknown rate over λ1 on the second data set"
    return _sweep(setup.laboratory(), title, ())


def _sweep(laboratory, title, printed_for):
    trained = laboratory.trained(laboratory.unknown)
    part = "test" if laboratory.sweep_test else "validation"
    columns, curves = [], {}
    for distance in DISTANCES:
        needed, unknown = trained.needed(distance, part)
        lambdas, tkr, tur = rates_over_lambda1(needed, unknown)
        wtr = weighted_true_rate(tkr, tur)
        curves[distance] = lambdas, tkr, tur, wtr
        best = int(np.argmax(wtr))
        needed, unknown = trained.needed(distance, "test")
        test_tkr = np.mean(needed[~unknown] <= lambdas[best])
        test_tur = np.mean(needed[unknown] > lambdas[best])
        columns.append(
            {
                "λ1": number(lambdas[best]),
                f"WTR on the {part} part": share(wtr[best]),
                "TKR, paper": paper(printed(printed_for, "tkr")),
                "TKR, ours": share(test_tkr),
                "TUR, paper": paper(printed(printed_for, "tur")),
                "TUR, ours": share(test_tur),
                "WTR": share(weighted_true_rate(test_tkr, test_tur)),
                "interval of λ1, paper": paper(None),
                "interval of λ1, ours": number(discrimination_interval(needed, unknown)),
            }
        )

    return Report(
        title=title,
        shows=f"λ1 of the largest WTR on the {part} part, and what it gives on the test part; "
        f"{held_out(laboratory.unknown)} held out.",
        columns=["", *DISTANCES],
        rows=[[name, *(column[name] for column in columns)] for name in columns[0]],
        draw=partial(draw_rates, curves=curves, least=MIN_WTR, part=part),
        size=(13, 4.5),
        remarks=[
            "λ1 by the largest WTR alone: the constraints on precision and isotopic classes are not asked "
            "for here. The paper's TKR and TUR are those of its chosen λ1 and distance.",
            "Interval: width of the range of λ1 in which WTR is above 80 %, on the test part.",
        ],
    )
