# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures 4 to 8 of the paper. Each takes a ``Laboratory`` and gives a ``Report``.

Of none is the print at hand. Figure 8 is known to show the detectors of table 5. What figures 4 to 7 show
is put together here from the experiments of the paper's section V; the docstrings say what each is taken for.
"""

import numpy as np
from sklearn.manifold import TSNE
from sklearn.metrics import roc_curve

from ...calibration import DISTANCES
from ...evaluation.metrics import weighted_true_rate
from ...evaluation.separation import MIN_WTR, TKR, discrimination_interval
from .printed import printed
from ..report import Report, held_out, number, paper, share
from .tables import detector_figures

MAX_ROWS = 12  # of the table of epochs
MAP_FRAMES = 1500  # frames on the map of the semantic space


def fig4(laboratory):
    """Statistics in training, taken for what the paper shows: the losses and the accuracy by epoch."""
    history = laboratory.trained(laboratory.unknown).history
    keys = ("loss", "cross_entropy", "center", "reconstruction")
    chosen = np.unique(np.linspace(0, len(history) - 1, MAX_ROWS).round().astype(int))

    def draw(figure):
        epochs = [epoch["number"] for epoch in history]
        top, bottom = figure.subplots(2, 1, sharex=True)
        for key in keys:
            top.plot(epochs, [epoch[key] for epoch in history], marker=".", label=key.replace("_", "-"))
        top.set(yscale="log", ylabel="loss, mean of an epoch")
        bottom.plot(epochs, [100 * e["validation_accuracy"] for e in history], marker=".", color="black")
        bottom.set(xlabel="epoch", ylabel="validation accuracy, %", ylim=(0, 100))
        top.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
        for axes in (top, bottom):
            axes.grid(alpha=0.3)
            axes.xaxis.get_major_locator().set_params(integer=True)

    return Report(
        title="Figure 4: in training",
        shows="Losses on training frames and closed-set accuracy on validation frames, "
        f"{held_out(laboratory.unknown)} held out.",
        columns=["epoch", "loss", "cross-entropy", "center", "reconstruction", "accuracy", "accuracy, paper"],
        rows=[
            [
                str(history[i]["number"]),
                *(number(history[i][key]) for key in keys),
                share(history[i]["validation_accuracy"]),
                paper(None),
            ]
            for i in chosen
        ],
        draw=draw,
        size=(9, 6),
        remarks=["Losses before their weights; the first is the weighted sum of the three."],
    )


def _rates(needed, unknown):
    """λ1 in rising order, and TKR and TUR just above each."""
    lambdas = np.unique(needed)
    tkr = np.searchsorted(np.sort(needed[~unknown]), lambdas, side="right") / np.sum(~unknown)
    tur = 1 - np.searchsorted(np.sort(needed[unknown]), lambdas, side="right") / np.sum(unknown)
    return lambdas, tkr, tur


def fig5(laboratory):
    """TKR, TUR and WTR over λ1 and the discrimination interval, taken for what the paper shows.

    The paper sweeps λ1 on the test set; here it is the validation part, unless ``sweep_test`` is set.
    """
    return _sweep(laboratory, "Figure 5: true known and unknown rate over λ1", laboratory.unknown)


def fig7(laboratory):
    """Figure 5 on the second data set, SIGNAL-202002; taken for what the paper shows."""
    title = "Figure 7: true known and unknown rate over λ1 on the second data set"
    return _sweep(laboratory, title, ())


def _sweep(laboratory, title, printed_for):
    trained = laboratory.trained(laboratory.unknown)
    part = "test" if laboratory.sweep_test else "validation"
    columns, curves = [], {}
    for distance in DISTANCES:
        needed, unknown = trained.needed(distance, part)
        lambdas, tkr, tur = curves[distance] = _rates(needed, unknown)
        wtr = weighted_true_rate(tkr, tur)
        best = int(np.argmax(wtr))
        needed, unknown = trained.needed(distance, "test")
        test_tkr = np.mean(needed[~unknown] <= lambdas[best])
        test_tur = np.mean(needed[unknown] > lambdas[best])
        columns.append(
            {
                "λ1": number(lambdas[best]),
                f"WTR on the {part} part": share(wtr[best]),
                "TKR, paper": paper(printed(printed_for, "tkr")),
                "TKR, ours": share(test_tkr),
                "TUR, paper": paper(printed(printed_for, "tur")),
                "TUR, ours": share(test_tur),
                "WTR": share(weighted_true_rate(test_tkr, test_tur)),
                "interval of λ1, paper": paper(None),
                "interval of λ1, ours": number(discrimination_interval(needed, unknown)),
            }
        )

    def draw(figure):
        for axes, (distance, (lambdas, tkr, tur)) in zip(figure.subplots(1, len(curves)), curves.items()):
            wtr = weighted_true_rate(tkr, tur)
            for values, label in ((tkr, "TKR"), (tur, "TUR"), (wtr, "WTR")):
                axes.plot(lambdas, 100 * values, label=label)
            axes.fill_between(
                lambdas, 0, 105, where=wtr > MIN_WTR, color="gray", alpha=0.2, lw=0,
                step="post", label="WTR > 80 %",
            )  # fmt: skip
            axes.set(title=distance, xscale="log", xlabel="λ1", ylabel=f"% of {part} frames")
            axes.set(xlim=np.quantile(lambdas, [0.02, 1]), ylim=(0, 105))
            axes.grid(alpha=0.3)
        figure.legend(
            *axes.get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False
        )

    return Report(
        title=title,
        shows=f"λ1 of the largest WTR on the {part} part, and what it gives on the test part; "
        f"{held_out(laboratory.unknown)} held out.",
        columns=["", *DISTANCES],
        rows=[[name, *(column[name] for column in columns)] for name in columns[0]],
        draw=draw,
        size=(13, 4.5),
        remarks=[
            "λ1 by the largest WTR alone: the constraints on precision and isotopic classes are not asked "
            "for here. The paper's TKR and TUR are those of its chosen λ1 and distance.",
            "Interval: width of the range of λ1 in which WTR is above 80 %, on the test part.",
        ],
    )


def fig6(laboratory):
    """The semantic space as a map, taken for what the paper shows, with distances in and between classes."""
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

    def draw(figure):
        from matplotlib import colormaps

        axes = figure.subplots()
        for k, name in enumerate(names):
            new = name in trained.unknown
            axes.scatter(
                *flat[truth[: len(flat)] == name].T,
                s=26 if new else 9,
                marker="^" if new else "o",
                color=colormaps["tab20"](k % 20),
                linewidths=0,
                label=f"{name} (held out)" if new else name,
            )
        axes.set(xticks=[], yticks=[], title="test frames in semantic space, t-SNE")
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=1.5, frameon=False)

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
        draw=draw,
        size=(9, 6),
        remarks=[f"The map shows the first {len(flat)} frames of the test stream."],
    )


def fig8(laboratory):
    """The detectors of table 5, TUR over TKR; the paper's own picture of them is not at hand."""
    results, failures, unknown = detector_figures(laboratory)
    rows, curves = [], {}
    for name, (detection, figures) in results.items():
        false_known, known, _ = roc_curve(~unknown, -detection.scores)
        curves[name] = known, 1 - false_known
        at = np.quantile(detection.scores[~unknown], TKR, method="higher")
        at_95 = np.mean(detection.scores[unknown] > at)
        rows.append([name, paper(None), number(figures["auroc"]), share(at_95)])

    def draw(figure):
        axes = figure.subplots()
        for name, (tkr, tur) in curves.items():
            axes.plot(100 * tkr, 100 * tur, label=name, lw=2.5 if name == "SR2CNN" else 1.3)
        axes.axvline(100 * TKR, color="gray", ls=":", label="TKR 95 %")
        axes.set(xlabel="TKR, %", ylabel="TUR, %", xlim=(0, 101), ylim=(0, 101))
        axes.grid(alpha=0.3)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)

    return Report(
        title="Figure 8: detectors of the unknown",
        shows=f"TUR over TKR on the test part, for every threshold; {held_out(laboratory.unknown)} held out.",
        columns=["detector", "AUROC, paper", "AUROC, ours", "TUR at TKR 95 % (of the test part)"],
        rows=rows,
        draw=draw,
        size=(9, 5.5),
        remarks=[f"{name}: {reason}." for name, reason in failures.items()],
    )
