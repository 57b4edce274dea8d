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
from ..weights import CLASSIFIER, Card, Engine, load_card, open_session
from .calibration import calibrate
from .roi import Region, RoiPreprocessing


@dataclass(frozen=True, eq=False)
class Classification:
    """What the second stage says of one scan.

    Parameters
    ----------
    slice_probabilities : ndarray of float32, shape (slices,)
        Calibrated probability of COVID; NaN for slices without lung.
    heatmap : ndarray of float32, shape (slices, height, width)
        In [0, 1], zero outside the lungs. What the probability would be if the whole slice looked as it does
        there: above 0.5 a place speaks for COVID, below against it.
    """

    slice_probabilities: NDArray[np.float32]
    heatmap: NDArray[np.float32]

    @property
    def probability(self) -> float | None:
        """The scan's probability: the mean over its slices with lung, None where there are none."""
        found = self.slice_probabilities[np.isfinite(self.slice_probabilities)]
        return float(found.mean()) if found.size else None


class Classifier:
    """Scores the lungs with an EfficientNetB0.

    Parameters
    ----------
    card : Card or None
        The network; by default the shipped one.
    engine : {"openvino", "onnxruntime"}
    threads : int, optional
        Processor threads; by default the engine decides.

    Raises
    ------
    WeightsError
        When the network is missing or changed, or the engine is not installed.
    """

    def __init__(self, card: Card | None = None, engine: Engine = "openvino", threads: int | None = None) -> None:
        self.card = card or load_card(CLASSIFIER)
        self._preprocess = RoiPreprocessing.from_dict(self.card.preprocessing)
        self._temperature = float(self.card.decision["temperature"])
        self._session = open_session(self.card, engine, threads)

    @classmethod
    def from_card(cls, path: str | Path, engine: Engine = "openvino", threads: int | None = None) -> Classifier:
        """Open a network of your own, as ``lungct train classify`` writes it: give the path of its card."""
        return cls(load_card(path), engine, threads)

    def seeing(self, region: Region) -> Classifier:
        """Return the same network shown another region of each slice: for controls (see `Region`)."""
        other = copy.copy(self)
        other._preprocess = replace(self._preprocess, region=region)
        return other

    @property
    def threshold(self) -> float:
        """Probability from which on a scan is called COVID."""
        return float(self.card.decision["threshold"])

    def logits(self, rois: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the uncalibrated logits, float32 (n,), of regions of interest, float32 (n, size, size, 1)."""
        return np.array([self._session.run(roi[None])[0][0, 0] for roi in rois], dtype=np.float32)

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
        probabilities = np.full(len(scan), np.nan, dtype=np.float32)
        heatmap = np.zeros(scan.shape, dtype=np.float32)
        for index, mask in enumerate(masks):
            if not mask.any():
                continue
            roi, box = self._preprocess(scan.pixels[index], scan.intensity, mask)
            logit, evidence = self._session.run(roi[None, ..., None])
            probabilities[index] = calibrate(logit[0, 0], self._temperature)
            rows, columns = (part.stop - part.start for part in box)
            heat = calibrate(resize(evidence[0, ..., 0], rows, columns), self._temperature)
            heatmap[index][box] = heat * mask[box]
        return Classification(probabilities, heatmap)
