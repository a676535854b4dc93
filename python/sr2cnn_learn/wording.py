# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures and facts as people read them, in tables that fit their terminal."""

from __future__ import annotations

import re
from itertools import pairwise

from rich.measure import Measurement
from rich.table import Column, Table

LISTED = 6  # SNRs that are told one by one
IN_SHORT = " in short"  # a column's key may end so, its heading does not
NUMBER = re.compile(r"-?[0-9.e+-]+( to [0-9]+)?")
DEEPEST = 5  # of dicts and lists within another
NAME_WIDTH = 24  # of a terminal's columns, for a name
LEAST_WIDTH = 6
UNBOUNDED = 1 << 16
MEASURED = "measured on the test part"
PHRASES = {
    "am_ssb": "AM-SSB",
    "dim": "dimensions",
    "isotopic": "most of them for one true class",
    "new_classes": "classes discovered",
    "tkr": "known taken for known (TKR)",
    "tur": "unknown taken for unknown (TUR)",
    "tur_at_tkr95": "TUR at TKR 95 %",
    "unknown": "held out",
    "wtr": "0.4 TKR + 0.6 TUR (WTR)",
}
WORDS = {"sha256": "SHA-256", "snrs": "SNRs", "lambda1": "λ1", "lambda2": "λ2", "theta2": "Θ2"}
WORDS |= {word: word.upper() for word in ("ari", "aupr", "auroc", "f1", "nmi", "oscr", "snr")}
#: Figures that are parts of a whole.
SHARES = {
    "closed_set_accuracy",
    "exact",
    "family",
    "found",
    "hungarian_accuracy",
    "hungarian_accuracy_as_emitted",
    "known_accuracy",
    "known_precision",
    "tkr",
    "tur",
    "tur_at_tkr95",
    "unknown_precision",
    "upper_bound",
    "wtr",
}


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def title(key: str) -> str:
    """A key of JSON in words: ``known_accuracy`` as "known accuracy", ``data_sha256`` as "data SHA-256"."""
    return PHRASES.get(key) or " ".join(WORDS.get(word, word) for word in key.split("_"))


def in_words(value, key: str = "", levels_left: int = DEEPEST) -> str:
    """A value of JSON in words, empty where there is nothing to say; ``key`` gives its unit."""
    if value in (None, [], {}, ""):
        return ""
    if not levels_left:
        return "…"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        said = ((title(name), in_words(each, name, levels_left - 1)) for name, each in value.items())
        return "; ".join(f"{name} {words}" for name, words in said if words)
    if key == "snrs" and isinstance(value, list) and all(is_level(each) for each in value):
        return levels(value)
    if isinstance(value, list):
        return ", ".join(filter(None, (in_words(each, "", levels_left - 1) for each in value)))
    if key.endswith("sha256") and isinstance(value, str) and len(value) == 64:
        return f"{value[:16]}…"  # enough to tell; --json has all of it
    return f"{value:g}" if isinstance(value, float) else str(value)


def is_level(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e3


def levels(snrs) -> str:
    """SNRs in dB: "16, 18 dB", "-20 to 18 dB by 2", "9 from -3 to 30 dB"."""
    snrs = sorted(set(snrs))
    steps = {b - a for a, b in pairwise(snrs)}
    if len(snrs) > 3 and len(steps) == 1:
        return f"{snrs[0]:g} to {snrs[-1]:g} dB by {steps.pop():g}"
    if len(snrs) > LISTED:
        return f"{len(snrs)} from {snrs[0]:g} to {snrs[-1]:g} dB"
    return f"{', '.join(f'{snr:g}' for snr in snrs)} dB"


def figure(key: str, value) -> str:
    """A figure of an evaluation: a share in percent, any other to four digits."""
    if isinstance(value, dict) and value.keys() == {"mean", "std"}:  # over several orders of the stream
        return f"{figure(key, value['mean'])} ± {figure(key, value['std'])}"
    if key in SHARES and isinstance(value, float):
        return f"{100 * value:.2f} %"
    return f"{value:.4f}" if isinstance(value, float) else in_words(value)


def facts(rows) -> Table:
    """Pairs of what and its value below each other; nothing of those without a value."""
    table = Table.grid(Column(no_wrap=True), Column(overflow="fold"), padding=(0, 2, 0, 0))
    for what, value in rows:
        if value:
            table.add_row(what, str(value))
    return table


def figures_table(heading: str, figures: dict) -> Table:
    """What was measured, a row each; nothing of what could not be."""
    table = Table(heading, Column("value", justify="right"))
    for key, value in figures.items():
        if said := figure(key, value):
            table.add_row(title(key), said)
    return table


def fitting_table(console, rows: list[dict], choices, names) -> Table:
    """A table of one line a row, with the first choice of columns that has room in the console.

    Args:
        rows: a dict a row, text by column; all of the same columns
        choices: tuples of columns, those that a row lacks left out; of the last, text is cut until
            it has room
        names: columns of names, which are cut in any case where they are long
    """
    tried = [(choice, dict.fromkeys(names, NAME_WIDTH)) for choice in choices]
    tried += [(choices[-1], dict.fromkeys(choices[-1], n)) for n in range(NAME_WIDTH, LEAST_WIDTH - 1, -1)]
    for choice, widest in tried:
        table = _table(rows, [key for key in choice if key in rows[0]], widest)
        if Measurement.get(console, console.options.update(width=UNBOUNDED), table).maximum <= console.width:
            break
    return table


def _table(rows, columns, widest) -> Table:
    table = Table()
    for key in columns:
        numbers = all(NUMBER.fullmatch(row[key]) for row in rows)
        table.add_column(
            key.removesuffix(IN_SHORT),
            no_wrap=True,
            overflow="ellipsis",
            justify="right" if numbers else "left",
            max_width=None if numbers else widest.get(key),
        )
    for row in rows:
        table.add_row(*(row[key] for key in columns))
    return table
