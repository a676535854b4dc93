# SPDX-License-Identifier: GPL-3.0-or-later
"""The experiments of Dong et al., *SR2CNN* (IEEE TSP 2021), table by table and figure by figure.

Data files in, Markdown tables and pictures out. Trainings are kept in a work folder and shared.
"""

from importlib import import_module

#: What each experiment is, in the order of the paper.
EXPERIMENTS = {
    "table2": "supervised learning beside SR2CNN with two classes held out, class by class",
    "table3": "ablation: each of the three losses left out, and L1 reconstruction",
    "table4": "four sets of unknown classes",
    "table5": "SR2CNN beside six other detectors of the unknown",
    "table6": "table 2 on the second data set, SIGNAL-202002",
    "fig4": "losses and accuracy in training",
    "fig5": "TKR, TUR and WTR over λ1, for each distance",
    "fig6": "the semantic space: map, distances within and between classes",
    "fig7": "figure 5 on the second data set, SIGNAL-202002",
    "fig8": "the detectors of table 5: TUR over TKR",
}

#: Those that are about the paper's second data set.
ON_SECOND_DATA = ("table6", "fig7")


def reproduce(name, laboratory):
    """Run an experiment.

    Args:
        name: one of ``EXPERIMENTS``
        laboratory: ``Laboratory`` that holds the data and does the trainings

    Returns:
        ``Report``

    Raises:
        ValueError: no such experiment, or the data is not fit for it
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"experiment is {name!r}, expected one of {', '.join(EXPERIMENTS)}")
    laboratory.used.clear()
    module = "sr2cnn.tables" if name.startswith("table") else "sr2cnn.figures"
    return getattr(import_module(f".{module}", __name__), name)(laboratory)
