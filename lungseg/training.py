"""Training of the lung segmenter, behind ``lungct train lungseg``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..sources.intensity import resize, stretch
from ..weights import SEGMENTER, Card
from ..weights.fitting import Example, epoch_batches, fit, prepare_environment
from ..weights.release import release, training_versions
from .dataset import LabelledSlice, read_pairs, split_by_patient
from .evaluation import evaluate_segmenter
from .network import build_bcdunet
from .preprocessing import SlicePreprocessing
from .segmenter import LungSegmenter

prepare_environment()

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class SegmenterRecipe:
    """Everything that decides a training run, the data apart.

    Parameters
    ----------
    size : int
        Side of the training examples in pixels.
    filters, dense_blocks, bidirectional
        See `build_bcdunet`.
    epochs : int
    batch_size : int
    learning_rate : float
        Peak; it rises for a twentieth of the run, then falls to zero as a cosine.
    validation_share : float
        Share of each folder's patients kept for validation.
    seed : int
    """

    size: int = 256
    filters: int = 16
    dense_blocks: int = 3
    bidirectional: bool = True
    epochs: int = 20
    batch_size: int = 8
    learning_rate: float = 1e-3
    validation_share: float = 0.2
    seed: int = 0

    def build(self) -> keras.Model:
        """Build the untrained network."""
        return build_bcdunet(self.size, self.filters, self.dense_blocks, self.bidirectional)


def split_sources(
    sources: Sequence[tuple[Path, Path, Path | None]], recipe: SegmenterRecipe
) -> tuple[list[LabelledSlice], list[LabelledSlice]]:
    """Read the folders and split each by patient into training and validation slices.

    Parameters
    ----------
    sources : sequence of (images, masks, patients)
        Folders of slices and of masks, and the CSV of patients or None.
    recipe : SegmenterRecipe
    """
    training, validation = [], []
    for images, masks, patients in sources:
        slices = read_pairs(images, masks, patients)
        train, held_out = split_by_patient(slices, recipe.validation_share, recipe.seed)
        print(f"{images}: {len(train)} slices to train on, {len(held_out)} to validate")
        training += train
        validation += held_out
    return training, validation


def train_segmenter(
    sources: Sequence[tuple[Path, Path, Path | None]],
    folder: Path,
    recipe: SegmenterRecipe = SegmenterRecipe(),
    init: Path | None = None,
) -> tuple[keras.Model, dict[str, Any]]:
    """Train a BCD U-Net on slices and lung masks.

    Parameters
    ----------
    sources : sequence of (images, masks, patients)
        See `split_sources`.
    folder : Path
        Gets checkpoints and history; an interrupted run found there is continued.
    recipe : SegmenterRecipe
    init : Path, optional
        ``.weights.h5`` of a network of the same shape to start from; its input size may differ.

    Returns
    -------
    model : keras.Model
        With the weights of the epoch that validated best.
    best : dict
        That epoch's figures.
    """
    import keras
    import segmentation_models as sm

    from .augment import Augmenter

    keras.utils.set_random_seed(recipe.seed)
    training, validation = split_sources(sources, recipe)
    model = recipe.build()
    if init:
        model.load_weights(init)
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
        loss=sm.losses.bce_dice_loss,
        metrics=[sm.metrics.FScore(threshold=0.5, per_image=True, name="dice")],
    )
    augment = Augmenter(recipe.size)
    percentiles = SlicePreprocessing().percentiles

    def example(index: int, seed: int) -> Example:
        grey, mask = augment(training[index], seed + recipe.seed)
        return stretch(grey, percentiles)[..., None], mask[..., None]

    def batches_of(epoch: int) -> keras.utils.PyDataset:
        order = np.random.default_rng((recipe.seed, epoch)).permutation(len(training))
        return epoch_batches(example, order, epoch, recipe.batch_size)

    best = fit(
        model,
        batches_of,
        validation_arrays(validation, recipe.size),
        folder,
        epochs=recipe.epochs,
        monitor="val_dice",
        mode="max",
        settings={
            **asdict(recipe),
            "sources": [[str(part) if part else None for part in source] for source in sources],
            "init": str(init) if init else None,
        },
        seed=recipe.seed,
    )
    return model, best


def validation_arrays(slices: Sequence[LabelledSlice], size: int) -> Example:
    """Return every slice whole, and every second one also as a tight crop, with the masks.

    Returns
    -------
    tuple of ndarray of float32, shape (n, size, size, 1)
    """
    from .augment import tight_crop

    preprocess = SlicePreprocessing(size)
    rng = np.random.default_rng(0)
    inputs: list[NDArray[np.float32]] = []
    targets: list[NDArray[np.float32]] = []
    for number, item in enumerate(slices):
        views = [(item.scan.pixels[0], item.mask.astype(np.uint8))]
        if number % 2:
            views.append(tight_crop(*views[0], rng))
        for pixels, mask in views:
            inputs.append(preprocess(pixels, item.scan.intensity)[..., None])
            shrunk = resize(mask.astype(np.float32), size, size)
            targets.append((shrunk > 0.5).astype(np.float32)[..., None])
    return np.stack(inputs), np.stack(targets)


def release_segmenter(
    model: keras.Model,
    sources: Sequence[tuple[Path, Path, Path | None]],
    folder: Path,
    recipe: SegmenterRecipe,
    *,
    version: str,
    init: Path | None = None,
    size: int | None = None,
) -> Card:
    """Write a trained segmenter as the product loads it, measured on the validation patients.

    Parameters
    ----------
    model : keras.Model
    sources, recipe
        As trained.
    folder : Path
        Gets the ONNX network, the Keras weights and the card.
    version : str
        Of the weights.
    init : Path, optional
        As trained; the card names its run.
    size : int, optional
        Side of the shipped network's input, where it differs from the one trained at.
    """
    size = size or recipe.size
    shipped = replace(recipe, size=size).build()
    shipped.set_weights(model.get_weights())
    training, validation = split_sources(sources, recipe)
    card = release(
        shipped,
        folder,
        SEGMENTER,
        version=version,
        task="probability of lung for every pixel of an axial chest CT slice",
        architecture={
            "size": size,
            "filters": recipe.filters,
            "dense_blocks": recipe.dense_blocks,
            "bidirectional": recipe.bidirectional,
        },
        preprocessing=SlicePreprocessing(size).to_dict(),
        decision={"threshold": 0.5},
        training_data=[
            {
                "name": images.parent.name,
                "slices": sum(item.patient.startswith(f"{images}/") for item in training),
                "patients": len({item.patient for item in training if item.patient.startswith(f"{images}/")}),
            }
            for images, _, _ in sources
        ],
        licence="research use: part of the training data is non-commercial or of unstated licence",
    )
    metrics = {
        "validation": evaluate_segmenter(LungSegmenter(card), validation),
        "recipe": {**asdict(recipe), "init": init.parent.name if init else None},
        "versions": training_versions(),
    }
    card = replace(card, metrics=metrics)
    card.write()
    return card
