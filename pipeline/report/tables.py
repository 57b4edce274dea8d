"""Prepare the tables of a report's page that have another form in ``report.json``: rows and column heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...classify.evaluation.controls import FEATURES
from ...common.warning_codes import warning_in_words

LISTED = 40
"""Most rows of a list on the page; ``report.json`` has all."""

FIGURES_IN_WORDS = {"n": "inputs", "covid": "with COVID", "auc": "AUC", "f1": "F1", "brier": "Brier score"}

CONTROLS_IN_WORDS = {
    "network": "the network itself",
    "erased": "the same network with the lungs erased",
    "mask": "the same network with the lung mask alone",
    "trivial": f"logistic regression on {', '.join(FEATURES)}, trained on other patients",
}

SHARED_IN_WORDS = {
    "shared_papers": "Papers in several parts",
    "shared_patients": "Patients in several parts",
    "shared_dicom": "Patients or series in several parts, by DICOM headers",
    "patients_in_sources": "Patients with the same name in several sources",
}

PAIRS_IN_WORDS = {
    "across_parts": "Alike, in different parts",
    "two_labels": "Alike, with different labels",
    "between_patients": "Alike, from different patients in one part",
}


def tables_of(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables under their names in ``templates/report.html``."""
    sets, leaks, failures = report["discrimination"], report["leaks"], report["failures"]
    shared = {title: _first([_shared(one) for one in leaks[name]]) for name, title in SHARED_IN_WORDS.items()}
    counted = ("inputs", "answered", "unreadable", "without_lung", "refused")
    said = "what this report says"
    return {
        "figures": [
            {
                "": FIGURES_IN_WORDS.get(name, name.replace("_", " ")),
                **{title: own[name] for title, own in sets.items()},
            }
            for name in next(iter(sets.values()))
        ],
        "leaks": shared | {title: _first(leaks[name]) for name, title in PAIRS_IN_WORDS.items()},
        "counts": {name.replace("_", " "): failures[name] for name in counted},
        "unanswered": _first([_shortened(row) for row in failures["unanswered"]]),
        "warnings": _first([_explained(row) for row in failures["warnings"]]),
        "controls": [{"AUC of": words, "": report["controls"][name]} for name, words in CONTROLS_IN_WORDS.items()],
        "provenance": {name.replace("_", " "): value for name, value in report["provenance"].items()},
        "claim": [
            {"item": f"{row['no']}. {row['section']}: {row['item']}", said: row[said]} for row in report["claim"]
        ],
    }


def _first(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the first rows, all with the same columns, and the number of further rows."""
    shown = rows[:LISTED]
    columns = dict.fromkeys(name for row in shown for name in row)
    return {"rows": [{name: row.get(name, "") for name in columns} for row in shown], "more": len(rows) - len(shown)}


def _shared(one: Mapping[str, Any]) -> dict[str, str]:
    return {"name": one["name"], **{part: ", ".join(names) for part, names in one["pictures"].items()}}


def _shortened(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with the input's path shortened to its last two parts; the JSON has the full path."""
    short = "/".join(Path(row["input"]).parts[-2:])
    return {**row, "input": short, "why": row["why"].replace(row["input"], short)}


def _explained(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row about a warning, with its meaning and a few of the inputs."""
    names = ", ".join(row["names"][:5]) + (" …" if len(row["names"]) > 5 else "")
    code = row["warning"]
    return {"warning": code, "inputs": row["inputs"], "meaning": warning_in_words(code), "names": names}
