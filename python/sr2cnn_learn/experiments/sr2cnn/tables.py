# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables 2 to 6 of the paper. Each takes a ``Laboratory`` and gives a ``Report``."""

from collections import Counter

import numpy as np
from sklearn.metrics import roc_auc_score

from ...evaluation.metrics import open_set_metrics
from .detectors import DETECTORS, detect
from .printed import UNKNOWN_SETS, printed
from ..report import Report, bars, held_out, number, paper, share

#: Recipe fields of the rows of table 3.
ABLATION = {
    "all three losses": {},
    "without cross-entropy": dict(cross_entropy_weight=0.0),
    "without center loss": dict(center_weight=0.0),
    "without reconstruction": dict(reconstruction_weight=0.0),
    "L1 reconstruction": dict(reconstruction_norm="l1"),
}

#: Figures of ``Trained.figures`` with the paper's names, in the order of its tables.
NAMES = dict(
    known_accuracy="known accuracy",
    tkr="TKR",
    tur="TUR",
    wtr="WTR",
    known_precision="known precision",
    unknown_precision="unknown precision",
    f1="F1",
    upper_bound="UB",
    auroc="AUROC",
    interval="interval of λ1",
    isotopic="isotopic classes",
)
PLAIN = ("auroc", "interval", "isotopic")  # no shares


def _value(figures, key):
    return number(figures[key]) if key in PLAIN else share(figures[key])


def _dominant_shares(truth, ids, unknown):
    """Of each unknown class, the share that the largest discovered class dominated by it holds."""
    members = {}
    for name, class_id in zip(truth.tolist(), ids.tolist()):
        if class_id < 0:
            members.setdefault(class_id, Counter())[name] += 1
    shares = {name: 0.0 for name in unknown}
    for counts in members.values():
        name, n = counts.most_common(1)[0]
        if name in shares:
            shares[name] = max(shares[name], n / np.sum(truth == name))
    return shares


def table2(laboratory):
    """Supervised learning beside SR2CNN on RML2016.10a, class by class.

    The paper's table has the accuracy of each modulation when all eleven are trained on, and when AM-SSB and
    GFSK are held out and discovered; below it known accuracy, TKR and TUR. At hand are 73.7 % known
    accuracy, TKR 95.9 % and TUR 99.8 %.
    """
    return _comparison(laboratory, "Table 2: supervised learning and SR2CNN", laboratory.unknown)


def table6(laboratory):
    """Table 2 on the paper's second data set, SIGNAL-202002: no printed figure is at hand."""
    title = "Table 6: supervised learning and SR2CNN on the second data set"
    return _comparison(laboratory, title, ())


def _comparison(laboratory, title, printed_for):
    """Table 2; the printed figures are those of the set ``printed_for``."""
    zero_shot = laboratory.trained(laboratory.unknown)
    supervised = laboratory.trained()
    truth = supervised.labels("test")
    named = np.array(supervised.classes)[
        supervised.bundle.classify(supervised.z("test")).argmax(1)
    ]
    with_all = {name: float(np.mean(named[truth == name] == name)) for name in supervised.classes}

    truth, ids, _ = zero_shot.test_run
    figures = zero_shot.figures
    open_set = _dominant_shares(truth, ids, zero_shot.unknown)
    for k, name in enumerate(zero_shot.classes):
        open_set[name] = float(np.mean(ids[truth == name] == k))

    names = [*zero_shot.classes, *zero_shot.unknown]
    rows = [
        [
            f"{name} (held out)" if name in zero_shot.unknown else name,
            paper(None),
            share(with_all[name]),
            paper(None),
            share(open_set[name]),
        ]
        for name in names
    ]
    average = np.mean([with_all[name] for name in zero_shot.classes])
    for key in (k for k in NAMES if k != "auroc"):
        rows.append(
            [
                NAMES[key],
                paper(None) if key == "known_accuracy" else "",
                share(average) if key == "known_accuracy" else "",
                paper(printed(printed_for, key)),
                _value(figures, key),
            ]
        )
    values = [[shares[name] for name in names] for shares in (with_all, open_set)]
    return Report(
        title=title,
        shows="Accuracy of each modulation: all trained on, and "
        f"{held_out(zero_shot.unknown)} held out whole and discovered.",
        columns=["", "supervised, paper", "supervised, ours", "SR2CNN, paper", "SR2CNN, ours"],
        rows=rows,
        draw=bars(names, ["supervised", "SR2CNN"], values, "accuracy, %"),
        size=(11, 5),
        remarks=[
            "Supervised: the classifier, nothing is rejected; its known accuracy is the mean over the "
            "classes that SR2CNN knows.",
            "SR2CNN: a known class's frames given its own name, a rejected one counts as wrong; a held-out "
            "class's frames in the largest discovered class that it dominates.",
        ],
    )


def _open_set_table(title, shows, trainings, remarks=()):
    """One column for each (label, set of printed figures, ``Trained``)."""
    rows = []
    for key, name in NAMES.items():
        if key in ("known_accuracy", "tkr", "tur"):
            rows.append([f"{name}, paper", *(paper(printed(p, key)) for _, p, _ in trainings)])
            name += ", ours"
        rows.append([name, *(_value(trained.figures, key) for _, _, trained in trainings)])
    keys = ("known_accuracy", "tkr", "tur", "known_precision", "unknown_precision")
    values = [[trained.figures[key] for key in keys] for _, _, trained in trainings]
    labels = [label for label, _, _ in trainings]
    draw = bars([NAMES[key] for key in keys], labels, values)
    return Report(title, shows, ["", *labels], rows, draw, (10, 5), list(remarks))


def table3(laboratory):
    """Ablation: SR2CNN without cross-entropy, center or reconstruction loss, and with L1.

    The paper removes one loss at a time on RML2016.10a with AM-SSB and GFSK held out; only the known
    accuracy, TKR and TUR of the whole method are at hand. "L1" is read as an L1 norm in place of the L2 norm
    of the reconstruction loss, with the same weight.
    """
    unknown = laboratory.unknown
    trainings = [
        (label, () if overrides else unknown, laboratory.trained(unknown, **overrides))
        for label, overrides in ABLATION.items()
    ]
    return _open_set_table(
        "Table 3: ablation of the losses",
        f"One loss left out at a time, {held_out(unknown)} held out.",
        trainings,
        [
            "Without cross-entropy the classifier is never trained: UB is chance, and the last epoch is "
            "kept. Known accuracy, TKR and TUR come from the centers.",
            "L1: the sum of absolute errors in place of the squares in the reconstruction loss, same weight.",
        ],
    )


def table4(laboratory):
    """Four sets of unknown classes on RML2016.10a.

    The paper has TKR and TUR (and more that is not at hand) of {AM-SSB, GFSK}, {CPFSK, GFSK},
    {AM-SSB, CPFSK} and {AM-SSB, CPFSK, GFSK}.
    """
    trainings = [(held_out(names), names, laboratory.trained(names)) for names in UNKNOWN_SETS]
    return _open_set_table(
        "Table 4: four sets of unknown classes",
        "One network for each set, trained without its classes.",
        trainings,
    )


def detector_figures(laboratory):
    """The detectors of table 5: dict from name to (``Detection``, its figures), failures, truth."""
    trained = laboratory.trained(laboratory.unknown)
    detections, failures = detect(trained, laboratory.seed)
    truth = trained.stream()[1]
    unknown = ~np.isin(truth, trained.classes)
    results = {}
    for name, detection in detections.items():
        figures = open_set_metrics(truth, detection.ids, trained.classes)
        figures["auroc"] = float(roc_auc_score(unknown, detection.scores))
        results[name] = detection, figures
    return results, failures, unknown


def table5(laboratory):
    """SR2CNN beside IsolationForest, EllipticEnvelope, OneClassSVM, LocalOutlierFactor, OpenMax, MDL4OW.

    The paper compares them on RML2016.10a with AM-SSB and GFSK held out; its printed figures are not at hand.
    """
    results, failures, _ = detector_figures(laboratory)
    keys = ("tkr", "tur", "wtr", "known_accuracy", "f1", "auroc")
    rows = []
    for name in DETECTORS:
        figures = results[name][1] if name in results else dict.fromkeys(keys)
        rows.append([name, paper(None), paper(None), *(_value(figures, key) for key in keys)])
    drawn = ("tkr", "tur", "known_accuracy", "f1")
    values = [[figures[key] for key in drawn] for _, figures in results.values()]
    return Report(
        title="Table 5: detectors of the unknown",
        shows=f"All on one network, {held_out(laboratory.unknown)} held out.",
        columns=["detector", "TKR, paper", "TUR, paper", *(NAMES[key] for key in keys)],
        rows=rows,
        draw=bars([NAMES[key] for key in drawn], list(results), values),
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
