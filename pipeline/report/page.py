"""Write the page of a report: findings first, then tables and curves, with the provenance at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...common.intervals import INTERVALS_IN_WORDS
from ...common.rendering import render
from ..pipeline import Pipeline
from ..results.wording import DISCLAIMER, HEATMAP_IN_WORDS, OUTLINE_IN_WORDS
from ..settings import PipelineSettings
from .pictures import curves_of, examples_of, refusal_curve
from .rows import Row
from .tables import tables_of


def report_page(report: Mapping[str, Any], rows: Sequence[Row], pipe: Pipeline, settings: PipelineSettings) -> str:
    """Return the page of a report as HTML that needs no other file.

    Parameters
    ----------
    report : mapping
        Contents of ``report.json``.
    rows : sequence of Row
        Measured inputs.
    pipe : Pipeline
        The pipeline that was measured; it draws the examples.
    settings : PipelineSettings
        Settings that the pipeline was opened with.
    """
    return render(
        "pipeline/report/templates/report.html",
        title=f"Report on {report['title']}",
        disclaimer=DISCLAIMER,
        intervals_in_words=INTERVALS_IN_WORDS,
        outline_in_words=OUTLINE_IN_WORDS,
        heatmap_in_words=HEATMAP_IN_WORDS.get(report["provenance"]["settings"]["explain"], ""),
        report=report,
        **tables_of(report),
        curves=list(curves_of(rows, report["threshold"])),
        refusal=refusal_curve(rows, report["threshold"], report["refusal"]),
        examples=examples_of(rows, pipe, settings),
    )
