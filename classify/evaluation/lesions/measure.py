"""Measure a classifier's map of infection on annotated scans: a row per slice, totals per patient, the worst slices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....sources import Scan
from ....sources.intensity import LUNG_WINDOW, apply_window
from ...classifier import Classifier
from .scores import BINS, Lesion, auroc_of_counts, count_scores, lesions_of

SHOWN = 6
"""Number of worst slices kept for display, of each kind."""

NO_LUNG = "no lung found"
"""Note of a slice without lung."""

Pixels = NDArray[np.bool_]


class AnnotatedScan(NamedTuple):
    """A scan, the lungs to measure in, and the infection drawn by people.

    Parameters
    ----------
    scan : Scan
    lungs, infection : ndarray of bool, shape (slices, height, width)
    patient, data_set : str
    """

    scan: Scan
    lungs: Pixels
    infection: Pixels
    patient: str
    data_set: str


@dataclass(frozen=True, eq=False)
class Measured:
    """One slice and its measurements.

    Parameters
    ----------
    row : dict
        Its figures, for the table of slices.
    lesions : list of Lesion
    counts : ndarray of int64, shape (2, BINS)
        Pixels inside the lungs by their probability; see `count_scores`.
    grey : ndarray of float32, shape (height, width)
        The slice as on a screen, 0 to 1.
    lungs, drawn, found : ndarray of bool, same shape
    threshold : float
        Probability from which a pixel counts as infected.
    """

    row: dict[str, Any]
    lesions: list[Lesion]
    counts: NDArray[np.int64]
    grey: NDArray[np.float32]
    lungs: Pixels
    drawn: Pixels
    found: Pixels
    threshold: float


@dataclass
class Evaluation:
    """Measurements of many slices; only those of the worst keep their pixels.

    Attributes
    ----------
    rows : list of dict
        The figures of each slice.
    lesions : list of list of Lesion
        The lesions of each slice.
    counts : dict of str to ndarray
        Each patient's pixels by their probability; see `count_scores`.
    lowest_dice : list of Measured
        The slices with infection that have the lowest Dice, and among equals the most infection.
    largest_error : list of Measured
        The slices with the largest error of the infected share.
    threshold : float
        Probability from which a pixel counts as infected.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    lesions: list[list[Lesion]] = field(default_factory=list)
    counts: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    lowest_dice: list[Measured] = field(default_factory=list)
    largest_error: list[Measured] = field(default_factory=list)
    threshold: float = float("nan")

    def add(self, one: Measured) -> None:
        """Add the measurements of one slice."""
        row, self.threshold = one.row, one.threshold
        self.rows.append(row)
        self.lesions.append(one.lesions)
        self.counts[row["patient"]] = self.counts.get(row["patient"], np.zeros((2, BINS), dtype=np.int64)) + one.counts
        if row["infected"]:
            self.lowest_dice = _first([*self.lowest_dice, one], lambda kept: (kept["dice"], -kept["infected"]))
        if np.isfinite(row["error"]) and row["error"]:
            self.largest_error = _first([*self.largest_error, one], lambda kept: (-abs(kept["error"]),))

    def patients(self) -> list[dict[str, Any]]:
        """Return each patient's figures, over all pixels of all slices; NaN where one is undefined.

        Dice, sensitivity, precision and AUROC are undefined for patients without infection.
        """
        names = list(dict.fromkeys(row["patient"] for row in self.rows))
        return [self._patient(name, [row for row in self.rows if row["patient"] == name]) for name in names]

    def _patient(self, name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
        infected, found, both = (sum(row[part] for row in rows) for part in ("infected", "found", "both"))
        return {
            "patient": name,
            "data_set": rows[0]["data_set"],
            "slices": len(rows),
            "slices_with_infection": sum(row["infected"] > 0 for row in rows),
            **overlap(infected, found, both),
            "auroc": auroc_of_counts(self.counts[name]),
            "true_share": _mean([row["true_share"] for row in rows]),
            "found_share": _mean([row["found_share"] for row in rows]),
        }


def evaluate_lesions(classifier: Classifier, scans: Iterable[AnnotatedScan]) -> Evaluation:
    """Measure a map of infection at the scans' own resolution.

    Parameters
    ----------
    classifier : Classifier
    scans : iterable of AnnotatedScan
        Scans of patients that the network was not trained on; read one at a time.

    Raises
    ------
    ValueError
        When the classifier has no map of infection, or there is nothing to measure.
    """
    evaluation = Evaluation()
    for item in scans:
        for one in measure_scan(classifier, item):
            evaluation.add(one)
    if not evaluation.rows:
        raise ValueError("there are no scans to measure")
    return evaluation


def measure_scan(classifier: Classifier, item: AnnotatedScan) -> Iterator[Measured]:
    """Yield the measurements of each slice; see `evaluate_lesions`."""
    said = classifier.classify(item.scan, item.lungs)
    for index, lungs in enumerate(item.lungs):
        probability = said.infection(index, lungs)
        if probability is None:
            raise ValueError("the classifier has no map of infection; give the card of one that has with --classifier")
        yield _measure(item, index, probability, said.lesion_threshold)


def overlap(infected: int, found: int, both: int) -> dict[str, float]:
    """Return Dice, sensitivity and precision from numbers of pixels; NaN without infection, precision if none found."""
    if not infected:
        return dict.fromkeys(("dice", "sensitivity", "precision"), float("nan"))
    return {
        "dice": 2 * both / (infected + found),
        "sensitivity": both / infected,
        "precision": both / found if found else float("nan"),
    }


def _measure(item: AnnotatedScan, index: int, probability: NDArray[np.float32], threshold: float) -> Measured:
    lungs, drawn = item.lungs[index], item.infection[index]
    found = lungs & (probability >= threshold)
    inside = int(lungs.sum())
    lung = int((lungs | drawn).sum()) if inside else 0  # infected lung is lung, also where stage 1 left it out
    lesions = lesions_of(drawn, found, lung)
    counted = {"infected": int(drawn.sum()), "found": int(found.sum()), "both": int((drawn & found).sum())}
    true_share = counted["infected"] / lung if lung else np.nan
    found_share = counted["found"] / inside if inside else np.nan
    row: dict[str, Any] = {
        "source": item.scan.source,
        "slice": index,
        "patient": item.patient,
        "data_set": item.data_set,
        "lung": inside,
        **counted,
        **overlap(**counted),
        "true_share": true_share,
        "found_share": found_share,
        "error": found_share - true_share,
        "lesions": len(lesions),
        "lesions_hit": sum(one.is_hit for one in lesions),
        "note": "" if inside else NO_LUNG,
    }
    grey = apply_window(item.scan.pixels[index], item.scan.intensity, LUNG_WINDOW)
    counts = count_scores(probability[lungs], drawn[lungs])
    return Measured(row, lesions, counts, grey, lungs, drawn, found, threshold)


def _first(slices: list[Measured], order: Callable[[dict[str, Any]], tuple[float, ...]]) -> list[Measured]:
    return sorted(slices, key=lambda one: order(one.row))[:SHOWN]


def _mean(values: list[float]) -> float:
    """Return the mean of the finite values; NaN if there are none."""
    finite = np.array(values)[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")
