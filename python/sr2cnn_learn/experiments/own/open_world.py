# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``best`` preset beside the paper's, on a test set of channels that no training saw.

No experiment of the paper: its four sets of unknown classes, and modulations that are in no training set at
all, not even as background.
"""

import numpy as np

from ...datasets import load_dataset
from ...discriminator import Discriminator
from ...evaluation.evaluate import figures_of
from ...evaluation.separation import score_metrics
from ..sr2cnn.printed import UNKNOWN_SETS, printed
from ..report import Report, bars, held_out, number, share

FIGURES = dict(
    upper_bound="UB (closed set)",
    known_accuracy="known accuracy",
    tkr="TKR",
    tur="TUR",
    auroc="AUROC",
    tur_at_tkr95="TUR at TKR 95 %",
    hungarian_accuracy="Hungarian accuracy",
    hungarian_accuracy_as_emitted="Hungarian accuracy, ids as emitted",
    major_classes="discovered classes ≥ 5 %",
)
PLAIN = ("auroc", "major_classes")
DISCOVERY = ("hungarian_accuracy", "hungarian_accuracy_as_emitted", "major_classes")
TARGETS = dict(
    auroc="≥ 0.995", tur_at_tkr95="≥ 97 %", hungarian_accuracy="≥ 95 %", major_classes="{true}"
)
MEAN = "never seen, mean"
NOT_RUN = "not run"


def _figures(bundle, z, truth, orders, progress=None):
    """The rows of ``FIGURES`` for the test set's vectors: dict from figure to value."""
    found = figures_of(bundle, z, truth, orders, seed=0, progress=progress)
    figures = {key: found[key] for key in FIGURES if key not in DISCOVERY}
    return dict(figures, **{key: found["discovery"][key]["mean"] for key in DISCOVERY})


def _never_seen(bundle, z, truth, unseen):
    """TUR at TKR 95 % for each modulation of ``unseen``, and their mean: dict."""
    scale = Discriminator(**bundle.discriminator_options())
    of_known = scale.nearest_known(z[np.isin(truth, bundle.classes)])[1]
    of_unseen = scale.nearest_known(bundle.encode(unseen.frames))[1]
    shares = {}
    for name in unseen.modulations:
        scores = np.concatenate([of_known, of_unseen[unseen.labels == name]])
        strange = np.arange(len(scores)) >= len(of_known)
        shares[name] = score_metrics(scores, strange, ~strange)["tur_at_tkr95"]
    return dict(shares, **{MEAN: float(np.mean(list(shares.values())))})


def _cell(key, values):
    """One value, or mean ± standard deviation of several."""
    if None in values:
        return "none"
    if key in PLAIN:
        spread = f" ± {np.std(values):.2g}" if len(values) > 1 else ""
        return number(float(np.mean(values)), 4) + spread
    spread = f" ± {100 * np.std(values):.1f}" if len(values) > 1 else ""
    return share(float(np.mean(values))) + spread


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


def ablation(laboratory, alone, test, unseen):
    """The preset ``best`` without one of its parts at a time, on the first set of unknown classes.

    Args:
        laboratory: ``Laboratory`` of the preset, with background
        alone: the same without background
        test, unseen: as in ``open_world``

    Returns:
        ``Report``
    """
    test, unseen = load_dataset(test), load_dataset(unseen)
    unknown = UNKNOWN_SETS[0]
    for one in (laboratory, alone):
        one.used.clear()
    trainings = {
        name: laboratory.trained(unknown, **fields) for name, fields in ABLATION.items()
    }
    trainings["no background classes"] = alone.trained(unknown)
    rows, drawn = [], []
    for name, trained in trainings.items():
        z = trained.bundle.encode(test.frames)
        found = _figures(trained.bundle, z, test.labels, orders=1)
        never = _never_seen(trained.bundle, z, test.labels, unseen)[MEAN]
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
        title="The best preset without one part at a time",
        shows=f"{', '.join(unknown)} held out; one training each.",
        columns=["recipe", "UB", "known accuracy", "AUROC", "TUR at TKR 95 %", "never seen, mean"],
        rows=rows,
        draw=bars(list(trainings), labels, list(zip(*drawn))),
        size=(11, 6),
        remarks=[f"test set: {len(test)} frames, sha256 `{test.sha256}`"],
    )


def open_world(laboratories, test, unseen, first_only=(), orders=10, progress=None):
    """Each unknown set and the never-seen modulations for groups of trainings.

    Args:
        laboratories: dict from column to list of ``Laboratory``, one a training seed
        test, unseen: data files that no training saw; ``unseen`` has other modulations than ``test``
        first_only: columns that are run on the first set of unknown classes alone
        orders: stream orders that discovery is measured in
        progress: called with 1 after each order

    Returns:
        ``Report``
    """
    test, unseen = load_dataset(test), load_dataset(unseen)
    for one in (one for each in laboratories.values() for one in each):
        one.used.clear()
    rows, groups, drawn = [], [], {column: [] for column in laboratories}
    never = {column: [] for column in laboratories}
    for unknown in UNKNOWN_SETS:
        first, results = unknown == UNKNOWN_SETS[0], {}
        for column, each in laboratories.items():
            if not first and column in first_only:
                continue
            results[column] = []
            for bundle in (one.trained(unknown).bundle for one in each):
                z = bundle.encode(test.frames)
                results[column].append(_figures(bundle, z, test.labels, orders, progress))
                if first:
                    never[column].append(_never_seen(bundle, z, test.labels, unseen))
        for key, name in FIGURES.items():
            target = TARGETS.get(key, "").format(true=len(unknown))
            if key == "known_accuracy" and first:
                target = "≥ 93 %"
            in_print = printed(unknown, key)
            rows.append(
                [
                    f"{held_out(unknown)}: {name}",
                    "" if in_print is None else f"{in_print:.1f} %",
                    *(
                        _cell(key, [r[key] for r in results[column]]) if column in results else NOT_RUN
                        for column in laboratories
                    ),
                    target,
                ]
            )
        groups.append(held_out(unknown))
        for column in laboratories:
            shares = [run["tur_at_tkr95"] for run in results.get(column, [])]
            drawn[column].append(np.mean(shares) if shares else None)
    for name in [*unseen.modulations, MEAN]:
        title = name if name == MEAN else f"{name}, never seen"
        cells = [_cell("share", [run[name] for run in runs]) for runs in never.values()]
        target = "≥ 95 %" if name == MEAN else ""
        rows.append([f"{title}: {FIGURES['tur_at_tkr95']}", "", *cells, target])
        groups.append(name)
        for column, runs in never.items():
            drawn[column].append(np.mean([run[name] for run in runs]))

    return Report(
        title="The best preset beside the paper's",
        shows="On a test set of a seed and channels that no training saw. Mean ± standard deviation "
        "where there is more than one training seed.",
        columns=["figure", "the paper prints", *laboratories, "target"],
        rows=rows,
        draw=bars(groups, list(drawn), list(drawn.values()), "TUR at TKR 95 %"),
        size=(12, 5.5),
        remarks=[
            f"test set: {len(test)} frames, sha256 `{test.sha256}`; never seen: {len(unseen)} frames, "
            f"sha256 `{unseen.sha256}`",
            f"Discovery is measured in {orders} stream orders. A frame counts for the discovered class that "
            "its id's is part of at the end; as emitted, ids count as they came, before later merges.",
        ],
    )
