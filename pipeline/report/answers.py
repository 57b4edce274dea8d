"""Sections of a report about the answers: curves, thresholds, sources, subgroups, shortcuts, refusal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from ...classify.evaluation.controls import FEATURES
from ...classify.evaluation.coverage import coverage_curve
from ...classify.evaluation.curves import draw_coverage, draw_each, to_picture
from ...common.page import html_figure, html_table, picture_uri
from .rows import Answers, Row

CONTROLS_IN_WORDS = {
    "network": "the network, as it answers",
    "erased": "the same network, lungs erased",
    "mask": "the same network, outline of the lungs alone",
    "trivial": f"logistic regression on {', '.join(FEATURES)}, other patients",
}


def curves_section(answers: Answers, threshold: float) -> Iterator[str]:
    """Draw confusion matrix, ROC, precision-recall and reliability."""
    for figure in draw_each(answers.probabilities, answers.covid, threshold):
        title = figure.axes[0].get_title()
        yield html_figure(picture_uri(to_picture(figure), "PNG"), f"{title}, n = {len(answers.rows)}", wide=True)


def thresholds_section(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Tell what each threshold would mean in use."""
    yield (
        "<p>PPV: how many of those called COVID have it, where the given share of those examined has it; NPV: how many "
        "of those called non-COVID don't. Thresholds chosen on these data do too well on them.</p>"
    )
    yield html_table(rows)


def transfer_section(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Tell how settings chosen on other sources do."""
    yield (
        "<p>The network is fixed: it is not trained again without a source. Left out is the choice of temperature and "
        "threshold (Youden's), made on all other sources and measured on the one left out.</p>"
    )
    yield html_table([_named(row) for row in rows]) or "<p>There is only one source, or the others lack a class.</p>"


def subgroups_section(report: Mapping[str, Any]) -> Iterator[str]:
    """List figures by age, sex, scanner and the like."""
    rows, left_out = report["subgroups"], report["columns_without_groups"]
    yield html_table([_named(row) for row in rows]) or "<p>No column of the data, and no DICOM tag, gives groups.</p>"
    if left_out:
        text = ", ".join(left_out)
        yield f"<p>Without groups, being all alike or nearly all different: {escape(text)}.</p>"


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        {"covid": "COVID", "auc": "AUC", "brier": "Brier score"}.get(name, name): value for name, value in row.items()
    }


def shortcuts_section(report: Mapping[str, Any]) -> Iterator[str]:
    """Tell what can be told without seeing lungs."""
    yield "<p>Nobody should be able to tell COVID without seeing lungs: 0.5 is a coin.</p>"
    yield html_table([{"AUC of": words, "": report["controls"][name]} for name, words in CONTROLS_IN_WORDS.items()])
    yield "<h3>Telling sources apart</h3>"
    yield "<p>AUC of a logistic regression on the same trivial features, trained on other patients.</p>"
    yield html_table(report["source_probe"]) or "<p>There is only one source and part.</p>"


def refusal_section(report: Mapping[str, Any], rows: Sequence[Row], threshold: float) -> Iterator[str]:
    """Tell what is gained by not answering."""
    answers = Answers([row for row in rows if row.has_probability])
    correct = (answers.probabilities >= threshold) == answers.covid
    scores = {"least sure first": -np.abs(answers.probabilities - threshold)}
    if "most unlike training first" in report["refusal"]:
        scores["most unlike training first"] = np.array(answers.values("ood_score"), dtype=np.float64)
    else:
        yield "<p>This network has no score for inputs unlike its training data.</p>"
    curves = {name: coverage_curve(values, correct) for name, values in scores.items()}
    yield html_figure(
        picture_uri(to_picture(draw_coverage(curves)), "PNG"),
        f"Accuracy of the answers when some are refused, n = {len(answers.rows)}", wide=True,
    )  # fmt: skip
    for name, table in report["refusal"].items():
        yield f"<h3>Refused: {name}</h3>" + html_table(table)
    yield "<h3>Prediction sets</h3>"
    if report["conformal"]:
        level = report["conformal"]["error_level"]
        yield f"<p>At an error level of {level:g}, {1 - level:.0%} of sets are to hold the true label.</p>"
        yield html_table(report["conformal"]["coverage"])
    else:
        yield "<p>This network has no prediction sets.</p>"
