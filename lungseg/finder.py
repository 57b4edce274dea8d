"""Find lungs for training and evaluation exactly as a prediction does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..sources import Scan
from .polarity import find_lungs
from .segmenter import LungSegmenter


def lung_finder(segmenter: LungSegmenter) -> Callable[[Scan], tuple[Scan, NDArray[np.bool_]]]:
    """Return a function that takes a scan and returns it as it is to be read, with its lung masks.

    An inverted picture comes back upright in its grey values; masks are bool (slices, height, width).
    """

    def find(scan: Scan) -> tuple[Scan, NDArray[np.bool_]]:
        upright, lungs = find_lungs(segmenter, scan)
        return upright, lungs.mask

    return find
