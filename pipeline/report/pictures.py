"""Choose and draw the pictures of a report: best, worst and refused answers, with outline and heatmap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...common.page import html_figure, picture_uri
from ..pipeline import Pipeline
from ..results.overlay import draw_evidence, draw_plain
from ..settings import PipelineSettings
from .rows import Row

SHOWN = 3
"""Number of pictures for each kind and class."""

SIDE = 320
"""Longer side of a picture in pixels."""


def choose(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Return the most confident wrong and right answers, and inputs without an answer, by title."""
    answered = [row for row in rows if row.is_answered]
    right = [row for row in answered if _called(row) == row.example.covid]
    wrong = [row for row in answered if _called(row) != row.example.covid]
    unanswered = [row for row in rows if row.facts and row.prediction and not row.is_answered]
    return {
        "Worst answers": _first_of_each(sorted(wrong, key=_truth)),
        "Best answers": _first_of_each(sorted(right, key=_truth, reverse=True)),
        "Refused": _first_of_each(unanswered),
    }


def _first_of_each(rows: Sequence[Row]) -> list[Row]:
    by_class = ([row for row in rows if row.example.covid == covid][:SHOWN] for covid in (True, False))
    return [row for chosen in by_class for row in chosen]


def figure_of(row: Row, pipe: Pipeline, settings: PipelineSettings) -> str:
    """Predict an input again to get its pictures, and return the slice with the most lung as a figure."""
    prediction = pipe.predict(row.example.path, **settings.of_predict)
    if prediction.lung_mask is None or prediction.scan is None:
        return ""
    areas = prediction.lung_mask.reshape(prediction.scan.shape).sum(axis=(1, 2))
    view = prediction.slice_view(int(np.argmax(areas)))
    draw = draw_evidence if areas.any() else draw_plain
    return html_figure(picture_uri(draw(view, SIDE / max(view.display.shape))), _caption(row))


def _caption(row: Row) -> str:
    found: Any = row.prediction
    said = "no lung found" if found.probability is None else f"probability {found.probability:.3f}"
    if found.interval:
        said += " ({:.2f} to {:.2f})".format(*found.interval)
    warnings = f"; {', '.join(found.warnings)}" if found.warnings else ""
    return f"{row.example.label}, {said}{warnings}: {row.example.path.name}"


def _called(row: Row) -> bool:
    return row.prediction is not None and row.prediction.label == "COVID"


def _truth(row: Row) -> float:
    """Return the predicted probability of the true label."""
    said = row.prediction.probability if row.prediction and row.prediction.probability is not None else 0.5
    return said if row.example.covid else 1 - said
