# SPDX-License-Identifier: GPL-3.0-or-later
"""What an experiment gives: a table, remarks, and a picture; as Markdown, PNG and on the screen."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ..atomic import write_atomically
from ..plots.file import picture

NOT_AT_HAND = "–"
REMARK_NOT_AT_HAND = f"“{NOT_AT_HAND}” under *paper*: the paper's printed figure is not at hand."


def share(value):
    """0.737 → "73.7 %"; None → "none"."""
    return "none" if value is None else f"{100 * value:.1f} %"


def paper(percent):
    """73.7 → "73.7 %"; None → "–"."""
    return NOT_AT_HAND if percent is None else f"{percent:.1f} %"


def number(value, digits=3):
    """A figure that is no share; None → "none"."""
    return "none" if value is None else f"{value:.{digits}g}"


def held_out(names):
    """("AM-SSB", "GFSK") → "{AM-SSB, GFSK}"."""
    return "{" + ", ".join(names) + "}"


@dataclass
class Report:
    """Attributes:
    title: of the experiment
    shows: what it is about, one sentence or two
    columns, rows: the table, all strings
    draw: puts the picture on an empty matplotlib ``Figure``
    size: of the picture, inches
    remarks: sentences under the table
    """

    title: str
    shows: str
    columns: list
    rows: list
    draw: Callable
    size: tuple = (9, 5)
    remarks: list = field(default_factory=list)

    def all_remarks(self):
        """The remarks; one more where a figure of the paper is not at hand."""
        missing = any(NOT_AT_HAND in row for row in self.rows)
        return self.remarks + ([REMARK_NOT_AT_HAND] if missing else [])

    def markdown(self, provenance):
        """The report as Markdown, with a list of how it came about: dict of strings."""
        lines = [f"# {self.title}", "", self.shows, ""]
        lines += ["| " + " | ".join(row) + " |" for row in [self.columns, ["---"] * len(self.columns)]]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        lines += ["", *(f"- {remark}" for remark in self.all_remarks()), ""]
        lines += [f"- {key}: {value}" for key, value in provenance.items()]
        return "\n".join(lines) + "\n"

    def table(self):
        """The table as rich shows it."""
        from rich.table import Table

        table = Table(title=self.title)
        for i, column in enumerate(self.columns):
            table.add_column(column, overflow="fold", no_wrap=i == 0)
        for row in self.rows:
            table.add_row(*row)
        return table

    def write(self, folder, name, provenance):
        """Write ``<name>.md`` and ``<name>.png`` to a folder that is made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        with picture(folder / f"{name}.png", self.size, dpi=120) as figure:
            self.draw(figure)
        write_atomically(folder / f"{name}.md", self.markdown(provenance))
