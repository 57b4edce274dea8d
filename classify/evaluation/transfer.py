"""Leave one source out: measure how well settings chosen at some hospitals work at another.

The network is fixed. Only temperature and threshold are chosen, on all other sources, and measured on the source left
out, together with the settings of the network's card.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..calibration import calibrate, fit_temperature, youden_threshold
from .metrics import FEWER_RESAMPLES, calibration_error_of, counts, statistics, with_interval

MEASURED = ("sensitivity", "specificity", "brier")


def leave_one_source_out(
    probabilities: NDArray[np.float64],
    covid: NDArray[np.bool_],
    patients: Sequence[str],
    sources: Sequence[str],
    threshold: float,
) -> list[dict[str, Any]]:
    """Measure each source with settings chosen on the others, and with the network's own.

    Parameters
    ----------
    probabilities : ndarray of float64, shape (n,)
    covid : ndarray of bool, shape (n,)
    patients, sources : sequence of str
    threshold : float
        The network's own threshold.

    Returns
    -------
    list of dict
        Two rows per source; none if the other sources lack a class.
    """
    logits = np.log(np.clip(probabilities, 1e-7, 1 - 1e-7) / np.clip(1 - probabilities, 1e-7, 1))
    rows = []
    for source in sorted(set(sources)):
        out = np.array([name == source for name in sources])
        if out.all() or covid[~out].all() or not covid[~out].any():
            continue
        temperature = fit_temperature(logits[~out], covid[~out])
        again = calibrate(logits, temperature).astype(np.float64)
        chosen = youden_threshold(again[~out], covid[~out])
        own = [patient for patient, is_out in zip(patients, out, strict=True) if is_out]
        for name, said, limit in (("other sources", again, chosen), ("training", probabilities, threshold)):
            row = {"left out": source, "settings from": name, **counts(covid[out], own), "threshold": round(limit, 4)}
            row["temperature"] = round(temperature, 3) if said is again else 1.0
            found = statistics(said[out], covid[out], limit)
            row |= {figure: with_interval(own, found[figure], FEWER_RESAMPLES) for figure in MEASURED}
            row["calibration error"] = with_interval(own, calibration_error_of(said[out], covid[out]), FEWER_RESAMPLES)
            rows.append(row)
    return rows
