"""`Prediction`: everything the pipeline found out about one source, to look at, draw and save."""

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

    What it holds is described with `lungct.pipeline.results.data.PredictionData`.
    """

    # What draws and writes is imported when it is asked for: most programs want numbers, and start faster without.

    def overlay(self, slice_index: int | None = None) -> Image:
        """Draw slices with the lungs' outline, the heatmap, and a caption with probability and warnings.

        Parameters
        ----------
        slice_index : int, optional
            Without it a volume gives a sheet of twelve slices, evenly spaced along the lungs.

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
        from .results.overlay import draw_prediction

        return draw_prediction(self, slice_index)

    def sheet(self) -> str:
        """Return a result sheet: an HTML page about this scan that needs no other file and no network.

        It shows the answer and how far to trust it, slices with outline and heatmap, what was read, and what made it;
        of a source that could not be read, why.
        """
        from .results.sheet import result_sheet

        return result_sheet(self)

    def save(
        self, folder: str | Path, name: str | None = None, masks: MaskFormat = "auto", html: bool = False
    ) -> list[Path]:
        """Write ``NAME.json``, an overlay as PNG, and the lung mask.

        Parameters
        ----------
        folder : path
            Made where missing.
        name : str, optional
            By default the source's file name without its suffix.
        masks : {"auto", "png", "nifti", "seg"}
            PNG: a file a slice. NIfTI: on the input's own grid, whatever its format. SEG: a DICOM segmentation, for
            DICOM input, needs the extra ``[seg]``. Auto: PNG for single slices, NIfTI for volumes.
        html : bool
            Write ``NAME.html`` too, the result sheet.

        Returns
        -------
        list of Path
            The files written.

        Raises
        ------
        SourceError
            When the input can't have a mask of that format.
        """
        from .results.files import save_prediction

        return save_prediction(self, Path(folder), name, masks, html=html)
