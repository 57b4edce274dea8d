"""`LungSegmenter`: the first stage, from a scan to its lung mask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..sources import Scan
from ..sources.intensity import resize
from ..weights import SEGMENTER, Card, Engine, load_card, open_session
from .cleanup import clean_mask
from .preprocessing import SlicePreprocessing


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Lungs of one scan.

    Parameters
    ----------
    mask : ndarray of bool, shape (slices, height, width)
        Lung, at the scan's own resolution.
    """

    mask: NDArray[np.bool_]

    @property
    def lung_fraction(self) -> float:
        """Share of all pixels that is lung, 0 to 1."""
        return float(self.mask.mean())


class LungSegmenter:
    """Finds the lungs with a BCD U-Net.

    Parameters
    ----------
    card : Card or None
        The network; by default the shipped one.
    engine : {"openvino", "onnxruntime"}
    threads : int, optional
        Processor threads; by default the engine decides.

    Raises
    ------
    WeightsError
        When the network is missing or changed, or the engine is not installed.
    """

    def __init__(self, card: Card | None = None, engine: Engine = "openvino", threads: int | None = None) -> None:
        self.card = card or load_card(SEGMENTER)
        self._preprocess = SlicePreprocessing.from_dict(self.card.preprocessing)
        self._threshold = float(self.card.decision["threshold"])
        self._session = open_session(self.card, engine, threads)

    @classmethod
    def from_card(cls, path: str | Path, engine: Engine = "openvino", threads: int | None = None) -> LungSegmenter:
        """Open a network of your own, as ``lungct train lungseg`` writes it: give the path of its card."""
        return cls(load_card(path), engine, threads)

    def segment(self, scan: Scan) -> Segmentation:
        """Find the lungs.

        Parameters
        ----------
        scan : Scan

        Returns
        -------
        Segmentation
            With a mask of the scan's own shape; empty where no lung was found.
        """
        return Segmentation(np.stack(list(self.masks(scan))))

    def masks(self, scan: Scan) -> Iterator[NDArray[np.bool_]]:
        """Yield the mask of one slice after another, bool (height, width)."""
        _, height, width = scan.shape
        for pixels in scan.pixels:
            inputs = self._preprocess(pixels, scan.intensity)[None, ..., None]
            probability = self._session.run(inputs)[0][0, ..., 0]
            yield clean_mask(resize(probability, height, width) > self._threshold)
