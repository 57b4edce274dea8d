"""`write_report`: a page and its JSON about the pipeline on labelled data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
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
"""Shares of COVID among those examined, at which predictive values are given."""

Progress = Callable[[Iterable[Row], str, int], Iterator[Row]]
"""Yields rows as they come, saying what is done, of how many."""


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
    """Judge labelled inputs and write ``report.html``, which needs no other file, and ``report.json`` beside it.

    Parameters
    ----------
    pipe : Pipeline
    measured : sequence of Example
        What the figures are about.
    others : sequence of Example
        Other parts of the data, compared with the measured ones.
    out : Path
        The page; the JSON has the same name but for its suffix.
    title : str
        What the report is on; by default the sources.
    prevalences : sequence of float
    command : str
        As typed, for the record.
    settings : PipelineSettings
        That the pipeline was opened with; its `intensity` and `explain` go with every input.
    all_parts : bool
        Whether training parts are measured too, for the record.
    unlisted : sequence of str
        Files that nothing gave a label, for the record.
    progress : callable, optional

    Returns
    -------
    dict
        What the JSON holds.

    Raises
    ------
    SourceError
        When none of the inputs could be judged.
    OSError
        When the page can't be written there: before anything is judged.
    """
    _check_writable(out)
    (measured, repeated), (others, more) = without_repeats(measured), without_repeats(others)
    following = progress or (lambda rows, _what, _count: iter(rows))
    rows = list(following(judge(pipe, measured, settings), "Measuring", len(measured)))
    compared = list(following(look(others, settings), "Comparing", len(others)))
    examples = [*measured, *others]
    threshold = _threshold_of(rows, pipe)
    made = {"prevalences": list(prevalences), **asdict(settings.with_engine()), "all_parts": all_parts}
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
    out.write_text(page, encoding="utf-8")
    return report


def check_listed(folder: Path, examples: Sequence[Example]) -> list[str]:
    """Return the files in a folder that no example names, by itself or with a folder above it."""
    named = {item.path.resolve() for item in examples}
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() != ".csv")
    return [
        str(path.relative_to(folder)) for path in files if named.isdisjoint((path.resolve(), *path.resolve().parents))
    ]


def _threshold_of(rows: Sequence[Row], pipe: Pipeline) -> float:
    """Return the threshold that the answers were called by: one for all, or the figures would mix two networks.

    Raises
    ------
    SourceError
        When a volume classifier judged some inputs and the classifier of slices others.
    """
    used = {row.prediction.threshold: row for row in rows if row.prediction and row.prediction.threshold is not None}
    if len(used) > 1:
        name = str(next(iter(used.values())).example.path)
        raise SourceError(
            name,
            "and others were judged by two classifiers, one of slices and one of volumes",
            "Report single slices and volumes apart",
        )
    return next(iter(used), pipe.classifier.threshold)


def _check_writable(out: Path) -> None:
    """Make the folder and try both files, which keep what they hold; what is new is removed again."""
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
