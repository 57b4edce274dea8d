"""Define `write_report`, which measures the pipeline on labelled data and writes a page and JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ...classify.data.dataset import Example, without_repeats
from ...classify.trust.conformal import LABELS
from ...common.page import write_json
from ...sources import SourceError
from ..pipeline import Pipeline
from ..settings import DEFAULTS, PipelineSettings
from .claim import fill_claim
from .figures import all_figures
from .findings import findings
from .page import report_page
from .provenance import provenance
from .rows import Row, judge, look

PREVALENCES = (0.05, 0.2)
"""Prevalences of COVID for which predictive values are reported."""

Progress = Callable[[Iterable[Row], str, int], Iterator[Row]]
"""Yields rows while showing progress, given the name of the work and the total."""


def write_report(
    pipe: Pipeline,
    measured: Sequence[Example],
    others: Sequence[Example],
    out: Path,
    *,
    title: str = "",
    prevalences: Sequence[float] = PREVALENCES,
    command: str = "",
    settings: PipelineSettings = DEFAULTS,
    all_parts: bool = False,
    unlisted: Sequence[str] = (),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Predict labelled inputs, and write a self-contained ``report.html`` and ``report.json`` in the same folder.

    Parameters
    ----------
    pipe : Pipeline
    measured : sequence of Example
        Inputs to measure.
    others : sequence of Example
        Other parts of the data, to compare with the measured ones.
    out : Path
        Path of the page; the JSON has the same name with another suffix.
    title : str
        Subject of the report; by default, the sources.
    prevalences : sequence of float
    command : str
        The command line, for the record.
    settings : PipelineSettings
        Settings that the pipeline was opened with; their `intensity` and `explain` apply to every input.
    all_parts : bool
        Whether training parts are also measured, for the record.
    unlisted : sequence of str
        Files without a label, for the record.
    progress : callable, optional

    Returns
    -------
    dict
        The contents of the JSON.

    Raises
    ------
    SourceError
        When no input could be predicted.
    OSError
        When the page can't be written; this is checked before any prediction.
    """
    _check_writable(out)
    (measured, repeated), (others, more) = without_repeats(measured), without_repeats(others)
    following = progress or (lambda rows, _what, _count: iter(rows))
    rows = list(following(judge(pipe, measured, settings), "Measuring", len(measured)))
    compared = list(following(look(others, settings), "Comparing", len(others)))
    examples = [*measured, *others]
    threshold = _threshold_of(rows, pipe)
    used = replace(settings.with_engine(), explain=pipe.classifier.explained_by(settings.explain))
    made = {"prevalences": list(prevalences), **asdict(used), "all_parts": all_parts}
    report: dict[str, Any] = {
        "title": title or ", ".join(sorted({item.source for item in examples})),
        "threshold": threshold,
        **all_figures(rows, compared, threshold, prevalences),
        "patients_by_class": _patients_by_class(measured),
        "patients_unknown": sum(not item.patient_known for item in measured),
        "repeated": [str(path) for path in (*repeated, *more)],
        "unlisted": list(unlisted),
        "single_class_sources": _single_class_sources(measured),
        "provenance": provenance(pipe, measured, others, command, made),
    }
    report["findings"] = [finding._asdict() for finding in findings(report)]
    report["claim"] = fill_claim(report)
    page = report_page(report, rows, pipe, settings)
    write_json(out.with_suffix(".json"), report)
    out.write_text(page, encoding="utf-8", errors="backslashreplace")
    return report


def check_listed(folder: Path, examples: Sequence[Example]) -> list[str]:
    """Return the files in a folder that are not an example, or in the folder of one."""
    named = {item.path.resolve() for item in examples}
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() != ".csv")
    return [
        str(path.relative_to(folder)) for path in files if named.isdisjoint((path.resolve(), *path.resolve().parents))
    ]


def _threshold_of(rows: Sequence[Row], pipe: Pipeline) -> float:
    """Return the threshold of the answers, which must be the same for all, so that figures don't mix two networks.

    Raises
    ------
    SourceError
        When the volume classifier predicted some inputs and the slice classifier others.
    """
    used = {row.prediction.threshold: row for row in rows if row.prediction and row.prediction.threshold is not None}
    if len(used) > 1:
        name = str(next(iter(used.values())).example.path)
        raise SourceError(
            name,
            "and other inputs were predicted by two classifiers, one for slices and one for volumes",
            "Write separate reports for single slices and volumes",
        )
    return next(iter(used), pipe.classifier.threshold)


def _check_writable(out: Path) -> None:
    """Create the folder and try to open both files, without changing existing ones or leaving new ones."""
    out.parent.mkdir(parents=True, exist_ok=True)
    for path in (out, out.with_suffix(".json")):
        is_new = not path.exists()
        path.open("a").close()
        if is_new:
            path.unlink()


def _patients_by_class(examples: Sequence[Example]) -> list[dict[str, Any]]:
    return [
        {"label": label, "patients": len({item.patient for item in examples if item.label == label})}
        for label in LABELS
    ]


def _single_class_sources(examples: Sequence[Example]) -> list[str]:
    sources = sorted({item.source for item in examples})
    return [name for name in sources if len({item.covid for item in examples if item.source == name}) == 1]
