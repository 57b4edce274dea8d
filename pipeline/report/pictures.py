"""Draw the pictures of a report: curves, and the best, worst and refused answers with outline and heatmap."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Any

import numpy as np

from ...classify.evaluation.coverage import coverage_curve
from ...classify.evaluation.curves import draw_coverage, draw_each, to_picture
from ...common.page import picture_uri
from ..pipeline import Pipeline
from ..results.overlay import draw_evidence, draw_plain
from ..settings import PipelineSettings
from .rows import Answers, Row

SHOWN = 3
"""Number of pictures for each kind and class."""

SIDE = 320
"""Longer side of a picture in pixels."""


def curves_of(rows: Sequence[Row], threshold: float) -> Iterator[dict[str, str]]:
    """Draw confusion matrix, ROC, precision-recall and reliability curves."""
    answers = Answers([row for row in rows if row.is_answered])
    for figure in draw_each(answers.probabilities, answers.covid, threshold):
        caption = f"{figure.axes[0].get_title()}, n = {len(answers.rows)}"
        yield {"picture": picture_uri(to_picture(figure), "PNG"), "caption": caption}


def refusal_curve(rows: Sequence[Row], threshold: float, orders: Container[str]) -> dict[str, str]:
    """Draw the gain in accuracy from refusing to answer, for each order of refusal in the report."""
    answers = Answers([row for row in rows if row.has_probability])
    correct = (answers.probabilities >= threshold) == answers.covid
    scores = {"least sure first": -np.abs(answers.probabilities - threshold)}
    if "most unlike training first" in orders:
        scores["most unlike training first"] = np.array(answers.values("ood_score"), dtype=np.float64)
    curves = {name: coverage_curve(values, correct) for name, values in scores.items()}
    caption = f"Accuracy of the remaining answers when some are refused, n = {len(answers.rows)}"
    return {"picture": picture_uri(to_picture(draw_coverage(curves)), "PNG"), "caption": caption}


def examples_of(rows: Sequence[Row], pipe: Pipeline, settings: PipelineSettings) -> dict[str, list[dict[str, str]]]:
    """Draw the most confident wrong and right answers, and inputs without an answer, by title."""
    answered = [row for row in rows if row.is_answered]
    right = [row for row in answered if _called(row) == row.example.covid]
    wrong = [row for row in answered if _called(row) != row.example.covid]
    unanswered = [row for row in rows if row.facts and row.prediction and not row.is_answered]
    chosen = {
        "Worst answers": _first_of_each(sorted(wrong, key=_truth)),
        "Best answers": _first_of_each(sorted(right, key=_truth, reverse=True)),
        "Refused": _first_of_each(unanswered),
    }
    return {title: [*_figures(own, pipe, settings)] for title, own in chosen.items()}


def _first_of_each(rows: Sequence[Row]) -> list[Row]:
    by_class = ([row for row in rows if row.example.covid == covid][:SHOWN] for covid in (True, False))
    return [row for chosen in by_class for row in chosen]


def _figures(rows: Sequence[Row], pipe: Pipeline, settings: PipelineSettings) -> Iterator[dict[str, str]]:
    """Predict inputs again to get their pictures, and yield the slice with the most lung of each."""
    for row in rows:
        prediction = pipe.predict(row.example.path, **settings.of_predict)
        if prediction.lung_mask is None or prediction.scan is None:
            continue
        areas = prediction.lung_mask.reshape(prediction.scan.shape).sum(axis=(1, 2))
        view = prediction.slice_view(int(np.argmax(areas)))
        draw = draw_evidence if areas.any() else draw_plain
        yield {"picture": picture_uri(draw(view, SIDE / max(view.display.shape))), "caption": _caption(row)}


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
