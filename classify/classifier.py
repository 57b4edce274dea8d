"""`Classifier`: the second stage, from a scan and its lung mask to a probability."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..sources import Scan
from ..sources.intensity import resize
from ..weights import CLASSIFIER, Card, Engine, Network, Precision, Run, load_card
from .calibration import calibrate
from .roi import Region, RoiPreprocessing


@dataclass(frozen=True, eq=False)
class Evidence:
    """What speaks for and against COVID in one slice, as coarse as the network gives it.

    Parameters
    ----------
    grid : ndarray of float32, shape (rows, columns)
        Calibrated logits.
    box : tuple of slice
        The rows and columns of the slice that the grid covers.
    """

    grid: NDArray[np.float32]
    box: tuple[slice, slice]

    def over(self, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the heatmap of a slice, float32 (height, width), zero outside the lungs in `mask`."""
        heat = np.zeros(mask.shape, dtype=np.float32)
        rows, columns = (part.stop - part.start for part in self.box)
        heat[self.box] = calibrate(resize(self.grid, rows, columns), 1.0) * mask[self.box]
        return heat


@dataclass(frozen=True, eq=False)
class Classification:
    """What the second stage says of one scan.

    Parameters
    ----------
    probability : float or None
        Calibrated probability of COVID of the scan: the mean over its slices, each weighted by its lung, so that
        every part of the lungs counts alike, and slices that graze them hardly. None without lung.
    slice_probabilities : ndarray of float32, shape (slices,)
        NaN for slices without lung.
    evidence : tuple of Evidence or None
        One a slice; None without lung.
    """

    probability: float | None
    slice_probabilities: NDArray[np.float32]
    evidence: tuple[Evidence | None, ...]

    def heatmap(self, index: int, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the heatmap of one slice and its lung mask, float32 in [0, 1], (height, width).

        It says what the probability would be if the whole slice looked as it does there: above 0.5 a place speaks
        for COVID, below against it; outside the lungs it is zero.
        """
        found = self.evidence[index]
        return np.zeros(mask.shape, dtype=np.float32) if found is None else found.over(mask)


class Classifier:
    """Scores the lungs with an EfficientNetB0.

    Parameters
    ----------
    card : Card or None
        The network; by default the shipped one.
    engine : {"auto", "openvino", "onnxruntime"}
        What runs it: see `lungct.weights.Engine`.
    precision : {"f32", "bf16", "int8"}
        See `lungct.weights.Precision`.
    threads : int, optional
        Processor threads; by default as many as this process may use.
    callers : int
        How many threads will call it side by side, each with its share of the processor's.

    Raises
    ------
    WeightsError
        When the network is missing or changed, or the engine is not installed.
    """

    def __init__(
        self,
        card: Card | None = None,
        engine: Engine = "auto",
        precision: Precision = "f32",
        threads: int | None = None,
        callers: int = 1,
    ) -> None:
        self.card = card or load_card(CLASSIFIER)
        self._preprocess = RoiPreprocessing.from_dict(self.card.preprocessing)
        self._temperature = float(self.card.decision["temperature"])
        self._network = Network(self.card, engine, precision, threads, callers)

    @classmethod
    def from_card(
        cls, path: str | Path, engine: Engine = "auto", precision: Precision = "f32", threads: int | None = None
    ) -> Classifier:
        """Open a network of your own, as ``lungct train classify`` writes it: give the path of its card."""
        return cls(load_card(path), engine, precision, threads)

    def seeing(self, region: Region) -> Classifier:
        """Return the same network shown another region of each slice: for controls (see `Region`)."""
        other = copy.copy(self)
        other._preprocess = replace(self._preprocess, region=region)
        return other

    @property
    def model(self) -> dict[str, str]:
        """Name, version, precision and checksum of the network."""
        return self._network.provenance

    @property
    def threshold(self) -> float:
        """Probability from which on a scan is called COVID."""
        return float(self.card.decision["threshold"])

    def logits(self, rois: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the uncalibrated logits, float32 (n,), of regions of interest, float32 (n, size, size, 1)."""
        return np.array([*self._network.map(lambda run, roi: run(roi[None])[0][0, 0], rois)], dtype=np.float32)

    def classify(self, scan: Scan, masks: Iterable[NDArray[np.bool_]]) -> Classification:
        """Score every slice of a scan.

        Parameters
        ----------
        scan : Scan
        masks : iterable of ndarray of bool, shape (height, width)
            One lung mask a slice; slices without lung are not scored.

        Returns
        -------
        Classification
        """
        voxels = scan.voxel_volumes if scan.voxel_volumes is not None else np.ones(len(scan))
        probabilities = np.full(len(scan), np.nan, dtype=np.float32)
        lung = np.zeros(len(scan))

        def judge(run: Run, item: tuple[int, NDArray[np.bool_]]) -> Evidence | None:
            index, mask = item
            if not mask.any():
                return None
            roi, box = self._preprocess(scan.pixels[index], scan.intensity, mask)
            logit, grid = run(roi[None, ..., None])
            probabilities[index] = calibrate(logit[0, 0], self._temperature)
            lung[index] = mask.sum() * voxels[index]
            return Evidence(grid[0, ..., 0] / np.float32(self._temperature), box)

        evidence = tuple(self._network.map(judge, enumerate(masks)))
        return Classification(_of_scan(probabilities, lung), probabilities, evidence)


def _of_scan(probabilities: NDArray[np.float32], lung: NDArray[np.float64]) -> float | None:
    """Return the mean over the slices with lung, weighted by how much there is: volume where known, else area."""
    found = lung > 0
    return float(np.average(probabilities[found], weights=lung[found])) if found.any() else None
