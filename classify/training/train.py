"""Train the classifier; ``lungct train classify`` uses this."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...weights import Card, load_card
from ...weights.fitting import epoch_batches, fit, prepare_environment
from ...weights.release import load_into
from ..data.dataset import balanced_draw, read_examples, split_examples
from ..data.leaks import LeakRule, settle_leaks
from ..data.regions import FindLungs, Regions, cut_regions
from ..network import MAPPING, build_classifier, start_map
from .decision import lesion_dice, source_scores
from .examples import ExampleMaker
from .lesions import DrawnLesions, Lesions, cut_lesions
from .lite0 import load_lite0
from .loss import LogitLoss, focal_loss, lesion_loss
from .optimizer import averaging_adamw
from .recipe import DEFAULTS, ClassifierRecipe
from .release import release_classifier
from .teachers import Teachers
from .torchvision_b0 import is_torchvision_b0, load_torchvision_b0

prepare_environment()

if TYPE_CHECKING:
    import keras

MEASURED_SLICES = 64
"""Number of slices on which the statistics for ImageNet weights are measured."""

SMOOTHED = 0.1
"""Label smoothing of the infected lung's answer: lesions that are pasted in may be hardly visible."""


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
        Initial weights: ImageNet's Lite0 convolutions or a B0 under torchvision's names (``.npz``), a run's
        ``.weights.h5``, the card (``.json``) of a released classifier, or "imagenet" for Keras' own ImageNet weights,
        which Keras downloads; random if omitted.
    version, licence : str
        Version and licence of the weights.
    lesions : iterable of DrawnLesions
        Slices with lesion masks: the network gets a map of infection. `validation_share` of their patients are kept for
        validation.
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
    lesion_scans = list(lesions)
    preprocess = recipe.preprocessing(bool(lesion_scans))
    model = build_classifier(
        recipe.size, recipe.dropout, recipe.backbone, imagenet=init == "imagenet", lesions=bool(lesion_scans)
    )
    teach = Teachers(teachers, preprocess) if teachers else None
    # Teachers may have a larger input than the student: cut the region for them, augment it, then shrink it.
    finest = replace(preprocess, size=max([recipe.size, *teach.sizes])) if teach else preprocess
    training = cut_regions(kept, find_lungs, finest, folder / "regions-train.npz", segmenter)
    validation = cut_regions(val_list, find_lungs, preprocess, folder / "regions-val.npz", segmenter)
    drawn, drawn_val = None, None
    if lesion_scans:
        drawn, drawn_val = cut_lesions(lesion_scans, find_lungs, finest).split(recipe.validation_share, recipe.seed)
    _start_from(model, init, training, recipe.seed)
    if drawn and recipe.frozen:
        _freeze(model, recipe.backbone)
    made_of = [*map(str, data), str(init), segmenter, *(card.sha256 for card in teachers)]
    example = ExampleMaker(training, drawn, teach, recipe)
    best = _fit(model, loss, training, validation, drawn, drawn_val, example, folder, recipe, made_of)
    print(f"best epoch: {best}")
    return release_classifier(
        model, training, validation, drawn, drawn_val, teachers, folder, recipe, init, version, licence, find_lungs,
        sensitivity, caution,
    )  # fmt: skip


def _start_from(model: keras.Model, init: Path | Literal["imagenet"] | None, training: Regions, seed: int) -> None:
    if not isinstance(init, Path):
        return
    if init.suffix == ".h5":
        model.load_weights(init)
    elif init.suffix == ".json":
        load_into(model, load_card(init))
    elif is_torchvision_b0(init):
        load_torchvision_b0(model, init)
    else:
        chosen = np.random.default_rng(seed).permutation(len(training.examples))[:MEASURED_SLICES]
        load_lite0(model, init, training.inputs[chosen])
    if init.suffix == ".npz" and MAPPING in {layer.name for layer in model.layers}:
        start_map(model)


def _freeze(model: keras.Model, backbone: str) -> None:
    """Keep the shared blocks, and the statistics of the map's blocks, as they are initialised."""
    import keras

    model.get_layer(backbone).trainable = False
    for layer in model.get_layer(MAPPING).layers:
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)


def _fit(
    model: keras.Model,
    loss: LogitLoss,
    training: Regions,
    validation: Regions,
    drawn: Lesions | None,
    drawn_val: Lesions | None,
    example: ExampleMaker,
    folder: Path,
    recipe: ClassifierRecipe,
    made_of: list[str],
) -> dict[str, Any]:
    """Train on pictures drawn from data sets and classes, and on slices with lesion masks."""
    lesion_slices = recipe.lesion_slices if drawn else 0
    steps = recipe.epochs * ((recipe.epoch_size + lesion_slices) // recipe.batch_size)
    trained = _trained_outputs(model, bool(drawn))
    losses, weights = _losses(loss, recipe, bool(drawn))
    trained.compile(averaging_adamw(recipe, steps), loss=losses, loss_weights=weights)

    def batches_of(epoch: int) -> keras.utils.PyDataset:
        rng = np.random.default_rng((recipe.seed, epoch))
        order = balanced_draw(training.examples, training.covid, recipe.epoch_size, rng)
        if drawn:
            slices = rng.choice(len(drawn.pixels), lesion_slices, replace=lesion_slices > len(drawn.pixels))
            order = rng.permutation(np.concatenate([order, len(training.examples) + slices]))
        return epoch_batches(example, order, epoch, recipe.batch_size)

    def evaluate(current: keras.Model) -> dict[str, float]:
        scores = current.predict(validation.inputs, verbose=0)["logit"][:, 0].astype(np.float64)
        figures = source_scores(scores, validation.examples)
        if drawn_val and drawn_val.patients:
            found = current.predict(drawn_val.inputs, verbose=0)["lesions"][..., 0]
            figures["val_lesion_dice"] = lesion_dice(found > 0, drawn_val)
        return {**figures, "val_mean": float(np.mean(list(figures.values())))}

    return fit(
        trained,
        batches_of,
        None,
        folder,
        epochs=recipe.epochs,
        monitor="val_mean",
        mode="max",
        settings={**asdict(recipe), "data": made_of},
        seed=recipe.seed,
        evaluate=evaluate,
    )


def _trained_outputs(model: keras.Model, lesions: bool) -> keras.Model:
    """Return the network with the outputs that have targets."""
    import keras

    outputs = {"logit": model.outputs[0]}
    if lesions:
        heads = {name: model.get_layer(name).output for name in ("infected", "disease")}
        outputs |= {**heads, "lesions": model.outputs[-1]}
    return keras.Model(model.input, outputs)


def _losses(loss: LogitLoss, recipe: ClassifierRecipe, lesions: bool) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the loss of each output and its weight."""
    import keras

    even = 2.0**recipe.gamma  # where the network is undecided, focal loss is this much smaller than cross-entropy
    if not lesions:
        return {"logit": loss}, {"logit": 1.0}
    infected = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=SMOOTHED)
    return (
        {"logit": loss, "disease": loss, "infected": infected, "lesions": lesion_loss},
        {"logit": even, "disease": even, "infected": 1.0, "lesions": recipe.lesion_weight},
    )
