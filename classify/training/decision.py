"""Choose temperature and threshold on validation data, and compute the metrics for a classifier's card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..calibration import calibrate, fit_temperature, sensitive_threshold, youden_threshold
from ..data.dataset import Example
from ..evaluation.metrics import auc, expected_calibration_error, summarise


class Decision(NamedTuple):
    """Temperature and threshold with their criterion, and the metrics, both in the form of `lungct.weights.Card`."""

    decision: dict[str, Any]
    metrics: dict[str, Any]


def decide(logits: NDArray[np.float64], examples: Sequence[Example], sensitivity: float | None) -> Decision:
    """Choose temperature and threshold on validation data, and measure with them.

    Parameters
    ----------
    logits : ndarray of float64, shape (n,)
        Uncalibrated logits of the network as written.
    examples : sequence of Example
    sensitivity : float or None
        Choose the highest threshold with at least this sensitivity; if None, Youden's threshold.
    """
    covid = np.array([item.covid for item in examples], dtype=np.bool_)
    temperature = fit_temperature(logits, covid)
    probabilities = calibrate(logits, temperature).astype(np.float64)
    if sensitivity is None:
        threshold, criterion = youden_threshold(probabilities, covid), "Youden"
    else:
        threshold = sensitive_threshold(probabilities, covid, sensitivity)
        criterion = f"sensitivity of at least {sensitivity:g}"
    patients = np.array([item.patient for item in examples])
    metrics = {
        "validation": {
            name: summarise(probabilities[own], covid[own], list(patients[own]), threshold)
            for name, own in _by_source(examples).items()
        },
        "before_calibration": _reliability(calibrate(logits, 1.0).astype(np.float64), covid),
        "after_calibration": _reliability(probabilities, covid),
    }
    decision = {"temperature": round(temperature, 4), "threshold": round(threshold, 4), "criterion": criterion}
    return Decision(decision, metrics)


def source_aucs(scores: NDArray[np.float64], examples: Sequence[Example]) -> dict[str, float]:
    """Return the AUC of every data set, and their mean, by which the epoch is chosen."""
    covid = np.array([item.covid for item in examples], dtype=np.bool_)
    figures = {f"val_auc_{name}": auc(scores[own], covid[own]) for name, own in _by_source(examples).items()}
    return {**figures, "val_auc_mean": float(np.mean(list(figures.values())))}


def trained_on(examples: Sequence[Example], what: str) -> list[dict[str, Any]]:
    """Return the rows of a card's training data, one per data set; `what` names the unit counted, such as slices."""
    return [
        {
            "name": source,
            what: len(own),
            "covid": sum(item.covid for item in own),
            "patients": len({item.patient for item in own}),
        }
        for source in sorted({item.source for item in examples})
        for own in [[item for item in examples if item.source == source]]
    ]


def _by_source(examples: Sequence[Example]) -> dict[str, NDArray[np.bool_]]:
    sources = np.array([item.source for item in examples])
    return {str(name): sources == name for name in np.unique(sources)}


def _reliability(probabilities: NDArray[np.float64], covid: NDArray[np.bool_]) -> dict[str, float]:
    return {
        "expected_calibration_error": round(expected_calibration_error(probabilities, covid), 4),
        "brier": round(float(np.mean((probabilities - covid) ** 2)), 4),
    }
