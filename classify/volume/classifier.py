"""Define `VolumeClassifier`, which classifies a whole volume at once instead of slice by slice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...common.optional import require
from ...sources import Scan
from ...weights import Card, Engine, Network, Precision, WeightsError, load_card
from ..calibration import calibrate
from .preprocessing import VolumePreprocessing

VOLUME_CLASSIFIER = "cnn3d-covid"
"""Name of the network that ``lungct train volume`` writes; none is shipped."""


class VolumeClassifier:
    """Classify the lungs of a volume with your own 3-D CNN; none is shipped, for lack of labelled volumes.

    Parameters
    ----------
    card : Card
        A card written by ``lungct train volume``.
    engine : {"auto", "openvino", "onnxruntime"}
        Inference engine; see `lungct.weights.Engine`.
    precision : {"f32", "bf16"}
        See `lungct.weights.Precision`.
    threads : int, optional
        Processor threads; by default, as many as this process may use.

    Raises
    ------
    WeightsError
        When the network is missing, was modified or isn't a volume classifier, or the engine is not installed.

    Examples
    --------
    >>> from lungct.classify import VolumeClassifier
    >>> from lungct.pipeline import Pipeline
    >>> own = VolumeClassifier.from_card("run/cnn3d-covid.json")  # doctest: +SKIP
    >>> pipe = Pipeline.from_pretrained(volume_classifier=own)  # doctest: +SKIP
    """

    def __init__(
        self, card: Card, engine: Engine = "auto", precision: Precision = "f32", threads: int | None = None
    ) -> None:
        if card.name != VOLUME_CLASSIFIER:
            raise WeightsError(
                f"{card.name} is not a volume classifier. Give {VOLUME_CLASSIFIER}.json of a training run"
            )
        require("scipy", purpose="A classifier of volumes", extra="volume")
        self.card = card
        self.preprocess = VolumePreprocessing.from_dict(card.preprocessing)
        self._temperature = float(card.decision["temperature"])
        self._network = Network(card, engine, precision, threads)

    @classmethod
    def from_card(
        cls, path: str | Path, engine: Engine = "auto", precision: Precision = "f32", threads: int | None = None
    ) -> VolumeClassifier:
        """Open your own network, as written by ``lungct train volume``, from the path of its card."""
        return cls(load_card(path), engine, precision, threads)

    @property
    def provenance(self) -> dict[str, str]:
        """Name, version, precision and checksum of the network."""
        return self._network.provenance

    @property
    def threshold(self) -> float:
        """Lowest probability at which a volume is labelled COVID."""
        return float(self.card.decision["threshold"])

    def logit(self, volume: NDArray[np.float32]) -> float:
        """Return the uncalibrated logit for an input, float32 (1, slices, height, width, 1)."""
        return float(self._network.run(volume)[0][0, 0])

    def probability(self, scan: Scan, mask: NDArray[np.bool_]) -> float | None:
        """Return the calibrated probability of COVID for a volume.

        Parameters
        ----------
        scan : Scan
            With at least two slices.
        mask : ndarray of bool, shape (slices, height, width)
            Lung.

        Returns
        -------
        float or None
            None without lung.

        Raises
        ------
        SourceError
            For a single slice, or if the network needs a spacing and it is unknown.
        """
        if not mask.any():
            return None
        return float(calibrate(self.logit(self.preprocess(scan, mask)[None, ..., None]), self._temperature))
