"""Define `PredictionData`, the pipeline's result for one source, without methods to draw or write it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...classify import Classification
from ...lungseg.sides import left_and_right
from ...sources import Scan
from ...sources.intensity import LUNG_WINDOW, apply_window
from ...sources.scan import AIR
from .infection import InfectionStatistics, finite, infected_pixels, infection_statistics
from .lungs import LungStatistics, lung_statistics
from .wording import DISCLAIMER

Label = Literal["COVID", "non-COVID", "indeterminate"]

MaskFormat = Literal["auto", "png", "nifti", "seg"]


@dataclass(frozen=True, eq=False)
class SliceView:
    """The pictures of one slice, each (height, width); see the properties of `Prediction`.

    `infected` is the slice of the infection mask, None unless the heatmap is the map of infection.
    """

    display: NDArray[np.float32]
    mask: NDArray[np.bool_]
    heatmap: NDArray[np.float32]
    roi: NDArray[np.float32]
    infected: NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False)
class PredictionData:
    """Result for one source, as data: the part of a `lungct.pipeline.Prediction` that drawing and writing use.

    Parameters
    ----------
    source : str
        The path, or a description of the array.
    label : {"COVID", "non-COVID", "indeterminate"} or None
        None only if `error` is set.
    probability : float or None
        Calibrated probability of COVID for the scan, 0 to 1; `aggregation` says how it was computed. None without lung.
    slice_probabilities : ndarray of float32, shape (slices,)
        NaN for slices without lung.
    lung_mask : ndarray of bool or None
        At the input's native resolution: (height, width) for one slice, otherwise (slices, height, width), in the order
        of `scan`. Use `save` to write it on the input's own grid.
    warnings : tuple of str
        Warning codes; `lungct.common.warning_codes.CODES` explains each and gives the remedy.
    provenance : mapping
        Names, versions and checksums of the weights.
    error : str or None
        Why the source could not be read; only from `Pipeline.stream`.
    scan : Scan or None
        The scan that was predicted.
    classification : Classification or None
        The second stage's result, slice by slice.
    threshold : float or None
        Lowest probability at which a scan is labelled COVID.
    interval : tuple of float or None
        Interval that contains `probability` for 90 % of an ensemble of heads; see docs/trust.md.
    prediction_set : tuple of str
        The labels that can't be ruled out at `error_level` (conformal prediction): one, both, or none if neither fits.
        Both if the scan is refused, none without lung.
    error_level : float
        Largest share of single slices, from new patients of the training sources, whose true label may be outside
        `prediction_set`. There is no guarantee for volumes and other sources. See docs/trust.md.
    ood_score : float or None
        How unlike the training data the scan is; above 1 the label is "indeterminate" and the warnings contain
        ``unlike-training``. None without lung.
    caution : str
        What every user of the classifier must know, from its card; empty if there is nothing special.
    aggregation : str or None
        How `probability` was computed: ``slice``, from the only slice; ``lung-weighted mean``, the mean over a volume's
        slices weighted by lung; ``volume classifier``, from the whole volume at once, without `interval` and
        `prediction_set`. None if `error` is set.
    """

    source: str
    label: Label | None
    probability: float | None
    slice_probabilities: NDArray[np.float32]
    lung_mask: NDArray[np.bool_] | None = field(repr=False)
    warnings: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict, repr=False)
    error: str | None = None
    scan: Scan | None = field(default=None, repr=False)
    classification: Classification | None = field(default=None, repr=False)
    threshold: float | None = None
    interval: tuple[float, float] | None = None
    prediction_set: tuple[str, ...] = ()
    error_level: float = 0.1
    ood_score: float | None = None
    caution: str = ""
    aggregation: str | None = None

    @property
    def heatmap(self) -> NDArray[np.float32] | None:
        """Heatmap, float32 in [0, 1] with the mask's shape: the probability of infection, or what else was asked for.

        See `lungct.classify.Explain`. It is 0 outside the lungs. It is computed on access, like `roi` and `display`,
        because volumes would fill the memory.
        """
        return self._all_slices(lambda index: self.slice_view(index).heatmap)

    @property
    def roi(self) -> NDArray[np.float32] | None:
        """Input times mask, float32 with the mask's shape: HU (-1024, air, outside the lungs) or grey (0 outside)."""
        return self._all_slices(lambda index: self.slice_view(index).roi)

    @property
    def display(self) -> NDArray[np.float32] | None:
        """Slices as shown on a screen, float32 in [0, 1] with the mask's shape; the background of overlays."""
        return self._all_slices(lambda index: self.slice_view(index).display)

    def slice_view(self, index: int) -> SliceView:
        """Return the pictures of one slice.

        Raises
        ------
        ValueError
            When the source could not be read.
        IndexError
            When there is no such slice.
        """
        if self.lung_mask is None or self.scan is None or self.classification is None:
            raise ValueError(f"{self.source}: no pictures, because it could not be read ({self.error})")
        pixels, intensity = self.scan.pixels[index], self.scan.intensity
        mask = self.lung_mask.reshape(self.scan.shape)[index]
        shows_infection = self.classification.explain == "lesions"
        return SliceView(
            apply_window(pixels, intensity, LUNG_WINDOW),
            mask,
            self.classification.heatmap(index, mask),
            np.where(mask, pixels, AIR if intensity == "hu" else np.float32(0)),
            infected_pixels(self.classification, index, mask) if shows_infection else None,
        )

    def _all_slices(self, of: Callable[[int], NDArray[np.float32]]) -> NDArray[np.float32] | None:
        if self.lung_mask is None:
            return None
        stacked = np.empty((self.slices, *self.lung_mask.shape[-2:]), dtype=np.float32)
        for index in range(self.slices):
            stacked[index] = of(index)
        return stacked.reshape(self.lung_mask.shape)

    @property
    def infection_map(self) -> NDArray[np.float32] | None:
        """Probability of infection of each pixel, float32 in [0, 1] with the mask's shape; 0 outside the lungs.

        None if the network has no map of infection. It is computed on access, like `heatmap`.
        """
        result = self.classification
        if result is None or not result.lesions or self.lung_mask is None:
            return None
        masks = self.lung_mask.reshape(self.slices, *self.lung_mask.shape[-2:])
        return self._all_slices(lambda index: np.asarray(result.infection(index, masks[index]), dtype=np.float32))

    @property
    def infection_mask(self) -> NDArray[np.bool_] | None:
        """Infected lung, bool with the mask's shape; None if the network has no map of infection."""
        if self.classification is None or not self.classification.lesions or self.lung_mask is None:
            return None
        masks = self.lung_mask.reshape(self.slices, *self.lung_mask.shape[-2:])
        found = [infected_pixels(self.classification, index, mask) for index, mask in enumerate(masks)]
        return np.array(found, dtype=np.bool_).reshape(self.lung_mask.shape)

    @cached_property
    def infection(self) -> InfectionStatistics | None:
        """How much of the lungs, of each lung and of each slice is infected; None without lung or map."""
        if self.classification is None or self.lung_labels is None:
            return None
        labels = self.lung_labels.reshape(self.slices, *self.lung_labels.shape[-2:])
        return infection_statistics(self.classification, labels)

    @property
    def infected_fraction(self) -> float | None:
        """Infected share of the lungs, 0 to 1, by volume if the spacing is known; None without lung or map."""
        return None if self.infection is None else self.infection.fraction

    @cached_property
    def lung_labels(self) -> NDArray[np.uint8] | None:
        """Each lung, uint8 with the mask's shape: 1 the patient's right lung, 2 the left.

        If the input doesn't say how the patient lies, the left of the image counts as the patient's right, as
        radiologists see it.
        """
        return None if self.lung_mask is None else left_and_right(self.lung_mask)

    @cached_property
    def lungs(self) -> Mapping[str, LungStatistics] | None:
        """Volume, density and emphysema of the lungs, ``right`` and ``left``; None except for calibrated volumes."""
        if self.scan is None or self.lung_labels is None:
            return None
        return lung_statistics(self.scan, self.lung_labels.reshape(self.scan.shape))

    @property
    def lung_volume_ml(self) -> float | None:
        """Volume of the lungs in ml; None for single slices, and if the spacing is unknown."""
        volumes = self.scan.voxel_volumes if self.scan is not None else None
        if volumes is None or self.lung_mask is None:
            return None
        return float(self.lung_mask.sum(axis=(1, 2)) @ volumes / 1000)

    @property
    def lung_fraction(self) -> float | None:
        """Share of all pixels that is lung, 0 to 1."""
        return None if self.lung_mask is None else float(self.lung_mask.mean())

    @property
    def slices(self) -> int:
        """Number of slices."""
        return int(self.slice_probabilities.size)

    def to_dict(self) -> dict[str, Any]:
        """Return the result without its pictures, as JSON types."""
        return {
            "source": self.source,
            "label": self.label,
            "probability": self.probability,
            "aggregation": self.aggregation,
            "threshold": self.threshold,
            "interval": None if self.interval is None else list(self.interval),
            "prediction_set": list(self.prediction_set),
            "error_level": self.error_level,
            "ood_score": self.ood_score,
            "slice_probabilities": finite(self.slice_probabilities),
            "explain": None if self.classification is None else self.classification.explain,
            "infected_fraction": self.infected_fraction,
            "infection": None if self.infection is None else self.infection.to_dict(),
            "lung_fraction": self.lung_fraction,
            "lung_volume_ml": self.lung_volume_ml,
            "lungs": None if self.lungs is None else {side: lung.to_dict() for side, lung in self.lungs.items()},
            "warnings": list(self.warnings),
            "error": self.error,
            "caution": self.caution,
            "provenance": dict(self.provenance),
            "disclaimer": DISCLAIMER,
        }
