"""A table of figures, printed in the terminal and, from the JSON, in the documentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

Cell = str | float | Mapping[str, float] | None
"""Words, a number, median with quartiles (see `timing.spread`), or nothing."""

Row = dict[str, Cell]


@dataclass(frozen=True)
class Section:
    """One table.

    Parameters
    ----------
    key : str
        Its name in the JSON.
    title : str
    rows : sequence of dict
        Cells by column; a row may omit columns.
    note : str
        What readers must know to understand it.
    """

    key: str
    title: str
    rows: Sequence[Row]
    note: str = ""

    @property
    def columns(self) -> list[str]:
        """Return every column, in the order of first appearance."""
        return list(dict.fromkeys(column for row in self.rows for column in row))

    def texts(self) -> list[list[str]]:
        """Return the contents of each row's cells."""
        return [[text(row.get(column)) for column in self.columns] for row in self.rows]

    def show(self, console: Console) -> None:
        """Print it."""
        table = Table(*map(escape, self.columns), title=escape(self.title), caption=escape(self.note) or None)
        for row in self.texts():
            table.add_row(*map(escape, row))
        console.print(table)

    def markdown(self) -> str:
        """Return the section as a heading, a table and the note."""
        lines = [self.columns, ["---"] * len(self.columns), *self.texts()]
        table = "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines)
        return f"### {self.title}\n\n{table}\n" + (f"\n{self.note}\n" if self.note else "")

    def to_dict(self) -> dict[str, Any]:
        """Return what is stored in the JSON."""
        return {"title": self.title, "note": self.note, "rows": list(self.rows)}


def text(cell: Cell) -> str:
    """Return a cell as text, numbers with about three digits."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, Mapping):
        return f"{text(cell['median'])} ({text(cell['low'])} to {text(cell['high'])})"
    if isinstance(cell, int) or abs(cell) >= 100:
        return f"{cell:,.0f}"
    if 0 < abs(cell) < 0.01:
        return f"{cell:.1e}"
    return f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"
