"""Measure a segmenter on annotated scans: a row per slice, with summaries by data set and by patient."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...common.intervals import bootstrap_interval
from ...sources import Scan
from ..data.dataset import LabelledScan, data_set_names
from ..data.views import as_picture
from ..segmenter import LungSegmenter
from .scores import dice, overlap_scores, share_kept, surface_distances

OF_SOME_SLICES = ("dice_of_large_slices", "tips_found", "infection_kept", "sides_right", "dice_tight_crop")
"""Metrics that not every slice with lung has."""

METRICS = (
    "dice",
    "jaccard",
    "sensitivity",
    "specificity",
    "surface_distance_px",
    "hausdorff95_px",
    "surface_distance_mm",
    "hausdorff95_mm",
    *OF_SOME_SLICES,
)
"""Metrics of slices with lung, in reporting order."""

SMALLEST_INFECTION = 10
"""Fewest infected pixels for which a share is meaningful."""

SMALLEST_TIP, LARGEST_TIP = 200 / 512**2, 3000 / 512**2
"""A slice with lung between these shares of its pixels shows a tip; with more, it counts as large."""

TIP_FOUND = 0.6
"""Dice from which a tip counts as found."""


WORST = 10
"""Number of worst slices kept for display."""


class Measured(NamedTuple):
    """One slice, the lung found in it, and its metrics."""

    item: LabelledScan
    found: NDArray[np.bool_]
    row: dict[str, Any]


class Evaluation:
    """Metrics of measured slices and their summaries.

    Parameters
    ----------
    measured : iterable of Measured
        Consumed one at a time; only the metrics are kept, and the pictures of the worst.

    Attributes
    ----------
    rows : list of dict
        The metrics of each slice.
    worst : list of Measured
        The slices with the lowest Dice, lowest first. A slice without lung in which none was found has a Dice of 1.
    """

    def __init__(self, measured: Iterable[Measured]) -> None:
        self.rows: list[dict[str, Any]] = []
        self.worst: list[Measured] = []
        for one in measured:
            self.rows.append(one.row)
            self.worst = sorted([*self.worst, one], key=lambda kept: float(kept.row["dice"]))[:WORST]

    def summary(self) -> dict[str, dict[str, Any]]:
        """Return the summary of each data set, by name."""
        names = data_set_names({row["folder"] for row in self.rows})
        return {
            names[folder]: summarise([row for row in self.rows if row["folder"] == folder])
            for folder in sorted({row["folder"] for row in self.rows})
        }

    def patients(self) -> list[dict[str, Any]]:
        """Return each patient's mean metrics over slices with lung, and the Dice over all pixels of the patient."""
        table = []
        for patient in sorted({row["patient"] for row in self.rows}):
            rows = [row for row in self.rows if row["patient"] == patient]
            with_lung = [row for row in rows if row["lung"]]
            total = sum(row["found"] + row["drawn"] for row in rows)
            means = {name: _mean([row[name] for row in with_lung]) for name in METRICS}
            table.append(
                {
                    "patient": patient,
                    "slices": len(rows),
                    "slices_with_lung": len(with_lung),
                    **means,
                    "dice_of_all_pixels": 2 * sum(row["both"] for row in rows) / total if total else 1.0,
                }
            )
        return table


def evaluate_segmenter(
    segmenter: LungSegmenter, scans: Iterable[LabelledScan], *, single_slices: bool = False
) -> Evaluation:
    """Measure a segmenter at the scans' native resolution.

    Parameters
    ----------
    segmenter : LungSegmenter
    scans : iterable of LabelledScan
        Scans of patients that the network was not trained on; read one at a time.
    single_slices : bool
        Segment each slice of a volume on its own, without its neighbours.
    """
    rng = np.random.default_rng(0)
    if single_slices:
        scans = (part for scan in scans for part in scan.slices())
    return Evaluation(one for scan in scans for one in measure_scan(segmenter, scan, rng))


def measure_scan(
    segmenter: LungSegmenter, scan: LabelledScan, rng: np.random.Generator | None = None
) -> Iterator[Measured]:
    """Yield the metrics of each slice; with `rng`, also the Dice of a tight crop in a random window.

    Surface distances are measured within the slice. Metrics that are undefined for a slice are NaN.
    """
    lungs = segmenter.segment(scan.scan)
    for index, (item, found) in enumerate(zip(scan.slices(), lungs.mask, strict=True)):
        drawn = item.mask[0]
        row: dict[str, Any] = {
            "source": scan.scan.source,
            "slice": index,
            "patient": scan.patient,
            "folder": scan.folder,
            "lung": bool(drawn.any()),
            "found": int(found.sum()),
            "drawn": int(drawn.sum()),
            "both": int((found & drawn).sum()),
            "found_share": float(found.mean()),
            **overlap_scores(found, drawn),
            **_distances(found, drawn, item.scan),
            **dict.fromkeys(OF_SOME_SLICES, np.nan),
        }
        row |= _by_size(row["dice"], float(drawn.mean()))
        if item.sides is not None and (both := found & drawn).any():
            row["sides_right"] = float((lungs.labels[index] == item.sides[0])[both].mean())
        if item.infection is not None and item.infection.sum() >= SMALLEST_INFECTION:
            row["infection_kept"] = share_kept(found, item.infection[0])
        if rng is not None and row["lung"]:
            picture, cropped = as_picture(item.scan, drawn, rng)
            row["dice_tight_crop"] = dice(segmenter.segment(picture).mask[0], cropped)
        yield Measured(item, found, row)


def _by_size(of_slice: float, share: float) -> dict[str, float]:
    """Return the metric that applies to a slice with this share of lung: Dice, or whether its tip was found."""
    if share > LARGEST_TIP:
        return {"dice_of_large_slices": of_slice}
    return {"tips_found": float(of_slice >= TIP_FOUND)} if share >= SMALLEST_TIP else {}


def _distances(found: NDArray[np.bool_], drawn: NDArray[np.bool_], scan: Scan) -> dict[str, float]:
    pixels = surface_distances(found, drawn)
    spacing = scan.spacing[1:] if scan.spacing else None
    millimetres = surface_distances(found, drawn, spacing) if spacing else dict.fromkeys(pixels, np.nan)
    return {f"{name}_px": value for name, value in pixels.items()} | {
        f"{name}_mm": value for name, value in millimetres.items()
    }


def summarise(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return counts, each metric over slices with lung, and the share of lung found in slices without."""
    with_lung = [row for row in rows if row["lung"]]
    empty = [row for row in rows if not row["lung"]]
    result: dict[str, Any] = {
        "slices": len(rows),
        "slices_with_lung": len(with_lung),
        "patients": len({row["patient"] for row in rows}),
    }
    for name in METRICS:
        measured = [row for row in with_lung if np.isfinite(row[name])]
        if measured:
            result[name] = mean_over_patients([row[name] for row in measured], [row["patient"] for row in measured])
    if "dice" in result:
        result["dice"]["mean_over_slices"] = round(_mean([row["dice"] for row in with_lung]), 4)
    if empty:
        result["found_without_lung"] = round(_mean([row["found_share"] for row in empty]), 5)
    return result


def mean_over_patients(values: Sequence[float], patients: Sequence[str]) -> dict[str, Any]:
    """Return the mean of the patients' means, its 95 % bootstrap interval over patients, and the extremes."""
    names = np.asarray(patients)
    means = np.array([np.mean(np.asarray(values)[names == name]) for name in np.unique(names)])
    lower, upper = bootstrap_interval([str(name) for name in np.unique(names)], lambda at: float(means[at].mean()))
    return {
        "mean": round(float(means.mean()), 4),
        "interval": [round(lower, 4), round(upper, 4)],
        "median_slice": round(float(np.median(values)), 4),
        "lowest": round(float(min(values)), 4),
        "highest": round(float(max(values)), 4),
        "n": len(values),
    }


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else np.nan
