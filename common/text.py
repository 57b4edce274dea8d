"""Make untrusted text, such as file names and tags, safe for terminals and spreadsheets, and write CSV."""

from __future__ import annotations

import csv
import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

FORMULA = ("=", "+", "-", "@")
"""First characters of a cell that make spreadsheets treat it as a formula."""

TURNS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")
"""Characters that change the writing direction or end a line, so that the text after them is displaced."""


def printable(text: str) -> str:
    r"""Return text as one line that is safe to print: control characters and lone surrogates are escaped.

    >>> printable("scan\x1b[2J.png")
    'scan\\x1b[2J.png'
    """
    return "".join(_escaped(one) if _is_unsafe(one) else one for one in text)


def _is_unsafe(one: str) -> bool:
    return one in TURNS or unicodedata.category(one) in ("Cc", "Cs")


def _escaped(one: str) -> str:
    return one.encode("unicode_escape", "surrogatepass").decode("ascii")


def cell(value: Any) -> Any:
    """Return a value for a CSV cell: text as one line that is not taken for a formula; NaN as an empty cell."""
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    if not isinstance(value, (str, Path)):
        return value
    text = printable(str(value))
    return f"'{text}" if text.startswith(FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as UTF-8 CSV; None and NaN become empty cells, and text is made safe by `cell`.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        Column names in order; a row may lack some.
    rows : iterable of mapping
    """
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.DictWriter(file, fieldnames=columns)
        writer.writeheader()
        for row in rows:
            writer.writerow({name: cell(value) for name, value in row.items()})
