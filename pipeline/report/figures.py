"""Compute all figures of a report as JSON types, for the page and for ``report.json``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...classify.data.leak_table import leak_table
from ...classify.evaluation.controls import CONTROLS, trivial_scores
from ...classify.evaluation.coverage import conformal_coverage, coverage_table
from ...classify.evaluation.metrics import auc_of, calibration_error_of, summarise, with_interval
from ...classify.evaluation.subgroups import subgroup_table
from ...classify.evaluation.thresholds import threshold_table
from ...classify.evaluation.transfer import leave_one_source_out
from ...sources import SourceError
from .rows import Answers, Row


def all_figures(
    rows: Sequence[Row], others: Sequence[Row], threshold: float, prevalences: Sequence[float]
) -> dict[str, Any]:
    """Compute all figures.

    Parameters
    ----------
    rows : sequence of Row
        Measured inputs.
    others : sequence of Row
        Inputs of other parts, for comparison.
    threshold : float
        The network's own threshold.
    prevalences : sequence of float

    Raises
    ------
    SourceError
        When the pipeline answers none of the inputs.
    """
    answers = Answers([row for row in rows if row.is_answered])
    if not answers.rows:
        first = next((row.error for row in rows if row.error), "no lung was found, or all were refused")
        problem = f"none of {len(rows)} inputs could be predicted. The first one: {first.rstrip('.')}"
        raise SourceError(str(rows[0].example.path), problem, "Give chest CT, and check the paths")
    probabilities, covid, patients = answers.probabilities, answers.covid, answers.patients
    subgroups, not_grouped = subgroup_table(
        [_of_groups(row) for row in answers.rows], probabilities, covid, patients, threshold
    )
    return {
        "cohort": cohort(rows, others),
        "leaks": leaks([*rows, *others]),
        "failures": failures(rows),
        "discrimination": discrimination(rows, answers, threshold),
        "thresholds": threshold_table(probabilities, covid, patients, threshold, prevalences),
        "leave_one_source_out": leave_one_source_out(probabilities, covid, patients, answers.sources, threshold),
        "subgroups": subgroups,
        "columns_without_groups": not_grouped,
        "controls": controls(answers),
        "source_probe": source_probe(answers),
        "refusal": refusal(rows, threshold),
        "conformal": conformal(answers),
    }


def cohort(rows: Sequence[Row], others: Sequence[Row]) -> dict[str, Any]:
    """Count inputs and patients by source, part and class, and summarise formats, sizes and scanners."""
    groups: dict[tuple[str, str, str, str], list[Row]] = {}
    for use, some in (("measured", rows), ("compared", others)):
        for row in some:
            item = row.example
            key = (item.source, item.part or "none", item.label, use)
            groups.setdefault(key, []).append(row)
    table = [
        {
            "source": source,
            "part": part,
            "label": label,
            "inputs": len(own),
            "patients": len({row.example.patient for row in own}),
            "papers": len({row.example.paper for row in own} - {""}) or "",
            "unreadable": sum(row.facts is None for row in own) or "",
            "used": use,
        }
        for (source, part, label, use), own in sorted(groups.items())
    ]
    return {"groups": table, "measured": _facts(rows)}


def _facts(rows: Sequence[Row]) -> dict[str, Any]:
    """Summarise facts from reading the inputs, including DICOM tags."""
    known = [row.facts for row in rows if row.facts]
    shapes = np.array([facts.shape for facts in known]).reshape(-1, 3)
    spacings = np.array([facts.spacing for facts in known if facts.spacing]).reshape(-1, 3)
    found: dict[str, Any] = {
        "formats": dict(Counter(facts.format for facts in known)),
        "values": dict(Counter(facts.intensity for facts in known)),
        "slices": _range(shapes[:, 0]),
        "height, pixels": _range(shapes[:, 1]),
        "width, pixels": _range(shapes[:, 2]),
        "spacing known": f"{len(spacings)} of {len(known)}",
        "pixel spacing, mm": _range(spacings[:, 1]),
        "slice spacing, mm": _range(spacings[:, 0]),
    }
    for name in sorted({name for facts in known for name in facts.tags}):
        found[f"{name} (DICOM)"] = dict(Counter(facts.tags.get(name, "not known") for facts in known).most_common(12))
    return {name: value for name, value in found.items() if value}


def _range(values: NDArray[Any]) -> str:
    if not values.size:
        return ""
    low, middle, high = np.min(values), np.median(values), np.max(values)
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}, median {middle:.4g}"


def leaks(rows: Sequence[Row]) -> dict[str, Any]:
    """Compare all inputs with each other."""
    known = {index: row.facts for index, row in enumerate(rows) if row.facts}
    hashes = {index: facts.hash for index, facts in known.items()}
    return leak_table([row.example for row in rows], hashes, {index: facts.identity for index, facts in known.items()})


def failures(rows: Sequence[Row]) -> dict[str, Any]:
    """Count warnings, and list the inputs without an answer."""
    read = [row for row in rows if row.prediction and row.facts]
    warned = Counter(code for row in read if row.prediction for code in row.prediction.warnings)
    unanswered = [
        {
            "input": str(row.example.path),
            "label": row.example.label,
            "why": _why(row),
            "ood score": row.prediction.ood_score if row.prediction else None,
            "warnings": " ".join(row.prediction.warnings) if row.prediction else "",
        }
        for row in rows
        if not row.is_answered
    ]
    named = {
        code: [row.example.path.name for row in read if row.prediction and code in row.prediction.warnings]
        for code in warned
    }
    return {
        "inputs": len(rows),
        "answered": sum(row.is_answered for row in rows),
        "unreadable": sum(bool(row.error) for row in rows),
        "without_lung": sum(bool(row.facts) and not row.has_probability for row in rows),
        "refused": sum(row.has_probability and not row.is_answered for row in rows),
        "warnings": [{"warning": code, "inputs": count, "names": named[code]} for code, count in warned.most_common()],
        "unanswered": unanswered,
    }


def _why(row: Row) -> str:
    if row.error:
        return row.error
    return "unlike the training data" if row.has_probability else "no lung found"


def discrimination(rows: Sequence[Row], answers: Answers, threshold: float) -> dict[str, Any]:
    """Measure the answers, and if inputs were refused, also the answers including them."""
    found = {"answered": _summary(answers, threshold)}
    everything = Answers([row for row in rows if row.has_probability])
    if len(everything.rows) > len(answers.rows):
        found["refused ones too"] = _summary(everything, threshold)
    sources = sorted(set(answers.sources))
    if len(sources) > 1:
        for source in sources:
            found[source] = _summary(Answers([row for row in answers.rows if row.example.source == source]), threshold)
    return found


def _summary(answers: Answers, threshold: float) -> dict[str, Any]:
    probabilities, covid = answers.probabilities, answers.covid
    figures = summarise(probabilities, covid, answers.patients, threshold)
    figures["expected_calibration_error"] = with_interval(answers.patients, calibration_error_of(probabilities, covid))
    return figures


def _of_groups(row: Row) -> dict[str, str]:
    """Return the values that define groups: the source, and all known details."""
    return {"source": row.example.source, **row.details}


def controls(answers: Answers) -> dict[str, Any]:
    """Return the AUC of the network, of the network without lung tissue, and of trivial features."""
    covid, patients = answers.covid, answers.patients
    scores: dict[str, NDArray[np.float64]] = {
        "network": answers.probabilities,
        **{name: answers.control(name) for name in CONTROLS},
    }
    scores["trivial"] = trivial_scores(answers.features, covid, patients)
    return {name: with_interval(patients, auc_of(values, covid)) for name, values in scores.items()}


def source_probe(answers: Answers) -> list[dict[str, Any]]:
    """Return how well trivial features distinguish each source (or part, with one source) from the others."""
    patients, rows = answers.patients, []
    names, by = np.array(answers.sources), "source"
    if len(set(names)) < 2:
        names, by = np.array([row.example.part for row in answers.rows]), "part"
    for name in sorted(set(names)) if len(set(names)) > 1 else ():
        own = names == name
        figure = with_interval(patients, auc_of(trivial_scores(answers.features, own, patients), own))
        rows.append({by: name, "n": int(own.sum()), "COVID": round(float(answers.covid[own].mean()), 4), "AUC": figure})
    return rows


def refusal(rows: Sequence[Row], threshold: float) -> dict[str, Any]:
    """Return the accuracy at several shares of answers, refusing the most unlike training or the least sure first."""
    answers = Answers([row for row in rows if row.has_probability])
    correct = (answers.probabilities >= threshold) == answers.covid
    found = {"least sure first": coverage_table(-np.abs(answers.probabilities - threshold), correct, answers.patients)}
    scores = answers.values("ood_score")
    if None not in scores:
        unlike = coverage_table(np.array(scores, dtype=np.float64), correct, answers.patients)
        found = {"most unlike training first": unlike, **found}
    return found


def conformal(answers: Answers) -> dict[str, Any]:
    """Return how often prediction sets contain the true label; empty if the network has none."""
    sets = answers.values("prediction_set")
    if not any(sets) and (None in answers.values("ood_score") or _of_volumes(answers)):
        return {}  # the network has no prediction sets
    truth = [row.example.label for row in answers.rows]
    level = answers.values("error_level")[0]
    return {"error_level": level, "coverage": conformal_coverage(sets, truth, answers.patients)}


def _of_volumes(answers: Answers) -> bool:
    return "volume classifier" in answers.values("aggregation")
