"""Define `Prediction`, the pipeline's result for one source, with methods to draw and save it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .results.data import MaskFormat, PredictionData

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, eq=False)
class Prediction(PredictionData):
    """Result for one source: label, probability, lung mask, and how far to trust them.

    The attributes are described in `lungct.pipeline.results.data.PredictionData`.
    """

    # Drawing and writing are imported only when used: most programs need just the numbers, and start faster.

    def overlay(self, slice_index: int | None = None) -> Image:
        """Draw slices with the lungs' outline, the heatmap, and a caption with the answer and warnings.

        The map of infection is drawn with the border of the infection mask.

        Parameters
        ----------
        slice_index : int, optional
            If omitted, a volume gives a sheet of twelve slices, evenly spaced along the lungs.

        Returns
        -------
        PIL.Image.Image
            An RGB picture.

        Raises
        ------
        ValueError
            When the source could not be read.
        IndexError
            When there is no such slice.
        """
        from .results.overlay import draw_prediction

        return draw_prediction(self, slice_index)

    def sheet(self) -> str:
        """Return a result sheet: a self-contained HTML page about this scan.

        It shows the answer and how far to trust it, slices with outline and heatmap, what was read, and the provenance;
        for a source that could not be read, the reason.
        """
        from .results.sheet import result_sheet

        return result_sheet(self)

    def save(
        self,
        folder: str | Path,
        name: str | None = None,
        masks: MaskFormat = "auto",
        html: bool = False,
        labels: bool = False,
    ) -> list[Path]:
        """Write ``NAME.json``, an overlay as PNG, the lung mask, and the infection mask if the network has a map.

        Parameters
        ----------
        folder : path
            Created if missing.
        name : str, optional
            By default, the source's file name without its suffix, numbered if the folder holds another source's result
            under that name.
        masks : {"auto", "png", "nifti", "seg"}
            PNG: one file per slice. NIfTI: on the input's own grid, whatever its format. SEG: a DICOM segmentation, for
            DICOM input, needs the extra ``[seg]``. Auto: PNG for single slices, NIfTI for volumes. The infection mask
            is written in the same format as ``NAME-infection``, or into the same DICOM segmentation as a segment of its
            own.
        html : bool
            Also write the result sheet, ``NAME.html``.
        labels : bool
            Write `lung_labels`, 1 for the right and 2 for the left lung, in place of the lung mask.

        Returns
        -------
        list of Path
            The files written.

        Raises
        ------
        SourceError
            When the mask format is impossible for this input.
        """
        from .results.files import save_prediction

        return save_prediction(self, Path(folder), name, masks, html=html, labels=labels)
