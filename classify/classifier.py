"""Define `Classifier`, the second stage: from a scan and its lung mask to a probability."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from ..sources import Scan
from ..sources.intensity import resize
from ..weights import CLASSIFIER, Card, Engine, Network, Precision, Run, load_card
from .calibration import calibrate
from .evidence import SOFTENING, Evidence, Explain
from .occlusion import occlusion_grid
from .roi import Box, Region, RoiPreprocessing
from .study import study_interval, study_probability
from .trust.heads import HEADS
from .trust.trust import Trust, kind_of


@dataclass(frozen=True, eq=False)
class Classification:
    """The second stage's result for one scan.

    Parameters
    ----------
    probability : float or None
        Calibrated probability of COVID for the scan: the mean over its slices, weighted by the amount of lung, so that
        every part of the lungs counts equally and slices with little lung hardly count. None without lung.
    slice_probabilities : ndarray of float32, shape (slices,)
        NaN for slices without lung.
    evidence : tuple of Evidence or None
        One per slice; None without lung.
    explain : {"lesions", "cam", "occlusion"}
        How the evidence was computed.
    lesions : tuple of Evidence or None
        The map of infection, one per slice, None without lung; empty if the network has none.
    lesion_threshold : float
        Lowest probability of infection at which a pixel counts as infected.
    lung : ndarray of float64, shape (slices,)
        Amount of lung in each slice, its weight: in mm³ if the spacing is known, otherwise in pixels.
    distances : ndarray of float32, shape (slices,)
        How far each slice is from the training data; values above 1 exceed the card's limit. NaN without lung, and if
        the card gives no limit.
    interval : tuple of float or None
        Interval that contains `probability` for 90 % of an ensemble's heads; None without lung or ensemble.
    """

    probability: float | None
    slice_probabilities: NDArray[np.float32]
    evidence: tuple[Evidence | None, ...]
    explain: Explain = "lesions"
    lesions: tuple[Evidence | None, ...] = ()
    lesion_threshold: float = 0.5
    lung: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    distances: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    interval: tuple[float, float] | None = None

    def heatmap(self, index: int, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the heatmap of one slice and its lung mask, float32 in [0, 1], (height, width).

        With ``lesions``, it is the probability of infection. Otherwise a place above 0.5 is evidence for COVID, below
        0.5 against it. Outside the lungs the heatmap is zero.
        """
        return _drawn(self.evidence[index], mask)

    def infection(self, index: int, mask: NDArray[np.bool_]) -> NDArray[np.float32] | None:
        """Return the probability of infection in one slice and its lung mask, float32 in [0, 1], (height, width).

        It is zero outside the lungs. None if the network has no map of infection.
        """
        return _drawn(self.lesions[index], mask) if self.lesions else None


def _drawn(found: Evidence | None, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.zeros(mask.shape, dtype=np.float32) if found is None else found.over(mask)


class Classifier:
    """Classify the lungs with an EfficientNetB0.

    Parameters
    ----------
    card : Card or None
        The network's card; by default, that of the shipped network.
    engine : {"auto", "openvino", "onnxruntime"}
        Inference engine; see `lungct.weights.Engine`.
    precision : {"f32", "bf16", "int8"}
        See `lungct.weights.Precision`.
    threads : int, optional
        Processor threads; by default, as many as this process may use.
    callers : int
        Number of threads that will call it in parallel; each gets its share of the processor threads.

    Raises
    ------
    WeightsError
        When the network is missing or was modified, or the engine is not installed.
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
        self._precision = precision
        self._trust = Trust.read(self.card)
        self._distance_limit = float(self.card.decision.get("distance_limit", {}).get(kind_of(precision), np.nan))
        self._has_lesions = bool(self.card.architecture.get("lesions"))
        self._lesion_threshold = float(self.card.decision.get("lesion_threshold", 0.5))
        self._network = Network(self.card, engine, precision, threads, callers)

    @classmethod
    def from_card(
        cls, path: str | Path, engine: Engine = "auto", precision: Precision = "f32", threads: int | None = None
    ) -> Classifier:
        """Open your own network, as written by ``lungct train classify``, from the path of its card."""
        return cls(load_card(path), engine, precision, threads)

    def seeing(self, region: Region) -> Classifier:
        """Return the same network with another region of each slice as its input, for controls; see `Region`."""
        other = copy.copy(self)
        other._preprocess = replace(self._preprocess, region=region)
        return other

    @property
    def provenance(self) -> dict[str, str]:
        """Name, version, precision and checksum of the network."""
        return self._network.provenance

    @property
    def threshold(self) -> float:
        """Lowest probability at which a scan is labelled COVID."""
        return float(self.card.decision["threshold"])

    def logits(self, rois: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return uncalibrated logits, float32 (n,), for regions of interest, float32 (n, size, size, 1)."""
        return self.answers(rois)[0][:, 0]

    def answers(self, rois: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return all outputs of the network (see `build_classifier`) for regions, float32 (n, size, size, 1)."""
        each = self._network.map(lambda run, roi: run(roi[None]), rois)
        return [np.concatenate(outputs) for outputs in zip(*each, strict=True)]

    def explained_by(self, explain: Explain) -> Explain:
        """Return what a heatmap shows if this is asked for: a network without a map of infection gives ``cam``."""
        return "cam" if explain == "lesions" and not self._has_lesions else explain

    def prediction_set(self, probability: float | None, error_level: float) -> tuple[str, ...]:
        """Return the labels that can't be ruled out at an error level; see `lungct.classify.trust.conformal`."""
        if probability is None or self._trust is None:
            return ()
        return self._trust.conformal.labels(probability, error_level)

    def classify(self, scan: Scan, masks: Iterable[NDArray[np.bool_]], explain: Explain = "lesions") -> Classification:
        """Score every slice of a scan.

        Parameters
        ----------
        scan : Scan
        masks : iterable of ndarray of bool, shape (height, width)
            One lung mask per slice; slices without lung are not scored.
        explain : {"lesions", "cam", "occlusion"}
            How the evidence is computed; see `Explain`. A network without a map of infection gives its class activation
            map in place of ``lesions``.

        Returns
        -------
        Classification

        Raises
        ------
        ValueError
            When `explain` is not one of these.
        """
        if explain not in get_args(Explain):
            raise ValueError(f"explain must be one of {', '.join(get_args(Explain))}, not {explain!r}")
        explain = self.explained_by(explain)
        voxels = scan.voxel_volumes if scan.voxel_volumes is not None else np.ones(len(scan))
        probabilities = np.full(len(scan), np.nan, dtype=np.float32)
        lung = np.zeros(len(scan))
        distances = np.full(len(scan), np.nan, dtype=np.float32)
        heads = np.zeros((len(scan), HEADS), dtype=np.float32)

        def judge(run: Run, item: tuple[int, NDArray[np.bool_]]) -> tuple[Evidence | None, Evidence | None]:
            index, mask = item
            if not mask.any():
                return None, None
            roi, box = self._preprocess(scan.pixels[index], scan.intensity, mask)
            output, grid, *features = run(roi[None, ..., None])
            lesions = Evidence(features.pop()[0, ..., 0], box) if self._has_lesions else None
            logit = output[0, 0] / np.float32(self._temperature)
            if self._trust:
                moved, distance = self._trust.judge(self._precision, *features)
                heads[index], distances[index] = logit + moved, distance / self._distance_limit
            probabilities[index] = calibrate(logit, 1.0)
            lung[index] = mask.sum() * voxels[index]
            if explain == "lesions":
                return lesions, lesions
            return self._evidence(run, roi, mask[box], box, grid[0, ..., 0], explain), lesions

        found = list(self._network.map(judge, enumerate(masks)))
        evidence = tuple(one for one, _ in found)
        lesions = tuple(one for _, one in found) if self._has_lesions else ()
        probability = study_probability(probabilities, lung)
        interval = None if probability is None or self._trust is None else study_interval(heads, lung, probability)
        return Classification(
            probability, probabilities, evidence, explain, lesions, self._lesion_threshold, lung, distances, interval
        )

    def _evidence(
        self,
        run: Run,
        roi: NDArray[np.float32],
        inside: NDArray[np.bool_],
        box: Box,
        activation: NDArray[np.float32],
        explain: Explain,
    ) -> Evidence:
        """Explain one slice, by its class activation map or by occluding parts of its lungs in turn."""
        if explain == "cam":
            return Evidence(activation / np.float32(self._temperature * SOFTENING), box)

        def score(shown: NDArray[np.float32]) -> float:
            return float(run(shown[None, ..., None])[0][0, 0]) / self._temperature

        lung = resize(inside.astype(np.float32), *roi.shape)
        return Evidence(occlusion_grid(score, roi, lung), box)
