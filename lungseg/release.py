"""A trained segmenter as the product loads it: network, weights, and a card with its validation figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..weights import SEGMENTER, Card
from ..weights.release import release, training_versions
from .dataset import LabelledScan, by_data_set
from .evaluation import evaluate_segmenter
from .preprocessing import SlicePreprocessing
from .recipe import SegmenterRecipe
from .segmenter import LungSegmenter

if TYPE_CHECKING:
    import keras

SECOND_LOOK_MARGIN = 0.15
"""Room around the lungs at the second look, as a share of their extent: 0.05 and 0.3 validated no better."""


def release_segmenter(
    model: keras.Model,
    training: Sequence[LabelledScan],
    validation: Sequence[LabelledScan],
    folder: Path,
    recipe: SegmenterRecipe,
    *,
    version: str,
    licence: str,
    init: Path | None = None,
    size: int | None = None,
) -> Card:
    """Write a trained segmenter as the product loads it, measured on the validation patients.

    Parameters
    ----------
    model : keras.Model
    training, validation : sequence of LabelledScan
        As split for training.
    recipe : SegmenterRecipe
    folder : Path
        Gets the ONNX network, the Keras weights and the card.
    version, licence : str
        Of the weights.
    init : Path, optional
        As trained; the card names its run.
    size : int, optional
        Side of the shipped network's input, where it differs from the one trained at.
    """
    size = size or recipe.size
    shipped = replace(recipe, size=size).build()
    shipped.set_weights(model.get_weights())
    card = release(
        shipped,
        folder,
        SEGMENTER,
        version=version,
        task="probability of lung for every pixel of an axial chest CT slice",
        architecture=replace(recipe, size=size).network(),
        preprocessing=SlicePreprocessing(size).to_dict(),
        decision={"threshold": 0.5, "second_look_margin": SECOND_LOOK_MARGIN},
        training_data=[
            {"name": source, "slices": len(chosen), "patients": len({item.patient for item in chosen})}
            for source, chosen in by_data_set(training).items()
        ],
        licence=licence,
    )
    metrics = {
        "validation": evaluate_segmenter(LungSegmenter(card), validation).summary(),
        "recipe": {**asdict(recipe), "init": init.parent.name if init else None},
        "versions": training_versions(),
    }
    card = replace(card, metrics=metrics)
    card.write()
    return card
