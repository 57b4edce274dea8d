"""How well masks agree with those drawn by people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sources import Scan
from ..weights.intervals import bootstrap_interval
from .dataset import LabelledSlice, by_data_set
from .segmenter import LungSegmenter


def dice(found: NDArray[np.bool_], drawn: NDArray[np.bool_]) -> float:
    """Return the Dice coefficient, 1 where both masks are empty."""
    total = int(found.sum()) + int(drawn.sum())
    return 1.0 if total == 0 else 2 * int((found & drawn).sum()) / total


def mean_over_patients(values: Sequence[float], patients: Sequence[str]) -> dict[str, Any]:
    """Return the mean over patients of their means, its 95 % bootstrap interval over patients, and the worst value."""
    names = np.asarray(patients)
    means = np.array([np.mean(np.asarray(values)[names == name]) for name in np.unique(names)])
    lower, upper = bootstrap_interval([str(name) for name in np.unique(names)], lambda at: float(means[at].mean()))
    return {
        "mean": round(float(means.mean()), 4),
        "interval": [round(lower, 4), round(upper, 4)],
        "worst": round(min(values), 4),
    }


def evaluate_segmenter(segmenter: LungSegmenter, slices: Sequence[LabelledSlice]) -> dict[str, Any]:
    """Measure Dice at the slices' own resolution, for each folder whole and as tight crops.

    Parameters
    ----------
    segmenter : LungSegmenter
    slices : sequence of LabelledSlice
        Of patients the network has not been trained on.

    Returns
    -------
    dict
        By folder: n of slices and patients; Dice, the mean over patients, with its 95 % interval; the worst slice.
    """
    from .augment import tight_crop

    rng = np.random.default_rng(0)
    results: dict[str, Any] = {}
    for name, chosen in by_data_set(slices).items():
        whole, cropped = [], []
        for item in chosen:
            whole.append(dice(segmenter.segment(item.scan).mask[0], item.mask))
            pixels, mask = tight_crop(item.scan.pixels[0], item.mask.astype(np.uint8), rng)
            crop = Scan(pixels[None], item.scan.intensity)
            cropped.append(dice(segmenter.segment(crop).mask[0], mask > 0))
        patients = [item.patient for item in chosen]
        row: dict[str, Any] = {"slices": len(chosen), "patients": len(set(patients))}
        row["dice"] = mean_over_patients(whole, patients)
        row["dice_tight_crop"] = mean_over_patients(cropped, patients)
        results[name] = row
    return results
