"""`Prediction`: everything the pipeline found out about one source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

Label = Literal["COVID", "non-COVID", "indeterminate"]

DISCLAIMER = "Research software, not a medical device."


@dataclass(frozen=True, eq=False)
class Prediction:
    """Result for one source.

    Parameters
    ----------
    source : str
        The path, or a description of the array.
    label : {"COVID", "non-COVID", "indeterminate"} or None
        None only where `error` is set.
    probability : float or None
        Calibrated probability of COVID of the scan, 0 to 1; None where there is no lung to judge.
    slice_probabilities : ndarray of float32, shape (slices,)
        NaN for slices without lung.
    lung_mask : ndarray of bool or None
        At the input's own resolution: (height, width) for one slice, else (slices, height, width).
    heatmap : ndarray of float32 or None
        In [0, 1], same shape: above 0.5 a place speaks for COVID, below against it; zero outside the lungs.
    roi : ndarray of float32 or None
        Input times mask, same shape: HU (air, -1024, outside the lungs) or display grey (0 outside).
    warnings : tuple of str
        Short codes: ``no-lung``, ``partial-lung``, ``one-lung``, ``implausible-area``, ``implausible-shape``,
        ``low-confidence`` (see `lungct.lungseg.quality_flags`), ``unknown-intensity``.
    model : mapping
        Names, versions and checksums of the weights.
    error : str or None
        Why the source could not be read, in `Pipeline.stream` alone.
    """

    source: str
    label: Label | None
    probability: float | None
    slice_probabilities: NDArray[np.float32]
    lung_mask: NDArray[np.bool_] | None = field(repr=False)
    heatmap: NDArray[np.float32] | None = field(repr=False)
    roi: NDArray[np.float32] | None = field(repr=False)
    warnings: tuple[str, ...] = ()
    model: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    display: NDArray[np.float32] | None = field(default=None, repr=False)
    """Slices as shown on a screen, float32 in [0, 1], the mask's shape; what `overlay` draws on."""

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
            "slice_probabilities": [float(value) if np.isfinite(value) else None for value in self.slice_probabilities],
            "lung_fraction": self.lung_fraction,
            "warnings": list(self.warnings),
            "error": self.error,
            "model": dict(self.model),
            "disclaimer": DISCLAIMER,
        }

    def overlay(self, slice_index: int = 0) -> Image:
        """Draw one slice with the lungs' outline, the heatmap, and a caption with probability and warnings.

        Parameters
        ----------
        slice_index : int

        Returns
        -------
        PIL.Image.Image
            RGB.

        Raises
        ------
        ValueError
            When the source could not be read.
        IndexError
            When there is no such slice.
        """
        from .overlay import draw_overlay

        return draw_overlay(self, slice_index)

    def save(self, folder: str | Path, name: str | None = None) -> list[Path]:
        """Write ``NAME.json`` and, for each slice, a mask and an overlay as PNG.

        Parameters
        ----------
        folder : path
            Made where missing.
        name : str, optional
            By default the source's file name without its suffix.

        Returns
        -------
        list of Path
            The files written.
        """
        from .files import stem_of, write_slices

        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        stem = name or stem_of(self.source)
        record = target / f"{stem}.json"
        record.write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")
        return [record, *write_slices(self, target, stem)]
