"""Intervals over patients: no figure goes into a card or on a page without one, and none poses as certainty."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000

FEWEST = 5
"""Patients of each class below which there is no interval: so few, drawn again, vary less than patients do."""

INTERVALS_IN_WORDS = (
    "In brackets 95 % bootstrap intervals over patients, of shares of 0 or 1 Clopper and Pearson's. "
    f"There is no interval where a class, or what a share is taken of, has fewer than {FEWEST} patients, or where all "
    "draws give the same figure."
)
"""For readers of a page."""


@dataclass(frozen=True, eq=False)
class Statistic:
    """A figure of some observations, and whose patients it rests on.

    Parameters
    ----------
    of : callable
        From indices of observations, ndarray of intp, to a number; NaN where they don't give one.
    parts : tuple of ndarray of bool, shape (observations,)
        The classes it needs; of a share, those it is taken of.
    is_share : bool
        Whether it is how many of its only part are so.
    """

    of: Callable[[NDArray[np.intp]], float]
    parts: tuple[NDArray[np.bool_], ...]
    is_share: bool = False

    def __call__(self, at: NDArray[np.intp]) -> float:
        """Return the figure of the observations drawn."""
        return self.of(at)


def interval_of(groups: Sequence[str], statistic: Statistic, resamples: int = RESAMPLES) -> tuple[float, float] | None:
    """Return the 95 % interval of a figure over patients; None where a bootstrap would be sure of what nobody knows.

    That is `bootstrap_interval`, but of a share of 0 or 1 the exact interval (Clopper and Pearson 1934) of as many
    observations as there are patients: draws of what is all alike are all alike. For the same reason there is no
    interval where all draws agree on any other figure, such as an AUC of 1, nor of fewer than `FEWEST` patients.

    Parameters
    ----------
    groups : sequence of str
        The patient of each observation.
    statistic : Statistic
    resamples : int

    Returns
    -------
    lower, upper : float
        Or None.
    """
    names = np.asarray(groups)
    patients = [np.unique(names[part]).size for part in statistic.parts]
    value = statistic(np.arange(names.size))
    if not math.isfinite(value) or min(patients) < FEWEST:
        return None
    if statistic.is_share and value in (0, 1):
        return exact_interval(int(value) * patients[0], patients[0])
    lower, upper = bootstrap_interval(groups, statistic, resamples=resamples)
    return (lower, upper) if lower < upper else None


def exact_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of Clopper and Pearson (Biometrika 1934; 26: 404)."""
    from scipy.stats import binomtest

    found = binomtest(successes, trials).proportion_ci(0.95, method="exact")
    return float(found.low), float(found.high)


def bootstrap_interval(
    groups: Sequence[str],
    statistic: Callable[[NDArray[np.intp]], float],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """Return the 95 % percentile interval of a statistic when whole groups are drawn with replacement.

    It knows nothing of how few groups there are, or that all are alike: `interval_of` does.

    Parameters
    ----------
    groups : sequence of str
        The patient of each observation.
    statistic : callable
        From indices of observations to a number; NaN (one class drawn alone, say) leaves a draw out.
    seed : int
    resamples : int

    Returns
    -------
    lower, upper : float
    """
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    members = [np.flatnonzero(codes == code) for code in range(names.size)]
    rng = np.random.default_rng(seed)
    draws = (rng.integers(names.size, size=names.size) for _ in range(resamples))
    values = np.array([statistic(np.concatenate([members[code] for code in draw])) for draw in draws])
    lower, upper = np.nanpercentile(values, (2.5, 97.5))
    return float(lower), float(upper)


def decimals(value: float) -> int:
    """Return how many decimals show a share: three, or two digits of what it differs from 0 or 1 by."""
    rest = min(abs(value), abs(1 - value))
    return 3 if rest < 1e-9 or rest >= 1e-3 else 1 - math.floor(math.log10(rest))
