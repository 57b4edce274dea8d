"""Measure subgroups: by age, sex, scanner, and any other known detail of the inputs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .metrics import FEWER_RESAMPLES, counts, statistics, with_interval

UNKNOWN, OTHER = "not known", "other"

AGES = (0, 40, 60, 80)
"""Lower limits of the age groups."""

NUMERIC = 0.8
"""Share of values that must be numbers for a column to count as numeric."""

MOST = 8
"""Most groups per column; rarer values form one group."""

COVERED = 0.5
"""Share of the known values that named groups must cover; otherwise the column (free text, for example) is left out."""

LONGEST = 40
"""Longest group name in characters; longer values count as text."""

FEW = 10
"""Groups with fewer patients are marked."""


def subgroup_table(
    details: Sequence[Mapping[str, str]],
    probabilities: NDArray[np.float64],
    covid: NDArray[np.bool_],
    patients: Sequence[str],
    threshold: float,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Measure each group of each column.

    Parameters
    ----------
    details : sequence of mapping of str to str
        Details of each input, by column.
    probabilities : ndarray of float64, shape (n,)
    covid : ndarray of bool, shape (n,)
    patients : sequence of str
    threshold : float

    Returns
    -------
    rows : list of dict
        One per group: counts, and metrics with 95 % bootstrap intervals over patients.
    left_out : list of str
        Columns that can't be grouped: all values are the same, or nearly all are different.
    """
    rows, left_out = [], []
    for column in dict.fromkeys(name for row in details for name in row):
        values = np.array(groups_of(column, [row.get(column, "") for row in details]))
        groups = sorted(set(values) - {UNKNOWN}, key=lambda group: (group == OTHER, _natural(group)))
        named = np.isin(values, [group for group in groups if group != OTHER])
        if len(groups) < 2 or named.mean() < COVERED * (values != UNKNOWN).mean():
            left_out.append(column)
            continue
        for group in [*groups, *([UNKNOWN] if UNKNOWN in values else [])]:
            inside = np.flatnonzero(values == group)
            own = [patients[int(index)] for index in inside]
            row = {"column": column, "group": group, **counts(covid[inside], own)}
            found = statistics(probabilities[inside], covid[inside], threshold)
            row |= {
                name: with_interval(own, found[name], FEWER_RESAMPLES) for name in ("sensitivity", "specificity", "auc")
            }
            row["note"] = "few patients" if row["patients"] < FEW else ""
            rows.append(row)
    return rows, left_out


def groups_of(column: str, values: Sequence[str]) -> list[str]:
    """Return the group of each value: ages by `AGES`, other numbers by thirds, words by the most common ones.

    Parameters
    ----------
    column : str
        Name of the column; numbers in a column with "age" in its name are years.
    values : sequence of str
        Empty if unknown.
    """
    known = [value for value in values if value]
    numbers = {value: number for value in known if (number := _number(value)) is not None}
    if known and sum(value in numbers for value in known) >= NUMERIC * len(known):
        of_years = re.search(r"\bage\b", column.replace("_", " "), re.IGNORECASE) is not None
        if of_years or len(set(numbers.values())) > MOST:
            edges = list(AGES) if of_years else _thirds([numbers[value] for value in known if value in numbers])
            return [
                _bin(numbers[value], edges) if value in numbers else OTHER if value else UNKNOWN for value in values
            ]
    lowered = Counter(value.lower() for value in known if len(value) <= LONGEST)
    common = {value for value, _ in lowered.most_common(MOST)}
    written = {value.lower(): value for value in reversed(known)}
    return [UNKNOWN if not value else written[value.lower()] if value.lower() in common else OTHER for value in values]


def _number(text: str) -> float | None:
    found = re.fullmatch(r"(-?\d+(?:\.\d+)?)\s*[yY]?", text)
    return float(found[1]) if found else None


def _thirds(numbers: Sequence[float]) -> list[float]:
    return [float("-inf"), *(float(edge) for edge in np.quantile(numbers, (1 / 3, 2 / 3)))]


def _bin(number: float, edges: Sequence[float]) -> str:
    at = max((index for index, edge in enumerate(edges) if number >= edge), default=0)
    if at + 1 == len(edges):
        return f"{edges[at]:g} and more"
    return f"below {edges[at + 1]:g}" if at == 0 else f"{edges[at]:g} to below {edges[at + 1]:g}"


def _natural(text: str) -> tuple[int, float, str]:
    """Sort "below 40" before "40 to", and numbers by size."""
    found = re.match(r"(?:below )?(-?\d+(?:\.\d+)?)", text)
    return (0 if text.startswith("below") else 1, float(found[1]) if found else np.inf, text)
