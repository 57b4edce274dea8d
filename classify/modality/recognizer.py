"""`Recognizer`: tells frontal chest X-rays from axial CT slices, so that neither is judged by the other's networks.

DICOM and Hounsfield units say what they are; this is for pictures, which don't.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.modality import Modality
from ...sources import Scan
from ...sources.intensity import resize, stretch
from ...weights import RECOGNIZER, Card, Engine, Network, Precision, load_card
from ..calibration import calibrate


@dataclass(frozen=True)
class ThumbnailPreprocessing:
    """From a picture to the recognizer's input.

    Parameters
    ----------
    size : int
        Side of the square input in pixels; the aspect is not kept.
    percentiles : tuple of float
        Grey values at these percentiles become 0 and 1.
    """

    size: int = 64
    percentiles: tuple[float, float] = (0.5, 99.5)

    def __call__(self, grey: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a picture, float32 (height, width) in [0, 1], as float32 (size, size) in [0, 1]."""
        return stretch(resize(grey, self.size, self.size), self.percentiles)

    @classmethod
    def from_card(cls, card: Card) -> ThumbnailPreprocessing:
        """Read the settings back."""
        settings: dict[str, Any] = dict(card.preprocessing)
        return cls(int(settings["size"]), tuple(settings["percentiles"]))


class Recognizer:
    """Tells X-rays from CT by a small network that looks at a thumbnail.

    Parameters
    ----------
    card : Card or None
        The network; by default the shipped one.
    engine, precision, threads, callers
        As for `Classifier`.

    Raises
    ------
    WeightsError
        When the network is missing or changed, or the engine is not installed.
    """

    def __init__(
        self,
        card: Card | None = None,
        engine: Engine = "auto",
        precision: Precision = "f32",
        threads: int | None = None,
        callers: int = 1,
    ) -> None:
        self.card = card or load_card(RECOGNIZER)
        self._preprocess = ThumbnailPreprocessing.from_card(self.card)
        self._sure = float(self.card.decision["sure"])
        # A thumbnail is nothing to quantise.
        self._network = Network(self.card, engine, "f32" if precision == "int8" else precision, threads, callers)

    @property
    def provenance(self) -> dict[str, str]:
        """Name, version, precision and checksum of the network."""
        return self._network.provenance

    def xray_probability(self, grey: NDArray[np.float32]) -> float:
        """Return how likely a picture, float32 (height, width) in [0, 1], shows an X-ray rather than a CT slice."""
        logit = self._network.run(self._preprocess(grey)[None, ..., None])[0]
        return float(calibrate(logit[0, 0], 1.0))

    def recognize(self, scan: Scan) -> Modality | None:
        """Return what a scan shows, by what is known of it or else by its picture; None in doubt."""
        if scan.modality is not None:
            return scan.modality
        probability = self.xray_probability(scan.pixels[0])
        if probability >= self._sure:
            return "xray"
        return "ct" if probability <= 1 - self._sure else None
