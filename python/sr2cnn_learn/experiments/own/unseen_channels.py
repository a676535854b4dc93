# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured on a test set of channels that no training saw, and on modulations that none saw."""

import numpy as np

from ...discriminator import Discriminator
from ...evaluation.evaluate import figures_of
from ...evaluation.separation import score_metrics
from ..data import BACKGROUND, NEVER_SEEN

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
DISCOVERY = ("hungarian_accuracy", "hungarian_accuracy_as_emitted", "major_classes")
MEAN = "never seen, mean"
OTHERS = f"Background: {', '.join(BACKGROUND)}; never seen: {', '.join(NEVER_SEEN)}."


def figures_of_set(bundle, z, truth, orders, progress=None):
    """The rows of ``FIGURES`` for the test set's vectors: dict from figure to value."""
    found = figures_of(bundle, z, truth, orders, seed=0, progress=progress)
    figures = {key: found[key] for key in FIGURES if key not in DISCOVERY}
    return dict(figures, **{key: found["discovery"][key]["mean"] for key in DISCOVERY})


def never_seen(bundle, z, truth, unseen):
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
