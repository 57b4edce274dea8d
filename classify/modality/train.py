"""Train the recognizer; ``lungct train recognizer`` uses this."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...common.modality import Modality
from ...common.progress import with_progress
from ...sources import Scan, SourceError, read_scan, readable_suffixes
from ...sources.intensity import apply_window, resize
from ...weights import RECOGNIZER, Card
from ...weights.fitting import Example as Batch
from ...weights.fitting import epoch_batches, fit, prepare_environment
from ...weights.layout import channel_axis, grey_input
from ...weights.release import release, training_versions
from ..data.dataset import BLOCK, NEGATIVE, PARTS, POSITIVE, Example, balanced_draw, read_examples, split_examples
from ..evaluation.metrics import auc, share_of, with_interval
from ..training.augment import RoiAugmenter
from .recipe import DEFAULTS, RecognizerRecipe
from .recognizer import Recognizer, ThumbnailPreprocessing

prepare_environment()

if TYPE_CHECKING:
    import keras

STORED = 160
"""Side of the stored training pictures, large enough that a crop still has more pixels than a thumbnail."""

LEAST_CROP = 0.6
"""Smallest side of a random crop, as a share of the picture's side; users often crop pictures."""

WINDOWS = ((-1350.0, 150.0), (-1000.0, 400.0), (-160.0, 240.0))
"""Windows in HU; CT slices in Hounsfield units are shown in each of them."""


Known = tuple[Example, Modality]
"""A picture and its modality; its COVID label is not used."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures of known modality: uint8 (n, STORED, STORED), their examples, and which are X-rays, bool (n,)."""

    pixels: NDArray[np.uint8]
    examples: list[Example]
    are_xrays: NDArray[np.bool_]


def train_recognizer(
    data: Mapping[Modality, Sequence[Path]],
    folder: Path,
    recipe: RecognizerRecipe = DEFAULTS,
    *,
    version: str,
    licence: str,
) -> Card:
    """Train the network that distinguishes X-rays from CT, and write it as the package loads it.

    Parameters
    ----------
    data : mapping of {"ct", "xray"} to sequence of Path
        Data sets as for the classifier, with the same split, or folders of pictures and scans.
    folder : Path
        Receives checkpoints, history, ONNX network, Keras weights and card; an interrupted run there is resumed.
    recipe : RecognizerRecipe
    version, licence : str
        Version and licence of the weights.

    Returns
    -------
    Card
        With metrics on the validation pictures, on which the epoch was chosen.

    Raises
    ------
    SourceError
        When data can't be read.
    """
    import keras

    keras.utils.set_random_seed(recipe.seed)
    training, validation = (_pictures(part) for part in _split(data, recipe))
    preprocess = ThumbnailPreprocessing(recipe.size)
    model = build_recognizer(recipe.size, recipe.filters)
    steps = recipe.epochs * (recipe.epoch_size // recipe.batch_size)
    model.compile(
        keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps), clipnorm=1.0),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
    )
    seen = np.stack([preprocess(_grey(picture)) for picture in validation.pixels])[..., None]

    def evaluate(current: keras.Model) -> dict[str, float]:
        logits = current.predict(seen, verbose=0)[:, 0].astype(np.float64)
        worst = np.where(validation.are_xrays, logits, -logits)
        return {"val_auc": auc(logits, validation.are_xrays), "val_loss": float(np.logaddexp(0, -worst).mean())}

    example = _examples(training, preprocess, recipe.seed)

    def batches_of(epoch: int) -> keras.utils.PyDataset:
        rng = np.random.default_rng((recipe.seed, epoch))
        order = balanced_draw(training.examples, training.are_xrays, recipe.epoch_size, rng)
        return epoch_batches(example, order, epoch, recipe.batch_size)

    fit(
        model, batches_of, None, folder,
        epochs=recipe.epochs, monitor="val_loss", mode="min", seed=recipe.seed, evaluate=evaluate,
        settings={**asdict(recipe), "data": {name: [str(path) for path in paths] for name, paths in data.items()}},
    )  # fmt: skip
    return _release(model, training, validation, folder, recipe, version, licence)


def build_recognizer(size: int | None = 64, filters: int = 16) -> keras.Model:
    """Build the untrained network, which maps (batch, size, size, 1) in [0, 1] to the logit of X-ray, (batch, 1)."""
    import keras
    from keras import layers

    inputs, x = grey_input(size, "thumbnail")
    for level in range(4):
        x = layers.Conv2D(filters * 2**level, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(axis=channel_axis(), momentum=0.9)(x)
        x = layers.ReLU()(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(1, name="xray")(layers.Dropout(0.3)(x)), name="recognizer")


def _split(data: Mapping[Modality, Sequence[Path]], recipe: RecognizerRecipe) -> tuple[list[Known], list[Known]]:
    """Return the training and the validation pictures, labelled sets split as for the classifier."""
    parts: tuple[list[Known], list[Known]] = ([], [])
    for modality, paths in data.items():
        found = [item for path in paths for item in _read(path)]
        for part, chosen in zip(parts, split_examples(found, recipe.validation_share, recipe.seed), strict=True):
            part.extend((item, modality) for item in chosen)
    return parts


def _read(path: Path) -> list[Example]:
    """List a labelled data set, or a plain folder, where neighbouring pictures count as one patient."""
    if path.is_file() or any((path / name).is_dir() for name in (POSITIVE, NEGATIVE, *PARTS)):
        return read_examples(path)
    files = sorted(item for item in path.iterdir() if item.name.lower().endswith(readable_suffixes()))
    if not files:
        raise SourceError(str(path), "holds no pictures", f"Put {', '.join(readable_suffixes())} files there")
    source = f"{path.parent.name}/{path.name}"
    return [Example(one, False, f"{source} {at // BLOCK}", source, "") for at, one in enumerate(files)]


def _pictures(known: Sequence[Known]) -> Pictures:
    shown = [(view, *one) for one in with_progress(known, "Reading") for view in _views(read_scan(one[0].path))]
    views, examples, modalities = zip(*shown, strict=True)
    return Pictures(np.stack(views), list(examples), np.array(modalities) == "xray")


def _views(scan: Scan) -> Iterator[NDArray[np.uint8]]:
    """Yield the middle slice as it is usually shown: grey unchanged, Hounsfield units in each of `WINDOWS`."""
    middle = scan.pixels[len(scan) // 2]
    for window in WINDOWS if scan.intensity == "hu" else WINDOWS[:1]:
        yield np.rint(255 * resize(apply_window(middle, scan.intensity, window), STORED, STORED)).astype(np.uint8)


def _grey(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    return picture.astype(np.float32) / np.float32(255)


def _examples(training: Pictures, preprocess: ThumbnailPreprocessing, seed: int) -> Any:
    """Return a function that makes one example: a picture cropped, augmented, and sometimes inverted."""
    augment = RoiAugmenter()

    def example(index: int, at: int) -> Batch:
        rng = np.random.default_rng(at + seed)
        height, width = (int(side) for side in rng.uniform(LEAST_CROP, 1, 2) * STORED)
        top, left = (int(rng.integers(STORED - side + 1)) for side in (height, width))
        crop = np.ascontiguousarray(training.pixels[index][top : top + height, left : left + width])
        changed, _ = augment(np.maximum(crop, 1), at + seed)  # the augmenter keeps black pixels black
        grey = 1 - changed if rng.random() < 0.1 else changed
        return preprocess(grey)[..., None], np.array([training.are_xrays[index]], np.float32)

    return example


def _release(
    model: keras.Model,
    training: Pictures,
    validation: Pictures,
    folder: Path,
    recipe: RecognizerRecipe,
    version: str,
    licence: str,
) -> Card:
    """Write the network and its card, measured on the network as written."""
    card = release(
        model,
        folder,
        RECOGNIZER,
        lambda: build_recognizer(None, recipe.filters),
        version=version,
        task="probability that a picture is a frontal chest X-ray rather than an axial CT slice of the chest",
        architecture={"size": recipe.size, "filters": recipe.filters},
        preprocessing=asdict(ThumbnailPreprocessing(recipe.size)),
        decision={"sure": recipe.sure},
        training_data=[
            {"name": name, "pictures": sum(item.source == name for item in training.examples)}
            for name in sorted({item.source for item in training.examples})
        ],
        licence=licence,
    )
    network = Recognizer(card)
    said = np.array([network.xray_probability(_grey(picture)) for picture in validation.pixels])
    card = replace(
        card,
        metrics={
            "validation": _figures(said, validation, recipe.sure),
            "recipe": asdict(recipe),
            "versions": training_versions(),
        },
    )
    card.write()
    return card


def _figures(said: NDArray[np.float64], pictures: Pictures, sure: float) -> dict[str, Any]:
    """Return, for each modality, how many are recognized and how many are mistaken for the other."""
    xrays, patients = pictures.are_xrays, [item.patient for item in pictures.examples]
    figures: dict[str, Any] = {"auc": round(auc(said, xrays), 4)}
    for name, among, right, wrong in (
        ("xray", xrays, said >= sure, said <= 1 - sure),
        ("ct", ~xrays, said <= 1 - sure, said >= sure),
    ):
        figures[name] = {
            "n": int(among.sum()),
            "patients": len({patient for patient, one in zip(patients, among, strict=True) if one}),
            "recognized": with_interval(patients, share_of(right, among)),
            "mistaken": int((wrong & among).sum()),
        }
    return figures
