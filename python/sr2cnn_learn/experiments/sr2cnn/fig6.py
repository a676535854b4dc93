# SPDX-License-Identifier: GPL-3.0-or-later
"""Figure 6: the semantic space. The print is not at hand: what the paper's section V makes one expect."""

from functools import partial

import numpy as np
from sklearn.manifold import TSNE

from ...plots.space import draw_space
from ..registry import experiment
from ..report import Report, held_out, number, paper

MAP_FRAMES = 1500  # frames on the map of the semantic space


@experiment("fig6", "the semantic space: map, distances within and between classes", "sr2cnn")
def fig6(setup):
    """The semantic space as a map, taken for what the paper shows, with distances in and between classes."""
    laboratory = setup.laboratory()
    trained = laboratory.trained(laboratory.unknown)
    z, truth = trained.stream()
    names = [*trained.classes, *trained.unknown]
    centers = np.stack([z[truth == name].mean(0) for name in names])
    between = np.linalg.norm(centers[:, None] - centers, axis=2)
    np.fill_diagonal(between, np.inf)
    rows = []
    for k, name in enumerate(names):
        within = np.linalg.norm(z[truth == name] - centers[k], axis=1)
        rows.append(
            [
                f"{name} (held out)" if name in trained.unknown else name,
                number(within.mean()),
                number(within.max()),
                names[between[k].argmin()],
                number(between[k].min()),
                paper(None),
            ]
        )
    shown = z[:MAP_FRAMES]
    flat = TSNE(
        init="pca", random_state=laboratory.seed, perplexity=min(30, (len(shown) - 1) / 3)
    ).fit_transform(shown)

    return Report(
        title="Figure 6: the semantic space",
        shows="Euclidean distances between test frames and the centers of their classes, and between "
        f"centers; {held_out(laboratory.unknown)} held out.",
        columns=[
            "class",
            "mean distance within",
            "largest within",
            "nearest class",
            "distance of centers",
            "paper",
        ],
        rows=rows,
        draw=partial(
            draw_space,
            flat=flat,
            labels=truth[: len(flat)],
            names=names,
            held_out=trained.unknown,
            title="test frames in semantic space, t-SNE",
        ),
        size=(9, 6),
        remarks=[f"The map shows the first {len(flat)} frames of the test stream."],
    )
