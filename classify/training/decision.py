"""Choose temperature and threshold on validation data, and compute the metrics for a classifier's card."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...sources.intensity import resize
from ..calibration import accurate_threshold, calibrate, fit_temperature, sensitive_threshold, youden_threshold
from ..data.dataset import Example
from ..evaluation.metrics import auc, expected_calibration_error, summarise
from .lesions import Lesions


class Decision(NamedTuple):
    """Temperature and threshold with their criterion, and the metrics, both in the form of `lungct.weights.Card`."""

    decision: dict[str, Any]
    metrics: dict[str, Any]


def decide(logits: NDArray[np.float64], examples: Sequence[Example], sensitivity: float | None) -> Decision:
    """Choose temperature and threshold on validation data, and measure with them.

    Data sets count equally. Those with one class help to choose the threshold, but not the temperature: healthy lungs
    are easy, and would make the probabilities of difficult pictures too extreme. With one data set, the threshold is
    Youden's; with several, the one with the highest mean of their accuracies.

    Parameters
    ----------
    logits : ndarray of float64, shape (n,)
        Uncalibrated logits of the network as written.
    examples : sequence of Example
    sensitivity : float or None
        Choose the highest threshold with at least this sensitivity; if None, Youden's threshold.
    """
    covid = np.array([item.covid for item in examples], dtype=np.bool_)
    both = _equal_sources(examples, with_both_classes(examples))
    temperature = fit_temperature(logits, covid, both if both.any() else None)
    probabilities = calibrate(logits, temperature).astype(np.float64)
    if sensitivity is None:
        threshold, criterion = _threshold(probabilities, covid, examples)
    else:
        threshold = sensitive_threshold(probabilities, covid, sensitivity)
        criterion = f"sensitivity of at least {sensitivity:g}"
    patients = np.array([item.patient for item in examples])
    metrics = {
        "validation": {
            name: _defined(summarise(probabilities[own], covid[own], list(patients[own]), threshold))
            for name, own in _by_source(examples).items()
        },
        "before_calibration": _reliability(calibrate(logits, 1.0).astype(np.float64), covid),
        "after_calibration": _reliability(probabilities, covid),
    }
    decision = {"temperature": round(temperature, 4), "threshold": round(threshold, 4), "criterion": criterion}
    return Decision(decision, metrics)


def _defined(figures: dict[str, Any]) -> dict[str, Any]:
    """Leave out figures without a value, such as the AUC of a data set with one class: JSON has no NaN."""
    return {name: one for name, one in figures.items() if not (isinstance(one, dict) and np.isnan(one["value"]))}


def _threshold(
    probabilities: NDArray[np.float64], covid: NDArray[np.bool_], examples: Sequence[Example]
) -> tuple[float, str]:
    """Return the threshold and its criterion."""
    sources = _by_source(examples)
    if len(sources) == 1:
        return youden_threshold(probabilities, covid), "Youden"
    weights = _equal_sources(examples, sources)
    return accurate_threshold(probabilities, covid, weights), "mean accuracy of the data sets"


def source_scores(logits: NDArray[np.float64], examples: Sequence[Example]) -> dict[str, float]:
    """Return the AUC of every data set, or the share that is right at a probability of 0.5 if it has one class only."""
    covid = np.array([item.covid for item in examples], dtype=np.bool_)
    figures, both = {}, with_both_classes(examples)
    for name, own in _by_source(examples).items():
        if name in both:
            figures[f"val_auc_{name}"] = auc(logits[own], covid[own])
        else:
            figures[f"val_right_{name}"] = float(np.mean((logits[own] >= 0) == covid[own]))
    return figures


def lesion_dice(found: NDArray[np.bool_], drawn: Lesions) -> float:
    """Return the Dice of infection on the network's grid, over all slices of a patient, as the mean over patients."""
    side = found.shape[-1]
    true = np.stack([resize(one.astype(np.float32), side, side) for one in drawn.drawn]) > 127
    lung = np.stack([resize((one > 0).astype(np.float32), side, side) for one in drawn.pixels]) >= 0.5
    patients = np.array(drawn.patients)
    return float(
        np.mean([_dice(found[own] & lung[own], true[own]) for own in (patients == one for one in set(patients))])
    )


def choose_lesion_threshold(logits: NDArray[np.float32], drawn: Lesions) -> float:
    """Return the probability, in steps of 0.05, with the best Dice on validation slices, float32 (n, side, side)."""
    steps = np.arange(0.2, 0.81, 0.05)
    return float(max(steps, key=lambda one: lesion_dice(logits > np.log(one / (1 - one)), drawn)).round(2))


def _dice(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    total = int(found.sum()) + int(true.sum())
    return 2 * int((found & true).sum()) / total if total else 1.0


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


def _equal_sources(examples: Sequence[Example], names: Collection[str]) -> NDArray[np.float64]:
    """Return the weight of each picture: the same sum for each of the named data sets, 0 for the others."""
    weights = np.zeros(len(examples))
    for name, own in _by_source(examples).items():
        if name in names:
            weights[own] = 1 / np.count_nonzero(own)
    return weights


def with_both_classes(examples: Sequence[Example]) -> list[str]:
    """Return the names of the data sets that have COVID and non-COVID pictures."""
    found = {(item.source, item.covid) for item in examples}
    return sorted({name for name, _ in found if {(name, True), (name, False)} <= found})


def _by_source(examples: Sequence[Example]) -> dict[str, NDArray[np.bool_]]:
    sources = np.array([item.source for item in examples])
    return {str(name): sources == name for name in np.unique(sources)}


def _reliability(probabilities: NDArray[np.float64], covid: NDArray[np.bool_]) -> dict[str, float]:
    return {
        "expected_calibration_error": round(expected_calibration_error(probabilities, covid), 4),
        "brier": round(float(np.mean((probabilities - covid) ** 2)), 4),
    }
