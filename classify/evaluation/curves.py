"""Draw evaluation curves with Matplotlib."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...common.plots import new_figure
from ..trust.conformal import LABELS
from .coverage import Curve
from .metrics import BINS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_discrimination(probabilities: NDArray[np.float64], covid: NDArray[np.bool_], threshold: float) -> Figure:
    """Draw confusion matrix, ROC, precision-recall and reliability curves for one set of pictures.

    Parameters
    ----------
    probabilities : ndarray of float64, shape (n,)
    covid : ndarray of bool, shape (n,)
    threshold : float
    """
    figure: Figure = new_figure(9, 8)
    for axis, draw in zip(figure.subplots(2, 2).flat, PANELS, strict=True):
        draw(axis, probabilities, covid, threshold)
    return figure


def draw_each(probabilities: NDArray[np.float64], covid: NDArray[np.bool_], threshold: float) -> list[Figure]:
    """Draw the panels of `draw_discrimination` as separate figures that are readable on a phone."""
    figures = []
    for draw in PANELS:
        figure = new_figure(4.8, 4.4)
        draw(figure.subplots(), probabilities, covid, threshold)
        figures.append(figure)
    return figures


def draw_coverage(curves: Mapping[str, Curve]) -> Figure:
    """Plot the accuracy of the answers given against the share of inputs answered.

    Parameters
    ----------
    curves : mapping of str to Curve
        Curves by name of the score used for refusal; see `lungct.classify.evaluation.coverage.coverage_curve`.
    """
    figure: Figure = new_figure(5.6, 4.2)
    axis = figure.subplots()
    for name, curve in curves.items():
        axis.step(curve.coverage, curve.accuracy, where="post", label=name)
    axis.set(xlabel="share answered", ylabel="accuracy of the answers", xlim=(0, 1.02), ylim=(None, 1.02))
    axis.grid(alpha=0.3)
    axis.legend()
    return figure


def to_picture(figure: Figure, dots_per_inch: int = 110) -> Image.Image:
    """Return a figure as a picture."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dots_per_inch)
    return Image.open(file).convert("P", palette=Image.Palette.ADAPTIVE)


def _draw_confusion(axis: Axes, probabilities: NDArray[np.float64], covid: NDArray[np.bool_], threshold: float) -> None:
    from sklearn.metrics import ConfusionMatrixDisplay

    ConfusionMatrixDisplay.from_predictions(
        covid, probabilities >= threshold, labels=[False, True], display_labels=LABELS[::-1],
        ax=axis, colorbar=False, cmap="Blues",
    )  # fmt: skip
    axis.set_title(f"Confusion matrix at {threshold:.3f}")


def _draw_roc(axis: Axes, probabilities: NDArray[np.float64], covid: NDArray[np.bool_], _threshold: float) -> None:
    from sklearn.metrics import RocCurveDisplay

    if covid.any() and not covid.all():
        RocCurveDisplay.from_predictions(covid, probabilities, ax=axis, plot_chance_level=True, name="network")
    axis.set(title="ROC", xlabel="1 - specificity", ylabel="sensitivity")


def _draw_precision(
    axis: Axes, probabilities: NDArray[np.float64], covid: NDArray[np.bool_], _threshold: float
) -> None:
    from sklearn.metrics import PrecisionRecallDisplay

    if covid.any() and not covid.all():
        PrecisionRecallDisplay.from_predictions(covid, probabilities, ax=axis, plot_chance_level=True, name="network")
    axis.set(title="Precision and recall", xlabel="recall (sensitivity)", ylabel="precision")


def _draw_reliability(
    axis: Axes, probabilities: NDArray[np.float64], covid: NDArray[np.bool_], _threshold: float
) -> None:
    """Plot the share with COVID against the predicted probability, in ten bins."""
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    points = [
        (probabilities[bins == at].mean(), covid[bins == at].mean(), (bins == at).sum()) for at in np.unique(bins)
    ]
    said, true, count = (np.array(values) for values in zip(*points, strict=True))
    axis.plot([0, 1], [0, 1], "k--", linewidth=1)
    axis.plot(said, true, color="tab:blue")
    axis.scatter(said, true, s=10 + 300 * count / count.sum(), color="tab:blue")
    axis.set(xlabel="probability", ylabel="share with COVID", title="Reliability (area: number of pictures)")


PANELS = (_draw_confusion, _draw_roc, _draw_precision, _draw_reliability)
"""Functions that draw the panels, in order."""
