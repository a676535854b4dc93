# SPDX-License-Identifier: GPL-3.0-or-later
"""`sr2cnn info`: what a model bundle is."""

from __future__ import annotations

import click

from ..wording import MEASURED, facts, figures_table, fitting_table, in_words
from ..wording import title as titled
from .common import json_options
from .output import stdout_console


@click.command()
@click.argument("bundle")
@json_options
def info(bundle, json_output):
    """Say what a model bundle is, from its card and semantics.

    BUNDLE is a file or the name of a shipped model.

    \b
    Examples:
      sr2cnn info sr2cnn
      sr2cnn info mine.pt --json
    """
    from ..bundle import Bundle

    bundle = Bundle.read(bundle)
    spread = "variances" if bundle.covariances is None else "covariances"
    semantics = {
        "centers": list(bundle.centers.shape),
        spread: list(getattr(bundle, spread).shape),
        "counts": dict(zip(bundle.classes, bundle.counts.tolist())),
    }
    if json_output.put({"path": str(bundle.path), "card": bundle.card, "semantics": semantics}):
        return
    console = stdout_console()
    console.print(bundle.name, style="bold")
    about = {
        "file": bundle.path,
        "frames": f"{bundle.frame_len} samples a frame, {bundle.samples_per_symbol:g} samples a symbol",
        "semantic space": f"{bundle.dim} dimensions",
        "discriminator": f"distance {bundle.distance}, λ1 {bundle.lambda1:.4g}, λ2 {bundle.lambda2:.4g}, "
        f"Θ2 by the {bundle.theta2}" + ("" if bundle.thresholds is None else ", a Θ1 for each class"),
    }
    console.print(facts(about.items()))
    nearest = _nearest_centers(bundle.centers)
    rows = [
        {
            "class": name,
            "training frames": str(count),
            "nearest class": bundle.classes[other],
            "at distance": f"{distance:.3g}",
        }
        for name, count, (other, distance) in zip(bundle.classes, bundle.counts, nearest)
    ]
    console.print(fitting_table(console, rows, [tuple(rows[0])], names=["class", "nearest class"]))
    provenance = bundle.card.get("provenance")
    provenance = dict(provenance) if isinstance(provenance, dict) else {}
    metrics = provenance.pop("metrics", None)
    if isinstance(metrics, dict):
        console.print(figures_table(MEASURED, metrics))
    console.print(facts((titled(key), in_words(value, key)) for key, value in provenance.items()))


def _nearest_centers(centers):
    """For each center the index of, and the Euclidean distance to, its nearest other one."""
    import numpy as np

    distances = np.linalg.norm(centers[:, None] - centers, axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(axis=1)
    return list(zip(nearest.tolist(), distances.min(axis=1).tolist()))
