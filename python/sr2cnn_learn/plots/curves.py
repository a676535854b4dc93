# SPDX-License-Identifier: GPL-3.0-or-later
"""Curves: of a training, over λ1, of detectors."""

import numpy as np

BESIDE = dict(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)  # of a legend


def draw_training(figure, epochs, losses, accuracy):
    """Losses and validation accuracy by epoch, one above the other.

    Args:
        figure: empty matplotlib ``Figure``
        epochs: numbers (N,)
        losses: dict from name to (N,) values
        accuracy: (N,) shares
    """
    top, bottom = figure.subplots(2, 1, sharex=True)
    for name, values in losses.items():
        top.plot(epochs, values, marker=".", label=name)
    top.set(yscale="log", ylabel="loss, mean of an epoch")
    bottom.plot(epochs, 100 * np.asarray(accuracy), marker=".", color="black")
    bottom.set(xlabel="epoch", ylabel="validation accuracy, %", ylim=(0, 100))
    top.legend(**BESIDE)
    for axes in (top, bottom):
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)


def draw_rates(figure, curves, least, part):
    """TKR, TUR and WTR over λ1, a panel for each distance; the interval of large WTR in gray.

    Args:
        figure: empty matplotlib ``Figure``
        curves: dict from distance to λ1 (N,) in rising order and the three rates (N,) as shares
        least: WTR of the interval
        part: of the data set, in words
    """
    panels = figure.subplots(1, len(curves), squeeze=False).flat
    for axes, (distance, (lambdas, *rates)) in zip(panels, curves.items()):
        for values, label in zip(rates, ("TKR", "TUR", "WTR")):
            axes.plot(lambdas, 100 * values, label=label)
        gray = dict(color="gray", alpha=0.2, lw=0, label=f"WTR > {100 * least:.0f} %")
        axes.fill_between(lambdas, 0, 105, where=rates[2] > least, step="post", **gray)
        axes.set(title=distance, xscale="log", xlabel="λ1", ylabel=f"% of {part} frames")
        axes.set(xlim=np.quantile(lambdas, [0.02, 1]), ylim=(0, 105))
        axes.grid(alpha=0.3)
    names = axes.get_legend_handles_labels()
    figure.legend(*names, loc="outside upper center", ncols=4, frameon=False)


def draw_detectors(figure, curves, tkr, bold):
    """TUR over TKR.

    Args:
        figure: empty matplotlib ``Figure``
        curves: dict from name to TKR and TUR (N,) as shares
        tkr: share that is marked
        bold: name of the curve that stands out
    """
    axes = figure.subplots()
    for name, (known, unknown) in curves.items():
        axes.plot(100 * known, 100 * unknown, label=name, lw=2.5 if name == bold else 1.3)
    axes.axvline(100 * tkr, color="gray", ls=":", label=f"TKR {100 * tkr:.0f} %")
    axes.set(xlabel="TKR, %", ylabel="TUR, %", xlim=(0, 101), ylim=(0, 101))
    axes.grid(alpha=0.3)
    axes.legend(**BESIDE)


def draw_scaling(figure, panels):
    """How rates grow, both axes logarithmic, two panels a row.

    Args:
        figure: empty matplotlib ``Figure``
        panels: list of (title, label of x, label of y, dict from name to x and y)
    """
    for axes, (title, xlabel, ylabel, curves) in zip(figure.subplots(-(-len(panels) // 2), 2).flat, panels):
        for name, (x, y) in curves.items():
            axes.loglog(x, y, "o-", label=name)
        axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
        axes.grid(True, which="both", alpha=0.3)
        axes.legend()
