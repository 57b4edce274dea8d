"""Use trained classifiers as teachers: distil the answers of several networks into one (Hinton et al. 2015).

Teachers are given the same augmented region as the student, so that the student learns their answers around the
pictures and not only on them (Beyer et al. 2022, arXiv 2106.05237).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...sources.intensity import resize
from ...weights import Card
from ..calibration import calibrate
from ..classifier import Classifier
from ..roi import RoiPreprocessing


class Teachers:
    """The combined answer of trained classifiers.

    Parameters
    ----------
    cards : sequence of Card
    preprocess : RoiPreprocessing
        How the student's regions are cut; the teachers' size may differ.

    Raises
    ------
    ValueError
        When a teacher was trained on other regions.
    """

    def __init__(self, cards: Sequence[Card], preprocess: RoiPreprocessing) -> None:
        used_to = [RoiPreprocessing.from_dict(card.preprocessing) for card in cards]
        for card, settings in zip(cards, used_to, strict=True):
            if replace(settings, size=preprocess.size) != preprocess:
                raise ValueError(
                    f"the teacher {card.name} (version {card.version}) was trained on regions {card.preprocessing}, "
                    f"but this run has {preprocess.to_dict()}: use the teacher's --region"
                )
        self.sizes = [settings.size for settings in used_to]
        # Not OpenVINO, which crashes the process during TensorFlow's training loop.
        self._classifiers = [Classifier(card, "onnxruntime", threads=1) for card in cards]

    def __call__(self, roi: NDArray[np.float32]) -> float:
        """Return the probability for the mean of their calibrated logits, for a region float32 (rows, columns)."""
        logits = [
            float(one.logits(resize(roi, size, size)[None, ..., None])[0]) / float(one.card.decision["temperature"])
            for one, size in zip(self._classifiers, self.sizes, strict=True)
        ]
        return float(calibrate(np.float64(np.mean(logits)), 1.0))
