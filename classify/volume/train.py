"""Train the volume classifier; ``lungct train volume`` uses this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...weights import Card, load_card
from ...weights.fitting import Example as Batch
from ...weights.fitting import epoch_batches, fit, prepare_environment
from ...weights.release import load_into
from ..data.dataset import balanced_draw, split_examples
from ..data.regions import FindLungs
from ..training.decision import source_scores
from ..training.loss import focal_loss
from ..training.optimizer import averaging_adamw
from .augment import augment_volume
from .dataset import check_parts, read_studies
from .network import build_volume_classifier
from .preprocessing import VolumePreprocessing
from .recipe import DEFAULTS, VolumeRecipe
from .regions import SKIPPED, VolumeRegions, check_repeats, cut_volumes, write_skipped
from .release import release_volume_classifier

prepare_environment()

if TYPE_CHECKING:
    import keras


def train_volume_classifier(
    data: Sequence[Path],
    find_lungs: FindLungs,
    folder: Path,
    recipe: VolumeRecipe = DEFAULTS,
    init: Path | None = None,
    *,
    version: str,
    licence: str,
    grades: Sequence[int] = (),
    segmenter: str = "",
    sensitivity: float | None = None,
) -> Card:
    """Train the volume classifier on labelled studies, and write it as the package loads it.

    Parameters
    ----------
    data : sequence of Path
        Data sets; see `read_studies`.
    find_lungs : callable
        The first stage.
    folder : Path
        Receives the inputs of all studies (``volumes``), ``skipped.csv``, checkpoints, history, ONNX network, Keras
        weights and card; an interrupted run there is resumed.
    recipe : VolumeRecipe
    init : Path, optional
        Initial weights: a run's ``.weights.h5``, or the card of a released classifier; random if omitted.
    version, licence : str
        Version and licence of the weights.
    grades : sequence of int
        MosMedData grades to use; by default, all.
    segmenter : str
        Checksum of the first stage; inputs cut with another one are not reused.
    sensitivity : float, optional
        Choose the highest threshold with at least this sensitivity; by default, Youden's threshold.

    Returns
    -------
    Card
        With temperature and threshold chosen, and metrics measured, on the validation studies.

    Raises
    ------
    SourceError
        When data can't be read, the parts share a patient or a volume, or a part lacks a class.
    ValueError
        When the recipe is invalid, or `init` doesn't fit it.
    """
    import keras

    focal_loss(recipe.gamma, recipe.alpha)  # refuse an invalid one before hours are spent
    studies = [item for path in data for item in read_studies(path, grades)]
    train_list, val_list = split_examples(studies, recipe.validation_share, recipe.seed)
    check_parts(train_list, val_list)
    preprocess = VolumePreprocessing(recipe.shape, sampling=recipe.sampling, region=recipe.region)
    folder.mkdir(parents=True, exist_ok=True)
    training, validation = (
        cut_volumes(part, find_lungs, preprocess, folder / "volumes", segmenter) for part in (train_list, val_list)
    )
    write_skipped(folder / SKIPPED, training, validation)
    check_parts(training.examples, validation.examples)
    check_repeats(training, validation)
    keras.utils.set_random_seed(recipe.seed)
    model = build_volume_classifier(recipe.shape, recipe.filters, recipe.dropout)
    if init is not None and init.suffix == ".json":
        load_into(model, load_card(init))
    elif init is not None:
        model.load_weights(init)
    best = _fit(model, training, validation, folder, recipe, [*map(str, data), str(init), segmenter, *map(str, grades)])
    print(f"best epoch: {best}")
    return release_volume_classifier(
        model, training, validation, preprocess, folder, recipe, init, version, licence, segmenter, sensitivity
    )


def _fit(
    model: keras.Model,
    training: VolumeRegions,
    validation: VolumeRegions,
    folder: Path,
    recipe: VolumeRecipe,
    made_of: list[str],
) -> dict[str, Any]:
    """Train with focal loss on volumes drawn equally from data sets and classes; choose the epoch by validation AUC."""
    import keras

    loss = focal_loss(recipe.gamma, recipe.alpha)
    drawn = max(recipe.epoch_size or len(training.files), recipe.batch_size)
    model.compile(
        averaging_adamw(recipe, recipe.epochs * (drawn // recipe.batch_size)),
        loss=loss,
        weighted_metrics=[keras.metrics.AUC(from_logits=True, name="auc")],
    )
    covid = training.covid

    def example(index: int, at: int) -> Batch:
        volume = augment_volume(training.pixels(index), at + recipe.seed)
        return volume[..., None], np.array([covid[index]], dtype=np.float32)

    def evaluate(current: keras.Model) -> dict[str, float]:
        logits = np.concatenate([np.asarray(current(volume, training=False)) for volume in validation.inputs()])
        losses = loss(validation.covid[:, None].astype(np.float32), logits)
        scores = source_scores(logits[:, 0].astype(np.float64), validation.examples)
        return {"val_loss": float(np.mean(losses)), **scores, "val_mean": float(np.mean(list(scores.values())))}

    return fit(
        model,
        lambda epoch: epoch_batches(
            example,
            balanced_draw(training.examples, covid, drawn, np.random.default_rng((recipe.seed, epoch))),
            epoch,
            recipe.batch_size,
        ),
        None,
        folder,
        epochs=recipe.epochs,
        monitor="val_mean",
        mode="max",
        settings={**asdict(recipe), "data": made_of},
        seed=recipe.seed,
        evaluate=evaluate,
    )
