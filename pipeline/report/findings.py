"""State what a reader must know before any figure of a report: leaks, failures and shortcuts, one sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...classify.data.leak_table import NO_PART
from ...common.intervals import FEWEST

FEW_PATIENTS = 50
"""Patients per class; with fewer, intervals are too wide to show much."""

MISCALIBRATED = 0.1
"""Expected calibration error above which the report warns about the probabilities."""

NAMED = 5
"""Most names in a finding; the sections below have the rest."""


class Finding(NamedTuple):
    """One sentence, with its kind: a problem with the figures ("leak", "doubt"), or a passed check ("good")."""

    kind: str
    text: str


def findings(report: Mapping[str, Any]) -> list[Finding]:
    """Return the findings of a report, problems first."""
    every = [
        *leak_findings(report["leaks"]), *_trained_on(report), *_failures(report["failures"]),
        *_few(report), *_shortcuts(report), *_lists(report),
    ]  # fmt: skip
    order = ("leak", "doubt", "good")
    return sorted(every, key=lambda finding: order.index(finding.kind))


def leak_findings(leaks: Mapping[str, Any]) -> list[Finding]:
    """Return the findings of a leak table; see `lungct.classify.data.leak_table.leak_table`."""
    return [*_papers(leaks["shared_papers"]), *_patients(leaks), *_alike(leaks)]


def _papers(papers: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    for paper in papers[:NAMED]:
        yield Finding("leak", f"Pictures of paper {paper['name']} are in {_where(paper)}.")
    if len(papers) > NAMED:
        yield Finding("leak", f"Pictures of {len(papers) - NAMED} more papers are in several parts, listed below.")


def _patients(leaks: Mapping[str, Any]) -> Iterator[Finding]:
    shared, in_dicom, parts = leaks["shared_patients"], leaks["shared_dicom"], _parts(leaks["parts"])
    known = leaks["compared"]["with_patient_by_part"]
    if shared:
        text = f"Pictures of {_many(len(shared), 'patient')} are in several parts: {_names(shared)}"
        yield Finding("leak", f"{text}.")
    elif len(_parts(known)) > 1:
        counted = "; ".join(
            f"{row['names']} " + ", ".join(f"{row[part]} in {part}" for part in parts if row[part])
            for row in leaks["patients"]
        )
        yield Finding("good", f"No patient named in the tables is in several parts ({counted}).")
    missing = [part for part in parts if known.get(part, 0) < leaks["parts"][part]]
    if len(parts) > 1 and missing:
        text = f"Not all inputs of {' and '.join(missing)} have a patient"
        yield Finding("doubt", f"{text}: for those, it is unknown whether one is in several parts.")
    if in_dicom:
        pictures = " and ".join(f"{part}/{names[0]}" for part, names in in_dicom[0]["pictures"].items())
        text = f"By their DICOM headers, {_many(len(in_dicom), 'patient or series', 'patients or series')} "
        yield Finding("leak", f"{text}are in several parts, such as {pictures}.")
    if same := leaks["patients_in_sources"]:
        text = f"Several sources use the same patient names, which are counted as different patients: {_names(same)}"
        yield Finding(
            "doubt", f"{text}. If they are the same people, parts share patients and intervals are too narrow."
        )


def _alike(leaks: Mapping[str, Any]) -> Iterator[Finding]:
    parts, read = _parts(leaks["parts"]), leaks["compared"]["with_hash_by_part"]
    if pairs := len(leaks["across_parts"]):
        yield Finding("leak", f"Pictures in different parts look alike: {_many(pairs, 'pair')}.")
    elif len(_parts(read)) > 1:
        counted = ", ".join(f"{read[part]} of {part}" for part in _parts(read))
        yield Finding("good", f"No two pictures in different parts look alike (compared: {counted}).")
    if unread := [part for part in parts if part not in read]:
        text = f"No input of {' and '.join(unread)} could be read"
        yield Finding("doubt", f"{text}, so nothing was compared with it.")
    if pairs := len(leaks["two_labels"]):
        yield Finding("doubt", f"Pictures look alike but have different labels: {_many(pairs, 'pair')}.")
    if pairs := len(leaks["between_patients"]):
        text = f"Pictures of different patients or blocks in one part look alike: {_many(pairs, 'pair')}"
        yield Finding("doubt", f"{text}. Intervals over patients may be too narrow.")


def _parts(counts: Mapping[str, int]) -> list[str]:
    return [part for part in counts if part != NO_PART]


def _many(count: int, what: str, several: str = "") -> str:
    return f"{count} {what if count == 1 else several or what + 's'}"


def _names(some: Sequence[Mapping[str, Any]]) -> str:
    return _listed([one["name"] for one in some])


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (" …" if len(names) > NAMED else "")


def _where(shared: Mapping[str, Any]) -> str:
    return " and ".join(f"{part} ({len(names)})" for part, names in shared["pictures"].items())


def _trained_on(report: Mapping[str, Any]) -> Iterator[Finding]:
    sources = {row["source"] for row in report["cohort"]["groups"]}
    if names := [name for name in report["provenance"]["trained_on"] if name in sources]:
        text = f"The network was trained on pictures of {' and '.join(names)}, so this is not an external test"
        yield Finding("doubt", f"{text}. Training pictures must not be measured at all.")
    measured = [row for row in report["cohort"]["groups"] if row["used"] == "measured" and row["part"] == "train"]
    if count := sum(row["inputs"] for row in measured):
        text = f"{_many(count, 'input')} of the part train {'is' if count == 1 else 'are'} among those measured"
        yield Finding("doubt", f"{text}: results on training data say nothing about new patients.")


def _failures(failures: Mapping[str, Any]) -> Iterator[Finding]:
    missing = failures["inputs"] - failures["answered"]
    if missing:
        counts = ", ".join(
            f"{failures[name]} {words}"
            for name, words in (("unreadable", "unreadable"), ("without_lung", "without lung"), ("refused", "refused"))
            if failures[name]
        )
        text = f"{missing} of {failures['inputs']} inputs have no answer ({counts})"
        yield Finding("doubt", f"{text}; the results leave them out.")
    else:
        yield Finding("good", f"All {failures['inputs']} inputs were answered.")


def _few(report: Mapping[str, Any]) -> Iterator[Finding]:
    fewest = min(row["patients"] for row in report["patients_by_class"])
    counted = " and ".join(f"{row['patients']} {row['label']}" for row in report["patients_by_class"])
    if fewest < FEWEST:
        text = f"There are too few patients to conclude anything ({counted}): figures have no interval"
        yield Finding("doubt", f"{text}, and neither shortcuts nor calibration can be assessed.")
    elif fewest < FEW_PATIENTS:
        yield Finding("doubt", f"There are few patients ({counted}): intervals are wide.")


def _shortcuts(report: Mapping[str, Any]) -> Iterator[Finding]:
    words = {
        "erased": "with the lungs erased",
        "mask": "from the lung mask alone",
        "trivial": "from brightness, border and size of the pictures alone",
    }
    for name, how in words.items():
        figure = report["controls"][name]
        if figure["interval"] and figure["interval"][0] > 0.5:
            text = f"The classes can be predicted {how}: AUC {figure['value']:.2f}"
            yield Finding("doubt", f"{text}. Performance up to that level is no sign of skill.")
    error = report["discrimination"]["answered"]["expected_calibration_error"]
    if error["interval"] and error["value"] > MISCALIBRATED:
        off = f"{error['value']:.2f}"
        yield Finding("doubt", f"Probabilities are off by {off} on average: don't read them as frequencies.")
    if names := report["single_class_sources"]:
        text = f"Only one class comes from {' and '.join(names)}"
        yield Finding("doubt", f"{text}: recognising the source can pass for recognising COVID.")


def _lists(report: Mapping[str, Any]) -> Iterator[Finding]:
    if unlisted := report["unlisted"]:
        text = f"{_many(len(unlisted), 'file')} in the folder without a label left out"
        yield Finding("doubt", f"{text}: {_listed(unlisted)}.")
    if repeated := [Path(name).name for name in report["repeated"]]:
        yield Finding("doubt", f"Listed more than once, but counted once: {_listed(repeated)}.")
    if report["patients_unknown"]:
        text = f"{_many(report['patients_unknown'], 'input')} of unknown patients: blocks of neighbours, or single "
        text += "inputs, count as one patient"
        yield Finding("doubt", f"{text}, so intervals may be too narrow.")
