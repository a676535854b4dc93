# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``residual`` preset beside the paper's: its four sets of unknown classes, and modulations that are in no
training set at all, not even as background."""

from functools import partial

import numpy as np

from ...plots.bars import draw_bars
from ...training import PRESETS
from ..registry import experiment
from ..report import Report, held_out, number, share
from ..sr2cnn.printed import UNKNOWN_SETS, printed
from .unseen_channels import FIGURES, MEAN, OTHERS, figures_of_set, never_seen

PLAIN = ("auroc", "major_classes")
TARGETS = dict(auroc="≥ 0.995", tur_at_tkr95="≥ 97 %", hungarian_accuracy="≥ 95 %", major_classes="{true}")
NOT_RUN = "not run"


@experiment(
    "open-world",
    "the preset residual beside the paper's",
    data=["radioml2016", "train", "background", "test", "unseen"],
)
def open_world(setup):
    """On a test set of channels that no training saw; the preset residual has its own number of epochs."""
    paper, seeds = setup.laboratory(), setup.options.repeats

    def residual(**options):
        return setup.laboratory("train", "residual", PRESETS["residual"].epochs, **options)

    plain = "residual, no background"
    columns = {
        f"paper, {_count(paper.epochs, 'epoch')}": [paper],
        plain: [residual()],
        f"residual, {_count(seeds, 'seed')}": [residual(background="background", i=i) for i in range(seeds)],
    }
    return compare(
        columns,
        setup.dataset("test"),
        setup.dataset("unseen"),
        first_only=[plain],
        progress=lambda n: setup.watcher.on_steps("stream orders", n),
    )


def compare(laboratories, test, unseen, first_only=(), orders=10, progress=None):
    """Each unknown set and the never-seen modulations for groups of trainings.

    Args:
        laboratories: dict from column to list of ``Laboratory``, one a training seed
        test, unseen: ``Dataset`` that no training saw; ``unseen`` has other modulations than ``test``
        first_only: columns that are run on the first set of unknown classes alone
        orders: stream orders that discovery is measured in
        progress: called with 1 after each order

    Returns:
        ``Report``
    """
    results = {unknown: {} for unknown in UNKNOWN_SETS}
    never = {column: [] for column in laboratories}
    for unknown, of_set in results.items():
        first = unknown == UNKNOWN_SETS[0]
        for column, each in laboratories.items():
            if not first and column in first_only:
                continue
            of_set[column] = []
            for bundle in (one.trained(unknown).bundle for one in each):
                z = bundle.encode(test.frames)
                of_set[column].append(figures_of_set(bundle, z, test.labels, orders, progress))
                if first:
                    never[column].append(never_seen(bundle, z, test.labels, unseen))
    names = [*unseen.modulations, MEAN]
    drawn = [
        [_mean(run["tur_at_tkr95"] for run in of_set.get(column, [])) for of_set in results.values()]
        + [_mean(run[name] for run in never[column]) for name in names]
        for column in laboratories
    ]
    return Report(
        title="The residual preset beside the paper's",
        shows="On a test set of a seed and channels that no training saw. Mean ± standard deviation "
        "where there is more than one training seed.",
        columns=["figure", "the paper prints", *laboratories, "target"],
        rows=[*_rows_of_sets(results, laboratories), *_rows_of_never_seen(never, names)],
        draw=partial(
            draw_bars,
            groups=[*map(held_out, UNKNOWN_SETS), *names],
            labels=list(laboratories),
            values=drawn,
            ylabel="TUR at TKR 95 %",
        ),
        size=(12, 5.5),
        remarks=[
            f"test set: {len(test)} frames, sha256 `{test.sha256}`; never seen: {len(unseen)} frames, "
            f"sha256 `{unseen.sha256}`",
            f"Discovery is measured in {orders} stream orders. A frame counts for the discovered class that "
            "its id's is part of at the end; as emitted, ids count as they came, before later merges.",
            OTHERS,
        ],
    )


def _rows_of_sets(results, columns):
    """A row for each figure of each set of unknown classes."""
    for unknown, of_set in results.items():
        for key, name in FIGURES.items():
            target = TARGETS.get(key, "").format(true=len(unknown))
            if key == "known_accuracy" and unknown == UNKNOWN_SETS[0]:
                target = "≥ 93 %"
            in_print = printed(unknown, key)
            runs = (of_set.get(column) for column in columns)
            yield [
                f"{held_out(unknown)}: {name}",
                "" if in_print is None else f"{in_print:.1f} %",
                *(_cell(key, [run[key] for run in each]) if each else NOT_RUN for each in runs),
                target,
            ]


def _rows_of_never_seen(never, names):
    """A row for each modulation that no training saw, and for their mean."""
    for name in names:
        title = name if name == MEAN else f"{name}, never seen"
        cells = [_cell("share", [run[name] for run in runs]) for runs in never.values()]
        yield [f"{title}: {FIGURES['tur_at_tkr95']}", "", *cells, "≥ 95 %" if name == MEAN else ""]


def _cell(key, values):
    """One value, or mean ± standard deviation of several."""
    if None in values:
        return "none"
    if key in PLAIN:
        spread = f" ± {np.std(values):.2g}" if len(values) > 1 else ""
        return number(float(np.mean(values)), 4) + spread
    spread = f" ± {100 * np.std(values):.1f}" if len(values) > 1 else ""
    return share(float(np.mean(values))) + spread


def _mean(values):
    """None of none."""
    values = list(values)
    return np.mean(values) if values else None


def _count(n, noun):
    return f"{n} {noun}" + "s" * (n != 1)
