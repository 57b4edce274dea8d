"""Write a trained volume classifier as the package loads it: calibrated, with threshold, metrics and card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...weights import Card
from ...weights.release import release, training_versions
from ..data.dataset import Example
from ..training.decision import decide, trained_on
from .classifier import VOLUME_CLASSIFIER, VolumeClassifier
from .preprocessing import VolumePreprocessing
from .recipe import VolumeRecipe
from .regions import VolumeRegions

if TYPE_CHECKING:
    import keras


def release_volume_classifier(
    model: keras.Model,
    training: VolumeRegions,
    validation: VolumeRegions,
    preprocess: VolumePreprocessing,
    folder: Path,
    recipe: VolumeRecipe,
    init: Path | None,
    version: str,
    licence: str,
    segmenter: str = "",
    sensitivity: float | None = None,
) -> Card:
    """Write the network and its card, with the network as written measured on the validation studies.

    The threshold is the highest with at least this `sensitivity` on them; if None, Youden's.
    """
    card = release(
        model,
        folder,
        VOLUME_CLASSIFIER,
        version=version,
        task="probability that the lungs of a chest CT volume show COVID-19",
        architecture={"shape": recipe.shape, "filters": recipe.filters, "dropout": recipe.dropout},
        preprocessing=preprocess.to_dict(),
        decision={"temperature": 1.0, "threshold": 0.5},
        training_data=trained_on(training.examples, "studies"),
        licence=licence,
    )
    network = VolumeClassifier(card)
    logits = np.array([network.logit(volume) for volume in validation.inputs()])
    decided = decide(logits, validation.examples, sensitivity)
    card = replace(
        card,
        decision=decided.decision,
        metrics={
            **decided.metrics,
            **_grades(training.examples + validation.examples),
            "skipped": len(training.skipped) + len(validation.skipped),
            "recipe": {**asdict(recipe), "init": init.name if init else None},
            "segmenter": segmenter,
            "versions": training_versions(),
        },
    )
    card.write()
    return card


def _grades(examples: Sequence[Example]) -> dict[str, dict[str, int]]:
    """Count the studies of each grade; empty for data without grades."""
    told = [item.details["grade"] for item in examples if "grade" in item.details]
    return {"grades": {grade: told.count(grade) for grade in sorted(set(told))}} if told else {}
