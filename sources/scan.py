"""Define `Scan`, the form that every input is converted to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..common.modality import Modality
from ..common.warning_codes import codes_of
from .errors import SourceError
from .grid import Grid, depths_of

Intensity = Literal["hu", "display"]
"""What a pixel value means: Hounsfield units, or grey as shown on a screen, 0 (black) to 1 (white)."""

XRAY_MODALITIES = ("DX", "CR", "RG")
"""DICOM modalities of projection X-rays: digital, from imaging plates, from film."""

USE: Mapping[Modality, str] = {
    "ct": "For CT use Pipeline.from_pretrained(), in commands --modality ct",
    "xray": 'For chest X-rays use Pipeline.from_pretrained("xray"), in commands --modality xray',
}
"""Remedies that say how to analyse each modality."""

IN_WORDS: Mapping[Modality, str] = {"ct": "CT", "xray": "a chest X-ray"}

WARNINGS = codes_of("reading")
"""Codes of the warnings that reading can give, in order; `lungct.common.warning_codes` explains them."""

AIR = np.float32(-1024)
"""HU of padding and of masked-out pixels. Nothing in a CT is less dense than air."""

INTENSITIES: tuple[str, ...] = get_args(Intensity)


def check_intensity(said: object) -> None:
    """Refuse an unknown word for the meaning of values.

    Raises
    ------
    ValueError
        The message lists the known ones.
    """
    if said is not None and not (isinstance(said, str) and said in INTENSITIES):
        raise ValueError(f"intensity must be one of {INTENSITIES} or None, not {said!r}")


@dataclass(frozen=True, eq=False)
class Scan:
    """Axial slices of one patient, in one array.

    If the input gives the patient's orientation, slices run from feet to head, rows from front to back, and columns
    from the patient's right to left, the radiological view.

    Parameters
    ----------
    pixels : ndarray of float32, shape (slices, height, width)
        Finite values; a picture is a scan of one slice.
    intensity : {"hu", "display"}
        ``"hu"``: calibrated Hounsfield units. ``"display"``: grey in [0, 1] after an unknown window.
    spacing : tuple of float or None
        Distance between neighbouring pixels in mm, (z, y, x).
    affine : ndarray of float64, shape (4, 4), or None
        From (column, row, slice) indices to patient coordinates in mm, as in DICOM and ITK: x to the patient's left,
        y to the back, z to the head.
    source : str
        Where the scan came from: a path, or a description of an array.
    metadata : mapping
        Facts found while reading, such as ``format``; ``intensity_guessed`` is True if the meaning of the values had
        to be guessed, ``intensity_possible`` is False if they can't be the HU that they were declared to be.
    warnings : tuple of str
        Codes of warnings about the input; see `lungct.sources.WARNINGS`.
    grid : Grid or None
        How the input's own array lies in the patient, if known; used to convert masks back.
    frames : tuple of lungct.sources.dicom.image.Frame
        The DICOM file and frame of each slice, in the order of the input's own grid. Empty for other formats.
    """

    pixels: NDArray[np.float32]
    intensity: Intensity
    spacing: tuple[float, float, float] | None = None
    affine: NDArray[np.float64] | None = None
    source: str = "array"
    metadata: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    grid: Grid | None = None
    frames: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.dtype != np.float32:
            raise ValueError(
                f"Scan.pixels must be float32 (slices, height, width), not {self.pixels.dtype} {self.pixels.shape}; "
                "use lungct.sources.read_scan, which converts"
            )
        if self.intensity not in INTENSITIES:
            raise ValueError(f"Scan.intensity must be one of {INTENSITIES}, not {self.intensity!r}")
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled and copied: a read-only view of a mapping can't be."""
        return {**self.__dict__, "metadata": dict(self.metadata)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, metadata=MappingProxyType(state["metadata"]))

    def __len__(self) -> int:
        """Return the number of slices."""
        return int(self.pixels.shape[0])

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, height, width."""
        slices, height, width = self.pixels.shape
        return slices, height, width

    @property
    def slice_positions(self) -> NDArray[np.float64]:
        """Position of each slice along the patient in mm, float64 (slices,); 1 mm apart if unknown."""
        step = self.spacing[0] if self.spacing else 1.0
        told = self.metadata.get("slice_positions") if self.spacing else None
        return np.asarray(np.arange(len(self)) * step if told is None else told, dtype=np.float64)

    @property
    def slice_depths(self) -> NDArray[np.float64]:
        """How far each slice reaches along the patient in mm, float64 (slices,).

        With uneven spacing, each slice reaches half way to its neighbours, but never beyond the usual step or its own
        thickness: a stray slice, or one beside a gap, counts no more than the others.
        """
        if len(self) < 2:
            return np.full(len(self), self.spacing[0] if self.spacing else 1.0)
        return depths_of(self.slice_positions, self.metadata.get("slice_thicknesses", ()))

    @property
    def voxel_volumes(self) -> NDArray[np.float64] | None:
        """Voxel volume in mm³ for each slice, float64 (slices,); None if the spacing is unknown.

        See `slice_depths` for uneven spacing.
        """
        if self.spacing is None or len(self) < 2:
            return None
        return self.slice_depths * self.spacing[1] * self.spacing[2]

    @property
    def modality(self) -> Modality | None:
        """Modality, as far as the source tells; None for single grey pictures, which may be either."""
        if self.metadata.get("modality") in XRAY_MODALITIES:
            return "xray"
        return "ct" if self.intensity == "hu" or len(self) > 1 or self.metadata.get("modality") == "CT" else None

    def check_is(self, wanted: Modality) -> None:
        """Refuse a scan that is known to be of the other modality.

        Raises
        ------
        SourceError
            Says what the scan is, and which pipeline takes it.
        """
        if self.modality is not None and self.modality != wanted:
            raise SourceError(self.source, f"is {IN_WORDS[self.modality]}, not {IN_WORDS[wanted]}", USE[self.modality])

    @property
    def intensity_guessed(self) -> bool:
        """Whether the meaning of the pixel values is a guess."""
        return bool(self.metadata.get("intensity_guessed", False))

    @property
    def intensity_possible(self) -> bool:
        """Whether the pixel values can be the Hounsfield units that they were declared to be."""
        return bool(self.metadata.get("intensity_possible", True))
