# SPDX-License-Identifier: GPL-3.0-or-later
"""Table 5: detectors of the unknown."""

from functools import partial

from ...plots.bars import draw_bars
from ..registry import experiment
from ..report import Report, held_out, paper
from .detectors import DETECTORS, detector_figures
from .open_set import NAMES, value


@experiment("table5", "SR2CNN beside six other detectors of the unknown", "sr2cnn")
def table5(setup):
    """SR2CNN beside IsolationForest, EllipticEnvelope, OneClassSVM, LocalOutlierFactor, OpenMax, MDL4OW.

    The paper compares them on RML2016.10a with AM-SSB and GFSK held out; its printed figures are not at hand.
    """
    laboratory = setup.laboratory()
    results, failures, _ = detector_figures(laboratory)
    keys = ("tkr", "tur", "wtr", "known_accuracy", "f1", "auroc")
    rows = []
    for name in DETECTORS:
        figures = results[name][1] if name in results else dict.fromkeys(keys)
        rows.append([name, paper(None), paper(None), *(value(figures, key) for key in keys)])
    drawn = ("tkr", "tur", "known_accuracy", "f1")
    values = [[figures[key] for key in drawn] for _, figures in results.values()]
    return Report(
        title="Table 5: detectors of the unknown",
        shows=f"All on one network, {held_out(laboratory.unknown)} held out.",
        columns=["detector", "TKR, paper", "TUR, paper", *(NAMES[key] for key in keys)],
        rows=rows,
        draw=partial(draw_bars, groups=[NAMES[key] for key in drawn], labels=list(results), values=values),
        size=(10, 5),
        remarks=[
            "Each threshold keeps 95 % of the known validation frames; no detector has seen an unknown "
            "frame, but SR2CNN's distance was chosen with unknown validation frames.",
            "scikit-learn's four, with its defaults (OneClassSVM: ν = 0.05), are fitted to the semantic "
            "vectors of the training frames, EllipticEnvelope to the principal components that hold 99 % of "
            "their variance. The class is the one that the classifier names.",
            "OpenMax: η = 20, α = 10 or all classes; the score is the probability of the unknown class. "
            "MDL4OW: SR2CNN's own decoder, one distribution of the losses for each class.",
            "F1: mean over the known classes and all that is unknown as one class more.",
            *(f"{name}: {reason}." for name, reason in failures.items()),
        ],
    )
