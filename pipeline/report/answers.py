"""Write the report's sections on the answers: curves, thresholds, sources, subgroups, shortcuts, refusal."""

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
    "network": "the network itself",
    "erased": "the same network with the lungs erased",
    "mask": "the same network with the lung mask alone",
    "trivial": f"logistic regression on {', '.join(FEATURES)}, trained on other patients",
}


def curves_section(answers: Answers, threshold: float) -> Iterator[str]:
    """Draw confusion matrix, ROC, precision-recall and reliability curves."""
    for figure in draw_each(answers.probabilities, answers.covid, threshold):
        title = figure.axes[0].get_title()
        yield html_figure(picture_uri(to_picture(figure), "PNG"), f"{title}, n = {len(answers.rows)}", wide=True)


def thresholds_section(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Show the performance at each threshold."""
    yield (
        "<p>PPV and NPV are the positive and the negative predictive value at the given prevalence, by Bayes' rule. "
        "Thresholds chosen on these data look better on them than they are.</p>"
    )
    yield html_table(rows)


def transfer_section(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Show how well settings chosen on other sources work."""
    yield (
        "<p>The network is fixed and not retrained. Only temperature and threshold (Youden's) are chosen on all other "
        "sources, and measured on the source left out.</p>"
    )
    yield html_table([_named(row) for row in rows]) or "<p>There is only one source, or the others lack a class.</p>"


def subgroups_section(report: Mapping[str, Any]) -> Iterator[str]:
    """List metrics by age, sex, scanner and other details."""
    rows, left_out = report["subgroups"], report["columns_without_groups"]
    yield html_table([_named(row) for row in rows]) or "<p>No table column and no DICOM tag defines groups.</p>"
    if left_out:
        text = ", ".join(left_out)
        yield f"<p>Not grouped, because values are all the same or nearly all different: {escape(text)}.</p>"


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        {"covid": "COVID", "auc": "AUC", "brier": "Brier score"}.get(name, name): value for name, value in row.items()
    }


def shortcuts_section(report: Mapping[str, Any]) -> Iterator[str]:
    """Show what can be predicted without seeing the lungs."""
    yield "<p>Without seeing the lungs, COVID should not be predictable: an AUC of 0.5 is a coin toss.</p>"
    yield html_table([{"AUC of": words, "": report["controls"][name]} for name, words in CONTROLS_IN_WORDS.items()])
    yield "<h3>Predicting the source</h3>"
    yield "<p>AUC of a logistic regression on the same trivial features, trained on other patients.</p>"
    yield html_table(report["source_probe"]) or "<p>There is only one source and part.</p>"


def refusal_section(report: Mapping[str, Any], rows: Sequence[Row], threshold: float) -> Iterator[str]:
    """Show the gain in accuracy from refusing to answer."""
    answers = Answers([row for row in rows if row.has_probability])
    correct = (answers.probabilities >= threshold) == answers.covid
    scores = {"least sure first": -np.abs(answers.probabilities - threshold)}
    if "most unlike training first" in report["refusal"]:
        scores["most unlike training first"] = np.array(answers.values("ood_score"), dtype=np.float64)
    else:
        yield "<p>This network has no out-of-distribution score.</p>"
    curves = {name: coverage_curve(values, correct) for name, values in scores.items()}
    yield html_figure(
        picture_uri(to_picture(draw_coverage(curves)), "PNG"),
        f"Accuracy of the remaining answers when some are refused, n = {len(answers.rows)}", wide=True,
    )  # fmt: skip
    for name, table in report["refusal"].items():
        yield f"<h3>Refused: {name}</h3>" + html_table(table)
    yield "<h3>Prediction sets</h3>"
    if report["conformal"]:
        level = report["conformal"]["error_level"]
        yield f"<p>At an error level of {level:g}, {1 - level:.0%} of the sets should contain the true label.</p>"
        yield html_table(report["conformal"]["coverage"])
    else:
        yield "<p>This network has no prediction sets.</p>"
