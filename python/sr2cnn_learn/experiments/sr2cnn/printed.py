# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures printed in the paper, in percent, as far as they are at hand. The others show as "–"."""

#: The four unknown sets of table 4.
UNKNOWN_SETS = (
    ("AM-SSB", "GFSK"),
    ("CPFSK", "GFSK"),
    ("AM-SSB", "CPFSK"),
    ("AM-SSB", "CPFSK", "GFSK"),
)

#: On RML2016.10a, by unknown set: the figures of ``open_set_metrics`` that are known to be printed.
RML2016_10A = {
    frozenset(("AM-SSB", "GFSK")): dict(known_accuracy=73.7, tkr=95.9, tur=99.8),
    frozenset(("CPFSK", "GFSK")): dict(tkr=89.6, tur=85.5),
    frozenset(("AM-SSB", "CPFSK")): dict(tkr=96.2, tur=98.4),
    frozenset(("AM-SSB", "CPFSK", "GFSK")): dict(tkr=90.9, tur=85.4),
}


def printed(unknown, figure):
    """The paper's figure in percent, or None where it is not at hand."""
    return RML2016_10A.get(frozenset(unknown), {}).get(figure)
