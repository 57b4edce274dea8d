"""A trained classifier as the product loads it: calibrated, with its threshold, measured, with its card."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..weights import CLASSIFIER, Card
from ..weights.release import release, training_versions
from .calibration import calibrate, fit_temperature, youden_threshold
from .classifier import Classifier
from .evaluation import summarise
from .network import BACKBONE
from .recipe import ClassifierRecipe
from .regions import Regions
from .roi import RoiPreprocessing

if TYPE_CHECKING:
    import keras


def release_classifier(
    model: keras.Model,
    training: Regions,
    validation: Regions,
    folder: Path,
    recipe: ClassifierRecipe,
    init: Path | None,
    version: str,
    licence: str,
) -> Card:
    """Write network and card; measure the network as written."""
    card = release(
        model,
        folder,
        CLASSIFIER,
        version=version,
        task="probability that the lungs of an axial chest CT slice show COVID-19",
        architecture={"backbone": BACKBONE, "size": recipe.size, "dropout": recipe.dropout},
        preprocessing=RoiPreprocessing(recipe.size).to_dict(),
        decision={"temperature": 1.0, "threshold": 0.5},
        training_data=[
            {
                "name": source,
                "slices": sum(item.source == source for item in training.examples),
                "covid": sum(item.source == source and item.covid for item in training.examples),
                "patients": len({item.patient for item in training.examples if item.source == source}),
            }
            for source in sorted({item.source for item in training.examples})
        ],
        licence=licence,
    )
    logits = Classifier(card).logits(validation.inputs).astype(np.float64)
    temperature = fit_temperature(logits, validation.covid)
    probabilities = calibrate(logits, temperature).astype(np.float64)
    threshold = youden_threshold(probabilities, validation.covid)
    patients = np.array([item.patient for item in validation.examples])
    sources = np.array([item.source for item in validation.examples])
    metrics: dict[str, Any] = {
        name: summarise(
            probabilities[sources == name],
            validation.covid[sources == name],
            list(patients[sources == name]),
            threshold,
        )
        for name in map(str, np.unique(sources))
    }
    card = replace(
        card,
        decision={"temperature": round(temperature, 4), "threshold": round(threshold, 4), "criterion": "Youden"},
        metrics={
            "validation": metrics,
            "validation_without_lung": validation.without_lung,
            "recipe": {**asdict(recipe), "init": init.name if init else None},
            "versions": training_versions(),
        },
    )
    card.write()
    return card
