# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of open-set figures, as the paper has them."""

from functools import partial

from ...plots.bars import draw_bars
from ..report import Report, number, paper, share
from .printed import printed

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


def value(figures, key):
    """A figure as its cell has it."""
    return number(figures[key]) if key in PLAIN else share(figures[key])


def open_set_table(title, shows, trainings, remarks=()):
    """One column for each (label, set of printed figures, ``Trained``)."""
    rows = []
    for key, name in NAMES.items():
        if key in ("known_accuracy", "tkr", "tur"):
            rows.append([f"{name}, paper", *(paper(printed(p, key)) for _, p, _ in trainings)])
            name += ", ours"
        rows.append([name, *(value(trained.figures, key) for _, _, trained in trainings)])
    keys = ("known_accuracy", "tkr", "tur", "known_precision", "unknown_precision")
    values = [[trained.figures[key] for key in keys] for _, _, trained in trainings]
    labels = [label for label, _, _ in trainings]
    draw = partial(draw_bars, groups=[NAMES[key] for key in keys], labels=labels, values=values)
    return Report(title, shows, ["", *labels], rows, draw, (10, 5), list(remarks))
