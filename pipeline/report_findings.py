"""What a reader must know before any figure of a report: leaks, failures and shortcuts, in one sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..classify.leak_table import NO_PART

FEW_PATIENTS = 50
"""Of a class; with fewer, intervals are wide and hide much."""

MISCALIBRATED = 0.1
"""Expected calibration error from which on probabilities are off."""

NAMED = 5
"""Of a kind, in a finding; the sections below name the rest."""


class Finding(NamedTuple):
    """One sentence, and whether it speaks against the figures ("leak", "doubt") or says what was checked ("good")."""

    kind: str
    text: str


def findings(report: Mapping[str, Any]) -> list[Finding]:
    """Return what there is to say of a report's figures, what speaks against them first."""
    every = [*_leaks(report["leaks"]), *_trained_on(report), *_failures(report["failures"]), *_doubts(report)]
    order = ("leak", "doubt", "good")
    return sorted(every, key=lambda finding: order.index(finding.kind))


def _leaks(leaks: Mapping[str, Any]) -> Iterator[Finding]:
    parts = [part for part in leaks["parts"] if part != NO_PART]
    papers = leaks["shared_papers"]
    for paper in papers[:NAMED]:
        yield Finding("leak", f"Pictures of paper {paper['name']} stand in {_where(paper)}.")
    if len(papers) > NAMED:
        yield Finding("leak", f"Pictures of {len(papers) - NAMED} more papers stand in several parts, listed below.")
    if shared := len(leaks["shared_patients"]):
        names = ", ".join(patient["name"] for patient in leaks["shared_patients"][:NAMED])
        more = " …" if shared > NAMED else ""
        yield Finding("leak", f"In several parts stand pictures of {_many(shared, 'patient')}: {names}{more}.")
    elif len(parts) > 1:
        counted = "; ".join(
            f"{row['names']} " + ", ".join(f"{row[part]} in {part}" for part in parts) for row in leaks["patients"]
        )
        yield Finding("good", f"No patient named in the tables stands in several parts ({counted}).")
    if pairs := len(leaks["across_parts"]):
        yield Finding("leak", f"Pictures in different parts look alike: {_many(pairs, 'pair')}.")
    elif len(parts) > 1:
        count = leaks["compared"]["with_hash"]
        yield Finding("good", f"No two pictures of different parts look alike ({count} compared).")
    if pairs := len(leaks["two_labels"]):
        yield Finding("doubt", f"Pictures look alike but have different labels: {_many(pairs, 'pair')}.")
    if pairs := len(leaks["between_patients"]):
        text = f"Pictures of different patients or blocks of one part look alike: {_many(pairs, 'pair')}"
        yield Finding("doubt", f"{text}. Intervals over patients may be too narrow.")


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _where(shared: Mapping[str, Any]) -> str:
    return " and ".join(f"{part} ({len(names)})" for part, names in shared["pictures"].items())


def _trained_on(report: Mapping[str, Any]) -> Iterator[Finding]:
    sources = {row["source"] for row in report["cohort"]["groups"]}
    if names := [name for name in report["provenance"]["trained_on"] if name in sources]:
        text = f"The network was trained on pictures of {' and '.join(names)}, so this is no external test"
        yield Finding("doubt", f"{text}. What it was trained on must not be measured at all.")


def _failures(failures: Mapping[str, Any]) -> Iterator[Finding]:
    missing = failures["inputs"] - failures["answered"]
    if missing:
        counts = ", ".join(
            f"{failures[name]} {words}"
            for name, words in (("unreadable", "unreadable"), ("without_lung", "without lung"), ("refused", "refused"))
            if failures[name]
        )
        text = f"{missing} of {failures['inputs']} inputs have no answer ({counts})"
        yield Finding("doubt", f"{text}; figures leave them out.")
    else:
        yield Finding("good", f"All {failures['inputs']} inputs were answered.")


def _doubts(report: Mapping[str, Any]) -> Iterator[Finding]:
    if any(row["patients"] < FEW_PATIENTS for row in report["patients_by_class"]):
        counted = " and ".join(f"{row['patients']} {row['label']}" for row in report["patients_by_class"])
        yield Finding("doubt", f"There are few patients, {counted}: intervals are wide.")
    words = {
        "erased": "with the lungs erased",
        "mask": "from the outline of the lungs alone",
        "trivial": "by brightness, border and size of the pictures alone",
    }
    for name, how in words.items():
        figure = report["controls"][name]
        if figure["interval"][0] > 0.5:
            yield Finding("doubt", f"The classes can be told {how}: AUC {figure['value']:.2f}. That much is no skill.")
    error = report["discrimination"]["answered"]["expected_calibration_error"]["value"]
    if error > MISCALIBRATED:
        yield Finding("doubt", f"Probabilities are {error:.2f} off on average: don't read them as frequencies.")
    if names := report["single_class_sources"]:
        text = f"One class alone comes from {' and '.join(names)}"
        yield Finding("doubt", f"{text}: there, telling sources apart looks like telling COVID.")
    if report["unlisted"]:
        first = ", ".join(report["unlisted"][:3])
        text = f"{_many(len(report['unlisted']), 'file')} of the folder without a label left out"
        yield Finding("doubt", f"{text}: {first}{' …' if len(report['unlisted']) > 3 else ''}.")
    if report["patients_unknown"]:
        text = f"{report['patients_unknown']} inputs have no patient: neighbours in blocks, or each input, count as one"
        yield Finding("doubt", f"{text}, so intervals may be too narrow.")
