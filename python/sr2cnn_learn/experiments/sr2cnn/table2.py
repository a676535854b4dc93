# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables 2 and 6: supervised learning beside SR2CNN."""

from collections import Counter
from functools import partial

import numpy as np

from ...evaluation.closed_set import class_indices, named_right
from ...plots.bars import draw_bars
from ..registry import experiment
from ..report import Report, held_out, paper, share
from .open_set import NAMES, value
from .printed import printed


@experiment("table2", "supervised learning beside SR2CNN with two classes held out, class by class", "sr2cnn")
def table2(setup):
    """Supervised learning beside SR2CNN on RML2016.10a, class by class.

    The paper's table has the accuracy of each modulation when all eleven are trained on, and when AM-SSB and
    GFSK are held out and discovered; below it known accuracy, TKR and TUR. At hand are 73.7 % known
    accuracy, TKR 95.9 % and TUR 99.8 %.
    """
    laboratory = setup.laboratory()
    return _comparison(laboratory, "Table 2: supervised learning and SR2CNN", laboratory.unknown)


@experiment("table6", "table 2 on the second data set, SIGNAL-202002", "sr2cnn", data=["signal202002"])
def table6(setup):
    """Table 2 on the paper's second data set, SIGNAL-202002: no printed figure is at hand."""
    title = "Table 6: supervised learning and SR2CNN on the second data set"
    return _comparison(setup.laboratory(), title, ())


def _dominant_shares(truth, ids, unknown):
    """Of each unknown class, the share that the largest discovered class dominated by it holds."""
    members = {}
    for name, class_id in zip(truth.tolist(), ids.tolist()):
        if class_id < 0:
            members.setdefault(class_id, Counter())[name] += 1
    shares = dict.fromkeys(unknown, 0.0)
    for counts in members.values():
        name, n = counts.most_common(1)[0]
        if name in shares:
            shares[name] = max(shares[name], n / np.sum(truth == name))
    return shares


def _comparison(laboratory, title, printed_for):
    """Table 2; the printed figures are those of the set ``printed_for``."""
    zero_shot = laboratory.trained(laboratory.unknown)
    supervised = laboratory.trained()
    truth = supervised.labels("test")
    logits = supervised.bundle.classify(supervised.z("test"))
    right = named_right(logits, class_indices(truth, supervised.classes))
    with_all = {name: float(np.mean(right[truth == name])) for name in supervised.classes}

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
                value(figures, key),
            ]
        )
    values = [[shares[name] for name in names] for shares in (with_all, open_set)]
    return Report(
        title=title,
        shows="Accuracy of each modulation: all trained on, and "
        f"{held_out(zero_shot.unknown)} held out whole and discovered.",
        columns=["", "supervised, paper", "supervised, ours", "SR2CNN, paper", "SR2CNN, ours"],
        rows=rows,
        draw=partial(
            draw_bars, groups=names, labels=["supervised", "SR2CNN"], values=values, ylabel="accuracy, %"
        ),
        size=(11, 5),
        remarks=[
            "Supervised: the classifier, nothing is rejected; its known accuracy is the mean over the "
            "classes that SR2CNN knows.",
            "SR2CNN: a known class's frames given its own name, a rejected one counts as wrong; a held-out "
            "class's frames in the largest discovered class that it dominates.",
        ],
    )
