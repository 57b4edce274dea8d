"""Write the report's sections on the data: cohort, leaks and duplicates, failures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ...common.page import html_facts, html_table
from ...common.warning_codes import warning_in_words

LISTED = 40
"""Most rows of a list on the page; ``report.json`` has all."""


def cohort_section(cohort: Mapping[str, Any]) -> Iterator[str]:
    """Count the patients and inputs that were measured, and those they were compared with."""
    yield html_table(cohort["groups"])
    yield "<h3>Measured inputs that could be read</h3>"
    yield html_facts({name: _counted(value) for name, value in cohort["measured"].items()})


def _counted(value: str | Mapping[str, int]) -> str:
    return value if isinstance(value, str) else ", ".join(f"{name} {count}" for name, count in value.items())


def leaks_section(leaks: Mapping[str, Any]) -> Iterator[str]:
    """List what the parts share, and duplicates."""
    compared = leaks["compared"]
    parts = ", ".join(f"{count} in {part}" for part, count in leaks["parts"].items())
    yield (
        f"<p>Compared: {compared['inputs']} inputs, {escape(parts)}. Two pictures count as alike if their perceptual "
        f"hashes differ in at most {compared['near']} of {compared['bits']} bits: recompressed or resized copies are "
        "found, cropped or rotated ones mostly not. For volumes, the middle slice is compared.</p>"
    )
    yield "<h3>Patients, by kind of name</h3>"
    yield html_table(leaks["patients"]) or "<p>The patients are unknown.</p>"
    if leaks["papers"]:
        yield f"<p>{leaks['papers']} papers are known, from a column or from file names of paper, page and figure.</p>"
    groups = {
        "shared_papers": "Papers in several parts",
        "shared_patients": "Patients in several parts",
        "shared_dicom": "Patients or series in several parts, by DICOM headers",
        "patients_in_sources": "Patients with the same name in several sources",
    }
    for name, title in groups.items():
        yield f"<h3>{title}</h3>" + _list([_shared(one) for one in leaks[name]])
    titles = {
        "across_parts": "Alike, in different parts",
        "two_labels": "Alike, with different labels",
        "between_patients": "Alike, from different patients in one part",
    }
    for name, title in titles.items():
        yield f"<h3>{title}</h3>" + _list(leaks[name])


def _shared(one: Mapping[str, Any]) -> dict[str, str]:
    return {"name": one["name"], **{part: ", ".join(names) for part, names in one["pictures"].items()}}


def _list(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the first rows as a table, and the number of further rows."""
    if not rows:
        return "<p>None.</p>"
    columns = dict.fromkeys(name for row in rows[:LISTED] for name in row)
    more = f"<p>And {len(rows) - LISTED} more, in the JSON beside this page.</p>" if len(rows) > LISTED else ""
    return html_table([{name: row.get(name, "") for name in columns} for row in rows[:LISTED]]) + more


def failures_section(failures: Mapping[str, Any]) -> Iterator[str]:
    """List inputs without an answer, and warnings."""
    names = ("inputs", "answered", "unreadable", "without_lung", "refused")
    yield html_facts({name.replace("_", " "): str(failures[name]) for name in names})
    yield "<h3>Without an answer</h3>" + _list([_shortened(row) for row in failures["unanswered"]])
    yield "<h3>Warnings</h3>"
    yield _list(
        [
            {
                "warning": row["warning"],
                "inputs": row["inputs"],
                "meaning": warning_in_words(row["warning"]),
                "names": ", ".join(row["names"][:5]) + (" …" if len(row["names"]) > 5 else ""),
            }
            for row in failures["warnings"]
        ]
    )


def _shortened(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with the input's path shortened to its last two parts; the JSON has the full path."""
    short = "/".join(Path(row["input"]).parts[-2:])
    return {**row, "input": short, "why": row["why"].replace(row["input"], short)}
