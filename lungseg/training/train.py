"""Train the lung segmenter; ``lungct train lungseg`` uses this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...sources.intensity import resize, stretch
from ...weights import Card
from ...weights.fitting import Example, epoch_batches, fit, prepare_environment
from ..data.dataset import DataSet, LabelledScan, balanced_draw, leave_out, read_split
from ..data.views import tight_crop
from ..preprocessing import SlicePreprocessing
from .recipe import DEFAULTS, SegmenterRecipe
from .release import release_segmenter
from .start import mean_of, start_from

prepare_environment()

SMOOTH = 0.001
"""Smoothing term of the Dice loss, as a share of the picture; it makes false positives count in empty slices."""

if TYPE_CHECKING:
    import keras


def train_segmenter(
    data_sets: Sequence[DataSet],
    folder: Path,
    recipe: SegmenterRecipe = DEFAULTS,
    init: Path | None = None,
    *,
    version: str,
    licence: str,
    ship_size: int | None = None,
) -> Card:
    """Train a BCD U-Net on slices and lung masks, and write it as the package loads it.

    Parameters
    ----------
    data_sets : sequence of DataSet
    folder : Path
        Receives checkpoints, history, ONNX network, Keras weights and card; an interrupted run there is resumed.
    recipe : SegmenterRecipe
    init : Path, optional
        ``.weights.h5`` or card to start from, see `start_from`; its input size may differ.
    version, licence : str
        Version and licence of the weights.
    ship_size : int, optional
        Side of the written network's input, if it differs from the training size.

    Returns
    -------
    Card
        With the metrics of the best epoch on the validation patients.
    """
    import keras
    import segmentation_models as sm

    from ..data.augment import Augmenter

    keras.utils.set_random_seed(recipe.seed)
    training, validation = read_split(data_sets, recipe.validation_share, recipe.seed)
    training = leave_out(training, recipe.exclude)
    model = recipe.build()
    if init:
        start_from(model, init)
    elif recipe.init_share:
        raise ValueError("a share of the initial weights needs initial weights: give --init too")
    initial = model.get_weights()
    steps = recipe.epochs * (len(training) // recipe.batch_size)
    if steps == 0:
        raise ValueError(f"{len(training)} training slices don't fill a batch of {recipe.batch_size}; lower --batch")
    model.compile(
        keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(
                recipe.learning_rate / 10, steps, warmup_target=recipe.learning_rate, warmup_steps=max(1, steps // 20)
            ),
            clipnorm=1.0,
        ),
        # Dice per slice, so that small lungs count as much as large ones; smoothed, so that an empty mask can be right.
        loss=sm.losses.BinaryCELoss() + sm.losses.DiceLoss(per_image=True, smooth=SMOOTH * recipe.size**2),
        metrics=[sm.metrics.FScore(threshold=0.5, per_image=True, name="dice")],
    )
    augment = Augmenter(recipe.size)
    percentiles = SlicePreprocessing().percentiles

    def example(index: int, seed: int) -> Example:
        grey, mask = augment(training[index], seed + recipe.seed)
        return stretch(grey, percentiles)[..., None], mask[..., None]

    def batches_of(epoch: int) -> keras.utils.PyDataset:
        order = balanced_draw(training, np.random.default_rng((recipe.seed, epoch)))
        return epoch_batches(example, order, epoch, recipe.batch_size)

    fit(
        model,
        batches_of,
        validation_arrays(validation, recipe.size),
        folder,
        epochs=recipe.epochs,
        monitor="val_dice",
        mode="max",
        settings={
            **asdict(recipe),
            "sources": [
                [str(part) if part else None for part in (source.images, source.masks, source.patients)]
                for source in data_sets
            ],
            "init": str(init) if init else None,
        },
        seed=recipe.seed,
    )
    model.set_weights(mean_of(initial, model.get_weights(), recipe.init_share))
    return release_segmenter(
        model, training, validation, folder, recipe, version=version, licence=licence, init=init, size=ship_size
    )


def validation_arrays(slices: Sequence[LabelledScan], size: int) -> Example:
    """Return every slice uncropped, and every second one also as a tight crop, with the masks.

    Returns
    -------
    tuple of ndarray of float32, shape (n, size, size, 1)
    """
    preprocess = SlicePreprocessing(size)
    rng = np.random.default_rng(0)
    inputs: list[NDArray[np.float32]] = []
    targets: list[NDArray[np.float32]] = []
    for number, item in enumerate(slices):
        views = [(item.scan.pixels[0], item.mask[0].astype(np.uint8))]
        if number % 2:
            views.append(tight_crop(*views[0], rng))
        for pixels, mask in views:
            inputs.append(preprocess(pixels, item.scan.intensity)[..., None])
            shrunk = resize(mask.astype(np.float32), size, size)
            targets.append((shrunk > 0.5).astype(np.float32)[..., None])
    return np.stack(inputs), np.stack(targets)
