"""Training of the classifier, behind ``lungct train classify``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..weights import Card
from ..weights.fitting import Example as Batch
from ..weights.fitting import epoch_batches, fit, prepare_environment
from .dataset import balanced_draw, read_folder, split_examples
from .evaluation import auc
from .lite0 import load_lite0
from .network import build_classifier
from .recipe import ClassifierRecipe
from .regions import FindLungs, Regions, cut_regions
from .release import release_classifier
from .roi import RoiPreprocessing

prepare_environment()

if TYPE_CHECKING:
    import keras

MEASURED_SLICES = 64
"""Slices on which the statistics of the ImageNet start are measured."""


def train_classifier(
    folders: Sequence[Path],
    find_lungs: FindLungs,
    folder: Path,
    recipe: ClassifierRecipe = ClassifierRecipe(),
    init: Path | None = None,
    *,
    version: str,
    licence: str,
) -> Card:
    """Train the classifier on pictures in class folders and write it as the product loads it.

    Parameters
    ----------
    folders : sequence of Path
        Data sets, see `read_folder`.
    find_lungs : callable
        The first stage.
    folder : Path
        Gets checkpoints, history, ONNX network, Keras weights and card; an interrupted run there is continued.
    recipe : ClassifierRecipe
    init : Path, optional
        The ImageNet Lite0 convolutions (``.npz``) or a ``.weights.h5`` of a run; random without.
    version, licence : str
        Of the weights.

    Returns
    -------
    Card
        With temperature and threshold chosen on, and metrics measured on, the validation pictures.
    """
    import keras

    keras.utils.set_random_seed(recipe.seed)
    train_list, val_list = split_examples(
        [item for path in folders for item in read_folder(path)],
        recipe.validation_share,
        recipe.seed,
        recipe.exclude,
    )
    preprocess = RoiPreprocessing(recipe.size)
    training = cut_regions(train_list, find_lungs, preprocess)
    validation = cut_regions(val_list, find_lungs, preprocess)
    model = build_classifier(recipe.size, recipe.dropout)
    _start_from(model, init, training, recipe.seed)
    best = _fit(model, training, validation, folder, recipe, [*map(str, folders), str(init)])
    print(f"best epoch: {best}")
    return release_classifier(model, training, validation, folder, recipe, init, version, licence)


def _start_from(model: keras.Model, init: Path | None, training: Regions, seed: int) -> None:
    if init is None:
        return
    if init.name.endswith(".weights.h5"):
        model.load_weights(init)
        return
    chosen = np.random.default_rng(seed).permutation(len(training.examples))[:MEASURED_SLICES]
    load_lite0(model, init, training.inputs[chosen])


def _fit(
    model: keras.Model, training: Regions, validation: Regions, folder: Path, recipe: ClassifierRecipe, data: list[str]
) -> dict[str, Any]:
    """Train with focal loss on draws balanced over data sets and classes."""
    import keras
    from focal_loss import BinaryFocalLoss

    from .augment import RoiAugmenter

    trained = keras.Model(model.inputs, model.outputs[0])
    steps = recipe.epochs * (recipe.epoch_size // recipe.batch_size)
    trained.compile(
        keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(
                recipe.learning_rate / 10, steps, warmup_target=recipe.learning_rate, warmup_steps=steps // 10 + 1
            ),
            weight_decay=recipe.weight_decay,
            clipnorm=1.0,
        ),
        loss=BinaryFocalLoss(gamma=recipe.gamma, from_logits=True),
        metrics=[keras.metrics.AUC(from_logits=True, name="auc")],
    )
    augment = RoiAugmenter()
    labels = training.covid.astype(np.float32)

    def example(index: int, seed: int) -> Batch:
        roi = augment(training.pixels[index].astype(np.float32) / np.float32(255), seed + recipe.seed)
        return roi[..., None], labels[index : index + 1]

    def batches_of(epoch: int) -> keras.utils.PyDataset:
        order = balanced_draw(training.examples, recipe.epoch_size, np.random.default_rng((recipe.seed, epoch)))
        return epoch_batches(example, order, epoch, recipe.batch_size)

    def evaluate(current: keras.Model) -> dict[str, float]:
        scores = current.predict(validation.inputs, verbose=0)[:, 0].astype(np.float64)
        return source_aucs(scores, validation)

    return fit(
        trained,
        batches_of,
        (validation.inputs, validation.covid[:, None].astype(np.float32)),
        folder,
        epochs=recipe.epochs,
        monitor="val_auc_mean",
        mode="max",
        settings={**asdict(recipe), "data": data},
        seed=recipe.seed,
        evaluate=evaluate,
    )


def source_aucs(scores: NDArray[np.float64], regions: Regions) -> dict[str, float]:
    """Return the AUC of every data set, and their mean, which chooses the epoch."""
    sources = np.array([item.source for item in regions.examples])
    figures = {
        f"val_auc_{name}": auc(scores[sources == name], regions.covid[sources == name])
        for name in map(str, np.unique(sources))
    }
    return {**figures, "val_auc_mean": float(np.mean(list(figures.values())))}
