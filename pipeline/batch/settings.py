"""`BatchSettings`: how a batch judges its inputs and what it writes, as its record keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..results.data import MaskFormat
from ..results.files import require_masks
from ..settings import PipelineSettings


@dataclass(frozen=True)
class BatchSettings(PipelineSettings):
    """How a batch judges its inputs, and what it writes beside the rows.

    Parameters
    ----------
    modality, intensity, segmenter, engine, precision, threads, classifier, volume_classifier, error_level, explain
        As for `lungct.pipeline.settings.PipelineSettings`; an input is worked on by one thread, so many side by side.
    masks : {"none", "auto", "png", "nifti", "seg"}
        Lung masks, see `Prediction.save`.
    rois : bool
        Inputs times masks: PNG or, in HU, TIFF of single slices, NIfTI of volumes.
    overlays : bool
        Pictures with the lungs' outline and the heatmap, PNG.
    html : bool
        Result sheets.
    """

    masks: Literal["none"] | MaskFormat = "none"
    rois: bool = False
    overlays: bool = False
    html: bool = False

    @property
    def writes_files(self) -> bool:
        """Whether anything is written beside the rows."""
        return self.masks != "none" or self.rois or self.overlays or self.html

    def check_packages(self) -> None:
        """Refuse to start without what the files asked for need.

        Raises
        ------
        MissingPackageError
        """
        require_masks(self.masks)
