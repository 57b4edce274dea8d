"""Compute intervals over patients, which every figure in a card or on a page must have."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000

FEWEST = 5
"""Fewest patients per class for an interval: resampling fewer understates how much patients vary."""

INTERVALS_IN_WORDS = (
    "Numbers in brackets are 95 % bootstrap intervals over patients; for shares of 0 or 1 they are Clopper-Pearson "
    f"intervals. There is no interval if a class, or the group that a share refers to, has fewer than {FEWEST} "
    "patients, or if all resamples give the same figure."
)
"""Explanation for readers of a page."""


@dataclass(frozen=True, eq=False)
class Statistic:
    """A figure computed from observations, and the observations that it depends on.

    Parameters
    ----------
    of : callable
        Takes indices of observations, ndarray of intp, and returns a number; NaN if it is undefined for them.
    parts : tuple of ndarray of bool, shape (observations,)
        The classes that it needs; for a share, the group that it refers to.
    is_share : bool
        Whether it is a share of its only part.
    """

    of: Callable[[NDArray[np.intp]], float]
    parts: tuple[NDArray[np.bool_], ...]
    is_share: bool = False

    def __call__(self, at: NDArray[np.intp]) -> float:
        """Return the figure for the given observations."""
        return self.of(at)


def interval_of(groups: Sequence[str], statistic: Statistic, resamples: int = RESAMPLES) -> tuple[float, float] | None:
    """Return the 95 % interval of a figure over patients; None if a bootstrap would understate the uncertainty.

    This is `bootstrap_interval`, except for a share of 0 or 1, where every resample is the same: then it is the exact
    interval (Clopper and Pearson 1934) for as many observations as there are patients. There is no interval if all
    resamples of any other figure agree, such as an AUC of 1, or for fewer than `FEWEST` patients.

    Parameters
    ----------
    groups : sequence of str
        The patient of each observation.
    statistic : Statistic
    resamples : int

    Returns
    -------
    tuple of float or None
        Lower and upper limit.
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
    """Return the 95 % Clopper-Pearson interval (Biometrika 1934; 26: 404)."""
    from scipy.stats import binomtest

    found = binomtest(successes, trials).proportion_ci(0.95, method="exact")
    return float(found.low), float(found.high)


def bootstrap_interval(
    groups: Sequence[str],
    statistic: Callable[[NDArray[np.intp]], float],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """Return the 95 % percentile interval of a statistic when whole groups are resampled with replacement.

    It doesn't check for too few groups or for identical resamples; `interval_of` does.

    Parameters
    ----------
    groups : sequence of str
        The patient of each observation.
    statistic : callable
        Takes indices of observations and returns a number. Resamples with NaN (with only one class, for example) are
        left out.
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
    """Return how many decimals to show for a share: three, or enough for two digits of its distance from 0 or 1."""
    rest = min(abs(value), abs(1 - value))
    return 3 if rest < 1e-9 or rest >= 1e-3 else 1 - math.floor(math.log10(rest))
