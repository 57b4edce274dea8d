"""The window that a DICOM file asks to be looked at with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NARROWEST = {"LINEAR": 1.0, "LINEAR_EXACT": 0.0, "SIGMOID": 0.0}
"""Functions, and the width that a window with them must exceed to show more than two greys."""


@dataclass(frozen=True)
class Window:
    """A window of values: PS3.3 C.11.2.1.2, its function C.11.2.1.3.

    Parameters
    ----------
    center, width : float
        In rescaled values.
    function : {"LINEAR", "LINEAR_EXACT", "SIGMOID"}
    """

    center: float
    width: float
    function: str

    @property
    def shows(self) -> bool:
        """Whether more than two greys come of it, by a function that the standard knows."""
        return self.width > NARROWEST.get(self.function, np.inf)

    def apply(self, slices: NDArray[np.float32]) -> None:
        """Turn rescaled values, (slices, height, width), into grey from 0 to 1, in place."""
        from pydicom.dataset import Dataset
        from pydicom.pixels.processing import apply_windowing
        from pydicom.valuerep import DSfloat

        asked = Dataset()
        asked.WindowCenter, asked.WindowWidth = (DSfloat(one, auto_format=True) for one in (self.center, self.width))
        asked.VOILUTFunction = self.function
        asked.PhotometricInterpretation = "MONOCHROME2"
        asked.BitsStored, asked.PixelRepresentation = 1, 0  # pydicom's grey is that of one bit: from 0 to 1
        with np.errstate(over="ignore"):  # far below a steep sigmoid exp() is infinite, and grey 0, as it should
            for one in slices:  # pydicom computes in float64: all at once would take three times the memory
                one[...] = apply_windowing(one, asked)
