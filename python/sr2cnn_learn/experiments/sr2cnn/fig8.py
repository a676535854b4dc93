# SPDX-License-Identifier: GPL-3.0-or-later
"""Figure 8: the detectors of table 5."""

from functools import partial

import numpy as np
from sklearn.metrics import roc_curve

from ...evaluation.separation import TKR
from ...plots.curves import draw_detectors
from ..registry import experiment
from ..report import Report, held_out, number, paper, share
from .detectors import detector_figures


@experiment("fig8", "the detectors of table 5: TUR over TKR", "sr2cnn")
def fig8(setup):
    """The detectors of table 5, TUR over TKR; the paper's own picture of them is not at hand."""
    laboratory = setup.laboratory()
    results, failures, unknown = detector_figures(laboratory)
    rows, curves = [], {}
    for name, (detection, figures) in results.items():
        false_known, known, _ = roc_curve(~unknown, -detection.scores)
        curves[name] = known, 1 - false_known
        at = np.quantile(detection.scores[~unknown], TKR, method="higher")
        at_95 = np.mean(detection.scores[unknown] > at)
        rows.append([name, paper(None), number(figures["auroc"]), share(at_95)])

    return Report(
        title="Figure 8: detectors of the unknown",
        shows=f"TUR over TKR on the test part, for every threshold; {held_out(laboratory.unknown)} held out.",
        columns=["detector", "AUROC, paper", "AUROC, ours", "TUR at TKR 95 % (of the test part)"],
        rows=rows,
        draw=partial(draw_detectors, curves=curves, tkr=TKR, bold="SR2CNN"),
        size=(9, 5.5),
        remarks=[f"{name}: {reason}." for name, reason in failures.items()],
    )
