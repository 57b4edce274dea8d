"""Bootstrap intervals over patients: no figure goes into a card without one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000


def bootstrap_interval(
    groups: Sequence[str],
    statistic: Callable[[NDArray[np.intp]], float],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """Return the 95 % percentile interval of a statistic when whole groups are drawn with replacement.

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
