"""Training of the classifier, behind ``lungct train classify``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..sources import Scan, read_scan
from ..weights import CLASSIFIER, Card
from ..weights.fitting import Example as Batch
from ..weights.fitting import epoch_batches, fit, prepare_environment
from ..weights.release import release, training_versions
from .calibration import calibrate, fit_temperature, youden_threshold
from .classifier import Classifier
from .dataset import Example, read_folder, split_examples
from .evaluation import auc, summarise
from .lite0 import load_lite0
from .network import BACKBONE, build_classifier
from .roi import RoiPreprocessing

prepare_environment()

if TYPE_CHECKING:
    import keras

FindLungs = Callable[[Scan], NDArray[np.bool_]]
"""From a scan to its lung masks, bool (slices, height, width): the first stage, handed in."""

MEASURED_SLICES = 64
"""Slices on which the statistics of the ImageNet start are measured."""


@dataclass(frozen=True)
class ClassifierRecipe:
    """Everything that decides a training run, the data apart.

    Parameters
    ----------
    size : int
        Side of the region of interest in pixels.
    dropout : float
    epochs : int
    epoch_size : int
        Pictures drawn an epoch, as many from each data set and class.
    batch_size : int
    learning_rate : float
        Peak; it rises for a tenth of the run, then falls to zero as a cosine.
    weight_decay : float
    gamma : float
        Focusing parameter of the focal loss (Lin et al. 2017, arXiv 1708.02002); 0 is cross-entropy.
    validation_share : float
        Share of blocks kept for validation where a data set has no split of its own.
    exclude : tuple of str
        Training pictures whose name contains one of these are left out.
    seed : int
    """

    size: int = 224
    dropout: float = 0.3
    epochs: int = 12
    epoch_size: int = 720
    batch_size: int = 16
    learning_rate: float = 3e-4
    weight_decay: float = 1e-2
    gamma: float = 2.0
    validation_share: float = 0.2
    exclude: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions of interest of many pictures.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, size, size)
    examples : list of Example
        The picture behind each region; pictures without lung are left out.
    """

    pixels: NDArray[np.uint8]
    examples: list[Example]

    @property
    def covid(self) -> NDArray[np.bool_]:
        """Labels, bool (n,)."""
        return np.array([item.covid for item in self.examples], dtype=np.bool_)

    @property
    def inputs(self) -> NDArray[np.float32]:
        """As the network takes them, float32 (n, size, size, 1)."""
        return self.pixels[..., None].astype(np.float32) / np.float32(255)


def cut_regions(examples: Sequence[Example], find_lungs: FindLungs, preprocess: RoiPreprocessing) -> Regions:
    """Run the first stage over pictures and cut out their lungs."""
    from rich.progress import track

    regions, kept = [], []
    for item in track(examples, description="Finding lungs"):
        scan = read_scan(item.path)
        mask = find_lungs(scan)[0]
        if mask.any():
            roi, _ = preprocess(scan.pixels[0], scan.intensity, mask)
            regions.append(np.rint(roi * 255).astype(np.uint8))
            kept.append(item)
    print(f"{len(kept)} of {len(examples)} pictures show lungs")
    return Regions(np.stack(regions), kept)


def train_classifier(
    folders: Sequence[Path],
    find_lungs: FindLungs,
    folder: Path,
    recipe: ClassifierRecipe = ClassifierRecipe(),
    init: Path | None = None,
    *,
    version: str,
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
    version : str
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
    return _release(model, training, validation, folder, recipe, version)


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


def balanced_draw(examples: Sequence[Example], count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw indices, the same number from each data set and class, each set's pictures used up before any repeats."""
    groups: dict[tuple[str, bool], list[int]] = {}
    for index, item in enumerate(examples):
        groups.setdefault((item.source, item.covid), []).append(index)
    share = -(-count // len(groups))
    drawn = []
    for members in groups.values():
        rounds = [rng.permutation(members) for _ in range(-(-share // len(members)))]
        drawn.append(np.concatenate(rounds)[:share])
    return rng.permutation(np.concatenate(drawn))[:count].astype(np.intp)


def source_aucs(scores: NDArray[np.float64], regions: Regions) -> dict[str, float]:
    """Return the AUC of every data set, and their mean, which chooses the epoch."""
    sources = np.array([item.source for item in regions.examples])
    figures = {
        f"val_auc_{name}": auc(scores[sources == name], regions.covid[sources == name])
        for name in map(str, np.unique(sources))
    }
    return {**figures, "val_auc_mean": float(np.mean(list(figures.values())))}


def _release(
    model: keras.Model,
    training: Regions,
    validation: Regions,
    folder: Path,
    recipe: ClassifierRecipe,
    version: str,
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
        licence="research use: part of the training data is non-commercial or of unstated licence",
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
        metrics={"validation": metrics, "recipe": asdict(recipe), "versions": training_versions()},
    )
    card.write()
    return card
