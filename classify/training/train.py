"""Train the classifier; ``lungct train classify`` uses this."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...sources.intensity import resize
from ...weights import Card, load_card
from ...weights.fitting import Example as Batch
from ...weights.fitting import epoch_batches, fit, prepare_environment
from ...weights.release import load_into
from ..data.dataset import balanced_draw, read_examples, split_examples
from ..data.leaks import LeakRule, settle_leaks
from ..data.regions import FindLungs, Regions, cut_regions
from ..network import build_classifier
from ..roi import RoiPreprocessing
from .decision import source_aucs
from .lesions import DrawnLesions, Lesions, cut_lesions, on_grid
from .lite0 import load_lite0
from .loss import LogitLoss, focal_loss
from .optimizer import averaging_adamw
from .recipe import DEFAULTS, ClassifierRecipe
from .release import release_classifier
from .teachers import Teachers

prepare_environment()

if TYPE_CHECKING:
    import keras

MEASURED_SLICES = 64
"""Number of slices on which the statistics for ImageNet weights are measured."""


def train_classifier(
    data: Sequence[Path],
    find_lungs: FindLungs,
    folder: Path,
    recipe: ClassifierRecipe = DEFAULTS,
    init: Path | Literal["imagenet"] | None = None,
    *,
    version: str,
    licence: str,
    lesions: Iterable[DrawnLesions] = (),
    teachers: Sequence[Card] = (),
    segmenter: str = "",
    sensitivity: float | None = None,
    leaks: LeakRule = "refuse",
    caution: str = "",
) -> Card:
    """Train the classifier on labelled pictures, and write it as the package loads it.

    Parameters
    ----------
    data : sequence of Path
        Data sets; see `read_examples`.
    find_lungs : callable
        The first stage.
    folder : Path
        Receives checkpoints, history, ONNX network, Keras weights and card; an interrupted run there is resumed.
    recipe : ClassifierRecipe
    init : Path or "imagenet", optional
        Initial weights: the ImageNet Lite0 convolutions (``.npz``), a run's ``.weights.h5``, the card (``.json``) of a
        released classifier, or "imagenet" for Keras' own ImageNet weights, which Keras downloads; random if omitted.
    version, licence : str
        Version and licence of the weights.
    lesions : iterable of DrawnLesions
        Slices with lung and lesion masks, for the second task.
    teachers : sequence of Card
        Trained classifiers whose answers are learned together with the labels; see `Teachers`.
    segmenter : str
        Checksum of the first stage; regions found with another one are not reused.
    sensitivity : float, optional
        Choose the highest threshold with at least this sensitivity; by default, Youden's threshold.
    leaks : {"refuse", "drop", "allow"}
        What to do if training and validation share patients or near-duplicate pictures; "drop" leaves the training
        pictures out.
    caution : str
        What every user must know about the training data, for the card.

    Returns
    -------
    Card
        With temperature and threshold chosen, and metrics measured, on the validation pictures.

    Raises
    ------
    SourceError
        When data can't be read.
    ValueError
        When the split leaks, the recipe is invalid, or `init` doesn't fit it.
    """
    import keras

    loss = focal_loss(recipe.gamma, recipe.alpha)
    keras.utils.set_random_seed(recipe.seed)
    train_list, val_list = split_examples(
        [item for path in data for item in read_examples(path)],
        recipe.validation_share,
        recipe.seed,
        recipe.exclude,
    )
    kept = settle_leaks(train_list, val_list, leaks)
    if len(kept) < len(train_list):
        print(f"{len(train_list) - len(kept)} training pictures left out: shared with the validation part")
    preprocess = RoiPreprocessing(recipe.size, region=recipe.region)
    model = build_classifier(recipe.size, recipe.dropout, recipe.backbone, imagenet=init == "imagenet")
    teach = Teachers(teachers, preprocess) if teachers else None
    # Teachers may have a larger input than the student: cut the region for them, augment it, then shrink it.
    finest = replace(preprocess, size=max([recipe.size, *teach.sizes])) if teach else preprocess
    training = cut_regions(kept, find_lungs, finest, folder / "regions-train.npz", segmenter)
    validation = cut_regions(val_list, find_lungs, preprocess, folder / "regions-val.npz", segmenter)
    lesion_scans = list(lesions)
    drawn = cut_lesions(lesion_scans, finest) if lesion_scans else None
    trained = _with_lesion_head(model)
    _start_from(trained, init, training, recipe.seed)
    made_of = [*map(str, data), str(init), segmenter, *(card.sha256 for card in teachers)]
    best = _fit(trained, loss, training, validation, drawn, teach, folder, recipe, made_of)
    print(f"best epoch: {best}")
    return release_classifier(
        model, training, validation, drawn, teachers, folder, recipe, init, version, licence, find_lungs, sensitivity,
        caution,
    )  # fmt: skip


def _with_lesion_head(model: keras.Model) -> keras.Model:
    """Return the network with a separate lesion head, which is dropped after training."""
    import keras

    found = keras.layers.Conv2D(1, 1, name="lesions")(model.get_layer("head_dropout").output)
    return keras.Model(model.inputs, {"logit": model.outputs[0], "lesions": found})


def _start_from(model: keras.Model, init: Path | Literal["imagenet"] | None, training: Regions, seed: int) -> None:
    import keras

    if not isinstance(init, Path):
        return
    if init.suffix == ".h5":
        model.load_weights(init)
        return
    if init.suffix == ".json":
        without_lesions = keras.Model(model.inputs, [model.output["logit"], model.get_layer("evidence").output])
        load_into(without_lesions, load_card(init))
        return
    chosen = np.random.default_rng(seed).permutation(len(training.examples))[:MEASURED_SLICES]
    load_lite0(model, init, training.inputs[chosen])


def _fit(
    trained: keras.Model,
    loss: LogitLoss,
    training: Regions,
    validation: Regions,
    drawn: Lesions | None,
    teach: Teachers | None,
    folder: Path,
    recipe: ClassifierRecipe,
    made_of: list[str],
) -> dict[str, Any]:
    """Train with focal loss on pictures drawn equally from data sets and classes, and on lesions."""
    import keras

    grid = tuple(trained.get_layer("lesions").output.shape[1:3])
    lesion_slices = recipe.lesion_slices if drawn else 0
    steps = recipe.epochs * ((recipe.epoch_size + lesion_slices) // recipe.batch_size)
    trained.compile(
        averaging_adamw(recipe, steps),
        loss={
            "logit": loss,
            "lesions": keras.losses.BinaryCrossentropy(from_logits=True),
        },
        loss_weights={"logit": 1.0, "lesions": recipe.lesion_weight if drawn else 0.0},
        # Only against labels: with teachers, targets are not binary.
        weighted_metrics=None if teach else {"logit": [keras.metrics.AUC(from_logits=True, name="auc")]},
    )

    example = _examples(training, drawn, teach, grid, recipe)

    def batches_of(epoch: int) -> keras.utils.PyDataset:
        rng = np.random.default_rng((recipe.seed, epoch))
        order = balanced_draw(training.examples, training.covid, recipe.epoch_size, rng)
        if drawn:
            slices = rng.choice(len(drawn.pixels), lesion_slices, replace=lesion_slices > len(drawn.pixels))
            order = rng.permutation(np.concatenate([order, len(training.examples) + slices]))
        return epoch_batches(example, order, epoch, recipe.batch_size)

    def evaluate(current: keras.Model) -> dict[str, float]:
        logits = current.predict(validation.inputs, verbose=0)["logit"]
        losses = loss(validation.covid[:, None].astype(np.float32), logits)
        return {
            "val_logit_loss": float(np.mean(losses)),
            **source_aucs(logits[:, 0].astype(np.float64), validation.examples),
        }

    return fit(
        trained,
        batches_of,
        None,
        folder,
        epochs=recipe.epochs,
        monitor="val_auc_mean",
        mode="max",
        settings={**asdict(recipe), "data": made_of},
        seed=recipe.seed,
        evaluate=evaluate,
    )


def _examples(
    training: Regions,
    drawn: Lesions | None,
    teach: Teachers | None,
    grid: tuple[int, int],
    recipe: ClassifierRecipe,
) -> Callable[[int, int], Batch]:
    """Return a function that makes one example; indices beyond the pictures are slices with lesions.

    A picture's lesions are unknown, and so is the label of a slice with lesions unless there are teachers; unknown
    targets have weight 0.
    """
    from .augment import RoiAugmenter

    augment = RoiAugmenter()
    count = len(training.examples)

    def example(index: int, at: int) -> Batch:
        if drawn is None or index < count:
            roi, lesions = augment(training.pixels[index], at + recipe.seed)
            label, labelled = float(training.covid[index]), True
        else:
            roi, lesions = augment(drawn.pixels[index - count], at + recipe.seed, drawn.drawn[index - count])
            label, labelled = 0.0, False
        if teach:
            share = recipe.teachers_share if labelled else 1.0
            label += share * (teach(roi) - label)
        targets = {"logit": np.array([label], dtype=np.float32), "lesions": on_grid(lesions, *grid)}
        known = {"logit": np.float32(labelled or teach is not None), "lesions": np.full(grid, not labelled, np.float32)}
        return resize(roi, recipe.size, recipe.size)[..., None], targets, known

    return example
