# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of an open-set run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..evaluation.confusion import OTHER, confusion_table
from .file import picture


def draw_run(
    path: str | Path,
    truth: Sequence[str],
    labels: Sequence[str],
    z: np.ndarray,
    classes: Sequence[str],
    centers: np.ndarray,
    title: str,
) -> None:
    """Write a picture of a run: confusion matrix, and a map of the semantic space.

    The map is the plane through the known centers and the frames that holds the most of the
    variance (PCA). A frame's color is the label that it was given.

    Args:
        path: picture to write; the suffix tells the format
        truth, labels: (N,) true and given labels
        z: (M, dim) semantic vectors of the first M of these frames
        classes, centers: names and (K, dim) centers of the known classes
    """
    rows, columns, shares = confusion_table(truth, labels, classes)
    with picture(path, (16, 7.5)) as figure:
        matrix_axes, map_axes = figure.subplots(1, 2)
        figure.suptitle(title)
        _draw_matrix(matrix_axes, rows, columns, shares, len(classes))
        _draw_map(map_axes, np.asarray(labels)[: len(z)], z, columns, classes, centers)


def _draw_matrix(axes, rows, columns, shares, n_known):
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right")
    axes.set_yticks(range(len(rows)), rows)
    axes.set(xlabel="given label", ylabel="truth", title="share of each true class's frames")
    axes.axvline(n_known - 0.5, color="gray", lw=1)
    axes.axhline(sum(row in columns[:n_known] for row in rows) - 0.5, color="gray", lw=1)
    for (i, j), share in np.ndenumerate(shares):
        if share >= 0.005:
            color = "white" if share > 0.5 else "black"
            axes.text(j, i, f"{share:.2f}", ha="center", va="center", fontsize=7, color=color)


def _draw_map(axes, labels, z, columns, classes, centers):
    points = np.concatenate([centers, z])
    mean = points.mean(axis=0)
    plane = np.linalg.svd(points - mean, full_matrices=False)[2][:2].T
    flat, flat_centers = (z - mean) @ plane, (centers - mean) @ plane
    palette = [*_colors("tab10", 10), *_colors("Set2", 8), *_colors("Dark2", 8)]
    for i, column in enumerate(columns):
        of_column = labels == column
        if column == OTHER:
            of_column = ~np.isin(labels, columns)
        if not of_column.any():
            continue
        new = column not in classes
        axes.scatter(
            *flat[of_column].T,
            s=22 if new else 6,
            marker="^" if new else "o",
            color=palette[i % len(palette)],
            alpha=0.7,
            linewidths=0,
            label=column,
        )
    axes.scatter(*flat_centers.T, marker="*", s=160, color="black", label="known centers")
    for name, position in zip(classes, flat_centers):
        axes.annotate(name, position, xytext=(5, 5), textcoords="offset points", weight="bold")
    axes.set(title="semantic space, first two principal components", xticks=[], yticks=[])
    axes.legend(fontsize=7, markerscale=1.2, ncols=2)


def _colors(name, n):
    from matplotlib import colormaps

    return [colormaps[name](i) for i in range(n)]
