"""Measure abstention: the accuracy of the answers given, and how often a prediction set contains the true label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .metrics import FEWER_RESAMPLES, share_of, with_interval

SHARES = (1.0, 0.95, 0.9, 0.8, 0.5)
"""Shares of inputs answered for which accuracy is reported."""

SIZES = ("no label", "one label", "both labels")
"""Names for the sizes of prediction sets, from 0."""


class Curve(NamedTuple):
    """Accuracy against coverage; float64 arrays of shape (scores,). Inputs with equal scores are answered together.

    Parameters
    ----------
    coverage : ndarray
        Share of inputs answered, increasing.
    threshold : ndarray
        Highest score answered.
    accuracy : ndarray
        Share of those answers that are right.
    """

    coverage: NDArray[np.float64]
    threshold: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    def within(self, coverage: float) -> int | None:
        """Return the index of the largest coverage up to the given one; None if there is none."""
        reached = np.flatnonzero(self.coverage <= coverage + 1e-9)
        return int(reached[-1]) if reached.size else None


def coverage_curve(scores: NDArray[np.float64], right: NDArray[np.float64] | NDArray[np.bool_]) -> Curve:
    """Return the accuracy of the answers when inputs with the highest scores are refused first.

    See El-Yaniv and Wiener 2010.

    Parameters
    ----------
    scores : ndarray of float64, shape (n,)
    right : ndarray of bool or float64, shape (n,)
        Whether each answer is right; NaN if there is no answer to give.
    """
    rightness = np.asarray(right, dtype=np.float64)
    has_answer = ~np.isnan(rightness)
    order = np.argsort(scores[has_answer], kind="stable")
    ordered, correct = scores[has_answer][order], rightness[has_answer][order]
    answered = np.arange(1, ordered.size + 1)
    last = np.append(ordered[1:] != ordered[:-1], True)[: ordered.size]  # last input of each score
    return Curve((answered / scores.size)[last], ordered[last], (np.cumsum(correct) / answered)[last])


def coverage_table(
    scores: NDArray[np.float64], correct: NDArray[np.bool_], patients: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the accuracy at each of `SHARES`, or at the next lower coverage, with intervals over patients."""
    curve = coverage_curve(scores, correct)
    rows = []
    for wanted in SHARES:
        at = curve.within(wanted)
        kept = scores <= (-np.inf if at is None else curve.threshold[at])
        figure = with_interval(patients, share_of(correct, kept), FEWER_RESAMPLES)
        rows.append({"answered": f"{wanted:.0%}", "n": int(kept.sum()), "accuracy": figure})
    return rows


def conformal_coverage(
    sets: Sequence[Sequence[str]], truth: Sequence[str], patients: Sequence[str]
) -> list[dict[str, Any]]:
    """Return how often prediction sets contain the true label, and their sizes, for each class and overall.

    Parameters
    ----------
    sets : sequence of sequence of str
        Labels that can't be ruled out.
    truth : sequence of str
        The true labels.
    patients : sequence of str
    """
    held = np.array([label in labels for labels, label in zip(sets, truth, strict=True)])
    sizes = np.array([len(labels) for labels in sets])
    rows = []
    for name in ("all", *sorted(set(truth))):
        own = np.array([name in ("all", label) for label in truth])
        figure = with_interval(patients, share_of(held, own), FEWER_RESAMPLES)
        counted = {name: int((sizes[own] == size).sum()) for size, name in enumerate(SIZES)}
        rows.append({"true label": name, "n": int(own.sum()), "holds it": figure, **counted})
    return rows
