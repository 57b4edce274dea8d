"""Text from outside, such as file names and tags, made safe where people and programs read it; one writer of CSV."""

from __future__ import annotations

import csv
import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

FORMULA = ("=", "+", "-", "@")
"""What a cell begins with that spreadsheets compute."""

TURNS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")
"""Characters that turn the direction of writing or end a line: what follows them is shown elsewhere."""


def printable(text: str) -> str:
    r"""Return text in one line that a terminal shows as it is: control characters and lone surrogates escaped.

    >>> printable("scan\x1b[2J.png")
    'scan\\x1b[2J.png'
    """
    return "".join(_escaped(one) if _is_unsafe(one) else one for one in text)


def _is_unsafe(one: str) -> bool:
    return one in TURNS or unicodedata.category(one) in ("Cc", "Cs")


def _escaped(one: str) -> str:
    return one.encode("unicode_escape", "surrogatepass").decode("ascii")


def cell(value: Any) -> Any:
    """Return a value for a cell of CSV: text in one line that no spreadsheet takes for a formula, NaN as nothing."""
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
    """Write rows as CSV, UTF-8; None and NaN become empty cells, text is made safe by `cell`.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        In order; a row may lack some.
    rows : iterable of mapping
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=columns)
        writer.writeheader()
        for row in rows:
            writer.writerow({name: cell(value) for name, value in row.items()})
