# SPDX-License-Identifier: GPL-3.0-or-later
"""Table 4: four sets of unknown classes."""

from ..registry import experiment
from ..report import held_out
from .open_set import open_set_table
from .printed import UNKNOWN_SETS


@experiment("table4", "four sets of unknown classes", "sr2cnn")
def table4(setup):
    """Four sets of unknown classes on RML2016.10a.

    The paper has TKR and TUR (and more that is not at hand) of {AM-SSB, GFSK}, {CPFSK, GFSK},
    {AM-SSB, CPFSK} and {AM-SSB, CPFSK, GFSK}.
    """
    laboratory = setup.laboratory()
    trainings = [(held_out(names), names, laboratory.trained(names)) for names in UNKNOWN_SETS]
    return open_set_table(
        "Table 4: four sets of unknown classes",
        "One network for each set, trained without its classes.",
        trainings,
    )
