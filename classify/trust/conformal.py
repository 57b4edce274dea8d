"""Conformal prediction: return the labels that can't be ruled out at a stated error level.

For each class, a slice's score is one minus the probability of that class. At an error level of 10 %, a label stays
in the set unless its score is above the 90th percentile of the scores of that class's validation slices
(label-conditional: Vovk 2012, arXiv 1209.2673; Sadinle et al. 2019, arXiv 1609.00451). Slices of one patient are
similar, so each patient counts once (hierarchical conformal prediction: Lee, Barber and Willett 2023, arXiv
2306.06342). The guarantee holds for a slice of a new patient from the same sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LABELS = ("COVID", "non-COVID")


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of one class in ascending order, with the cumulative share of patients.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        One minus the probability of the class.
    shares : ndarray of float64, shape (n,)
        Share of the patients, counting a new one, whose scores are no higher.
    """

    values: NDArray[np.float64]
    shares: NDArray[np.float64]

    @classmethod
    def fit(cls, values: NDArray[np.float64], patients: Sequence[str]) -> Scores:
        """Sort the scores of slices; each patient counts equally."""
        names, patient = np.unique(np.asarray(patients), return_inverse=True)
        counts = 1 / np.bincount(patient)[patient] / (len(names) + 1)
        order = np.argsort(values)
        return cls(values[order], np.cumsum(counts[order]))

    def highest(self, error_level: float) -> float:
        """Return the highest score at which a label stays; 1 if there are too few patients to decide."""
        at = int(np.searchsorted(self.shares, 1 - error_level - 1e-9))
        return float(self.values[at]) if at < len(self.values) else 1.0


@dataclass(frozen=True, eq=False)
class Conformal:
    """Scores of both classes, in the order of `LABELS`."""

    covid: Scores
    other: Scores

    @classmethod
    def fit(cls, probabilities: NDArray[np.float64], covid: NDArray[np.bool_], patients: NDArray[np.str_]) -> Conformal:
        """Fit the scores to validation slices.

        Parameters
        ----------
        probabilities : ndarray of float64, shape (n,)
        covid : ndarray of bool, shape (n,)
        patients : ndarray of str, shape (n,)
        """
        return cls(
            Scores.fit(1 - probabilities[covid], list(patients[covid])),
            Scores.fit(probabilities[~covid], list(patients[~covid])),
        )

    def labels(self, probability: float, error_level: float) -> tuple[str, ...]:
        """Return the labels that can't be ruled out at this error level."""
        kept = (
            1 - probability <= self.covid.highest(error_level),
            probability <= self.other.highest(error_level),
        )
        return tuple(label for label, stays in zip(LABELS, kept, strict=True) if stays)


def checked_level(error_level: float) -> float:
    """Return the error level unchanged after checking it.

    Raises
    ------
    ValueError
        When it is not between 0 and 1.
    """
    if not 0 < error_level < 1:
        raise ValueError(f"error_level must be a share between 0 and 1, such as 0.1, not {error_level}")
    return error_level
