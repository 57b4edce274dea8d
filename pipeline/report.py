"""`write_report`: a page and its JSON about the pipeline on labelled data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..classify.conformal import LABELS
from ..classify.dataset import Example, without_repeats
from ..weights.page import write_json
from .claim import fill_claim
from .pipeline import Pipeline
from .report_figures import all_figures
from .report_findings import findings
from .report_page import report_page
from .report_provenance import provenance
from .report_rows import Row, judge, look

PREVALENCES = (0.05, 0.2)
"""Shares of COVID among those examined, at which predictive values are given."""

Progress = Callable[[Iterable[Row], int, str], Iterator[Row]]
"""Yields rows as they come, of how many, saying what is done."""


def write_report(
    pipe: Pipeline,
    measured: Sequence[Example],
    others: Sequence[Example],
    out: Path,
    *,
    title: str = "",
    prevalences: Sequence[float] = PREVALENCES,
    command: str = "",
    settings: Mapping[str, Any] | None = None,
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
    settings : mapping, optional
        What else decides the figures, for the record.
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
    following = progress or (lambda rows, _count, _what: iter(rows))
    rows = list(following(judge(pipe, measured), len(measured), "Measuring"))
    compared = list(following(look(others), len(others), "Comparing"))
    examples = [*measured, *others]
    report: dict[str, Any] = {
        "title": title or ", ".join(sorted({item.source for item in examples})),
        "threshold": pipe.classifier.threshold,
        **all_figures(rows, compared, pipe.classifier.threshold, prevalences),
        "patients_by_class": _patients_by_class(measured),
        "patients_unknown": sum(not item.patient_known for item in measured),
        "repeated": [str(path) for path in (*repeated, *more)],
        "unlisted": list(unlisted),
        "single_class_sources": _single_class_sources(measured),
        "provenance": provenance(
            pipe, measured, others, command, {"prevalences": list(prevalences), **(settings or {})}
        ),
    }
    report["findings"] = [finding._asdict() for finding in findings(report)]
    report["claim"] = fill_claim(report)
    page = report_page(report, rows, pipe)
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
