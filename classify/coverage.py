"""What is gained by not answering: accuracy of the answers given, and how often a set of labels holds the true one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .evaluation import FEWER_RESAMPLES, share_of, with_interval

SHARES = (1.0, 0.95, 0.9, 0.8, 0.5)
"""Shares of inputs answered, of which accuracy is given."""

SIZES = ("no label", "one label", "both labels")
"""Sizes of prediction sets, from 0."""


def coverage_curve(
    scores: NDArray[np.float64], correct: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the accuracy of the answers when those with the highest scores are refused first.

    Parameters
    ----------
    scores : ndarray of float64, shape (n,)
    correct : ndarray of bool, shape (n,)

    Returns
    -------
    coverage, accuracy : ndarray of float64, shape (n,)
        Share answered, growing, and how many of those answers are right.
    """
    ordered = correct[np.argsort(scores, kind="stable")]
    answered = np.arange(1, correct.size + 1)
    return answered / correct.size, np.cumsum(ordered) / answered


def coverage_table(
    scores: NDArray[np.float64], correct: NDArray[np.bool_], patients: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the accuracy at some shares of inputs answered, with 95 % bootstrap intervals over patients."""
    rank = np.argsort(np.argsort(scores, kind="stable"))
    rows = []
    for wanted in SHARES:
        kept = rank < round(wanted * scores.size)
        figure = with_interval(patients, share_of(correct, kept), FEWER_RESAMPLES)
        rows.append({"answered": f"{wanted:.0%}", "n": int(kept.sum()), "accuracy": figure})
    return rows


def conformal_coverage(
    sets: Sequence[Sequence[str]], truth: Sequence[str], patients: Sequence[str]
) -> list[dict[str, Any]]:
    """Return how often prediction sets hold the true label, for each class and all, and how large they are.

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
