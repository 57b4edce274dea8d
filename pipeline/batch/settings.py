"""Define `BatchSettings`: how a batch predicts its inputs and what it writes, as stored in its record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..results.data import MaskFormat
from ..results.files import require_masks
from ..settings import PipelineSettings


@dataclass(frozen=True)
class BatchSettings(PipelineSettings):
    """How a batch predicts its inputs, and what it writes in addition to the rows.

    Parameters
    ----------
    modality, intensity, segmenter, engine, precision, threads, classifier, volume_classifier, error_level, explain
        As for `lungct.pipeline.settings.PipelineSettings`; `threads` inputs are processed in parallel, one thread each.
    masks : {"none", "auto", "png", "nifti", "seg"}
        Write lung masks, and infection masks if the network maps infection; see `Prediction.save`.
    rois : bool
        Write regions of interest, inputs times masks: PNG for single slices (TIFF in HU), NIfTI for volumes.
    overlays : bool
        Write PNG pictures with the lungs' outline and the heatmap.
    html : bool
        Write result sheets.
    labels : bool
        Write masks as labels: 1 for the right lung, 2 for the left.
    """

    masks: Literal["none"] | MaskFormat = "none"
    rois: bool = False
    overlays: bool = False
    html: bool = False
    labels: bool = False

    @property
    def writes_files(self) -> bool:
        """Whether anything is written in addition to the rows."""
        return self.masks != "none" or self.rois or self.overlays or self.html

    def check_packages(self) -> None:
        """Refuse to start if a package needed for the requested files is missing.

        Raises
        ------
        MissingPackageError
            Names the command that installs it.
        """
        require_masks(self.masks)
