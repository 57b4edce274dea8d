"""Write a trained segmenter as the package loads it: network, weights, and a card with its validation metrics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...common.modality import PICTURES
from ...weights import SEGMENTERS, Card
from ...weights.quantize import quantize
from ...weights.release import release, training_versions
from ..architectures import build_network
from ..data.dataset import LabelledScan, by_data_set
from ..evaluation.evaluate import evaluate_segmenter
from ..network import LEVELS
from ..preprocessing import SlicePreprocessing
from ..segmenter import LungSegmenter
from .recipe import SegmenterRecipe

if TYPE_CHECKING:
    import keras

CALIBRATION_SLICES = 24
"""Number of slices used to measure value ranges for quantisation."""

FIRST_LOOK = 0.625
"""Side of the first look's input, as a share of the second's: with half of it, small, infected lungs were missed."""

DOUBT = 0.95
"""Expected Dice below which the first look is repeated at full size; a quarter of infected lungs are below it."""

LEAST_CONFIDENCE = 0.85
"""Expected Dice below which lungs should not be classified; validation slices are at most half as far from 1."""

THRESHOLD = 0.45
"""Probability from which a pixel is lung. Below 0.5, more of the infected lung is kept at nearly the same Dice."""

SECOND_LOOK_MARGIN = 0.15
"""Margin around the lungs at the second look, as a share of their extent; 0.05 and 0.3 validated no better."""


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
    """Write a trained segmenter as the package loads it, measured on the validation patients.

    Parameters
    ----------
    model : keras.Model
    training, validation : sequence of LabelledScan
        The slices as split for training.
    recipe : SegmenterRecipe
    folder : Path
        Receives the ONNX network, the Keras weights and the card.
    version, licence : str
        Version and licence of the weights.
    init : Path, optional
        The weights that training started from; the card names their run.
    size : int, optional
        Side of the shipped network's input, if it differs from the training size.
    """
    size = size or recipe.size
    shipped = replace(recipe, size=size).build()
    shipped.set_weights(model.get_weights())
    any_size = {**recipe.network(), "size": None}
    own = recipe.architecture in ("bcdunet", "unet")  # only these can be exported for inputs of any size
    multiple = recipe.stride * 2**LEVELS
    coarse = max(multiple, round(FIRST_LOOK * size / multiple) * multiple)
    card = release(
        shipped,
        folder,
        SEGMENTERS[recipe.modality],
        (lambda: build_network(**any_size)) if own else None,
        version=version,
        modality=recipe.modality,
        task=f"probability of lung for every pixel of {PICTURES[recipe.modality]}",
        architecture=replace(recipe, size=size).network(),
        preprocessing=SlicePreprocessing(size).to_dict(),
        decision={
            "threshold": THRESHOLD,
            "first_look_size": coarse if own else size,
            "first_look_doubt": DOUBT,
            "second_look_margin": SECOND_LOOK_MARGIN,
            "least_confidence": LEAST_CONFIDENCE,
        },
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
    card.write()  # so that a failure after this doesn't lose the run
    return quantize(card, _as_seen(training, card))


def _as_seen(training: Sequence[LabelledScan], card: Card) -> Iterator[NDArray[np.float32]]:
    """Yield some training slices as network inputs, for both looks."""
    chosen = np.random.default_rng(0).permutation(len(training))[:CALIBRATION_SLICES]
    close = SlicePreprocessing.from_dict(card.preprocessing)
    coarse = replace(close, size=card.decision["first_look_size"])
    for index in chosen:
        scan = training[index].scan
        for preprocess in (coarse, close):
            yield preprocess(scan.pixels[0], scan.intensity)[None, ..., None]
