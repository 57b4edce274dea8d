"""Define `Recognizer`, which distinguishes chest X-rays from CT slices, so that each gets the right networks.

It is needed only for pictures: DICOM headers and Hounsfield units already tell the modality.
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
    """Turn a picture into the recognizer's input.

    Parameters
    ----------
    size : int
        Side of the square input in pixels; the aspect ratio is not kept.
    percentiles : tuple of float
        Grey values at these percentiles become 0 and 1.
    """

    size: int = 64
    percentiles: tuple[float, float] = (0.5, 99.5)

    def __call__(self, grey: NDArray[np.float32]) -> NDArray[np.float32]:
        """Convert a picture, float32 (height, width) in [0, 1], to float32 (size, size) in [0, 1]."""
        return stretch(resize(grey, self.size, self.size), self.percentiles)

    @classmethod
    def from_card(cls, card: Card) -> ThumbnailPreprocessing:
        """Read the settings from a card."""
        settings: dict[str, Any] = dict(card.preprocessing)
        return cls(int(settings["size"]), tuple(settings["percentiles"]))


class Recognizer:
    """Distinguish X-rays from CT with a small network that looks at a thumbnail.

    Parameters
    ----------
    card : Card or None
        The network's card; by default, that of the shipped network.
    engine, precision, threads, callers
        As for `Classifier`.

    Raises
    ------
    WeightsError
        When the network is missing or was modified, or the engine is not installed.
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
        # The network is too small for quantisation to pay off.
        self._network = Network(self.card, engine, "f32" if precision == "int8" else precision, threads, callers)

    @property
    def provenance(self) -> dict[str, str]:
        """Name, version, precision and checksum of the network."""
        return self._network.provenance

    def xray_probability(self, grey: NDArray[np.float32]) -> float:
        """Return the probability that a picture, float32 (height, width) in [0, 1], is an X-ray and not a CT slice."""
        logit = self._network.run(self._preprocess(grey)[None, ..., None])[0]
        return float(calibrate(logit[0, 0], 1.0))

    def recognize(self, scan: Scan) -> Modality | None:
        """Return a scan's modality, if known, or else recognise it from the picture; None if uncertain."""
        if scan.modality is not None:
            return scan.modality
        probability = self.xray_probability(scan.pixels[0])
        if probability >= self._sure:
            return "xray"
        return "ct" if probability <= 1 - self._sure else None
