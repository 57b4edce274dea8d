"""Write a trained Keras model as the package loads it: ONNX network, half-precision Keras weights, card."""

from __future__ import annotations

import hashlib
import importlib.metadata
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .card import Card, read_verified
from .engines import load_onnxruntime
from .errors import WeightsError
from .layout import channels_first

if TYPE_CHECKING:
    import keras

TRAINING_PACKAGES = (
    "keras",
    "tensorflow",
    "segmentation-models",
    "focal-loss",
    "albumentations",
    "scikit-image",
    "numpy",
)

SAME_ANSWER = 1e-3
"""Largest difference between a network and its export: the order of rounding differs."""

ANY_SIDE = 64
"""Size on which a network for pictures of any size is compared."""


def release(
    model: keras.Model, folder: Path, name: str, build: Callable[[], keras.Model] | None = None, **fields: Any
) -> Card:
    """Write a model's network and weights into a folder, and return a card without metrics.

    The weights are first rounded to half precision, also in the model itself, so that the stored Keras weights and
    the ONNX network are identical.

    Parameters
    ----------
    model : keras.Model
        Trained.
    folder : Path
        Receives ``NAME.onnx`` and ``NAME.npz``.
    name : str
    build : callable, optional
        Builds the same network for any input size, with the channels at `channel_axis`. Without it, the model is
        exported unchanged.
    **fields
        Further fields of `Card`: version, task, architecture, preprocessing, decision, training_data, licence.
    """
    folder.mkdir(parents=True, exist_ok=True)
    onnx_path, keras_path = folder / f"{name}.onnx", folder / f"{name}.npz"
    save_half(model, keras_path)
    load_half(model, keras_path)
    export_onnx(model, onnx_path, build)
    return Card(
        name=name,
        file=onnx_path.name,
        sha256=hashlib.sha256(onnx_path.read_bytes()).hexdigest(),
        keras_file=keras_path.name,
        keras_sha256=hashlib.sha256(keras_path.read_bytes()).hexdigest(),
        metrics={},
        folder=folder,
        **fields,
    )


def save_half(model: keras.Model, path: Path) -> None:
    """Save a model's weights in half precision, in the order of ``model.weights``.

    Arrays with values beyond half precision, such as batch norm variances after large activations, stay float32.
    """
    np.savez_compressed(path, *[_halve(np.asarray(value)) for value in model.get_weights()])


def _halve(array: NDArray[Any]) -> NDArray[Any]:
    fits = np.abs(array).max(initial=0) <= np.finfo(np.float16).max
    return array.astype(np.float16 if fits else np.float32)


def load_half(model: keras.Model, path: Path) -> None:
    """Load weights written by `save_half` into a model of the same architecture."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = [archive[f"arr_{index}"].astype(np.float32) for index in range(len(archive.files))]
    shapes = [tuple(weight.shape) for weight in model.weights]
    if [array.shape for array in arrays] != shapes:
        raise WeightsError(f"{path} does not fit the network {model.name}: shapes differ. Build it as its card says.")
    model.set_weights(arrays)


def load_into(model: keras.Model, card: Card) -> None:
    """Verify a card's Keras weights, and load them into a model built with the card's architecture."""
    read_verified(card.keras_path, card.keras_sha256)
    load_half(model, card.keras_path)


def export_onnx(model: keras.Model, path: Path, build: Callable[[], keras.Model] | None = None) -> None:
    """Write a model as ONNX, for batches and pictures of any size; see `release` for `build`.

    Raises
    ------
    WeightsError
        When the written network's outputs differ from the model's.
    """
    import keras

    if build is None:
        _export(model, path, "onnx")
    else:
        with channels_first():
            exported = build()
            exported.set_weights(model.get_weights())
            exported(keras.Input(exported.input_shape[1:]))  # Keras can't export a model that was never called
            _export(exported, path, "onnx")
    _check_export(model, path)


def _check_export(model: keras.Model, path: Path) -> None:
    """Compare an exported network with Keras, on a batch of the model's own size."""
    onnxruntime = load_onnxruntime()
    shape = [2, *(side or ANY_SIDE for side in model.input_shape[1:])]
    inputs = np.random.default_rng(0).random(shape, dtype=np.float32)
    expected = model(inputs)
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    found = session.run(None, {session.get_inputs()[0].name: inputs})
    for one, other in zip(found, expected if isinstance(expected, (list, tuple)) else [expected], strict=True):
        if one.shape != tuple(other.shape):
            raise WeightsError(f"{path.name} returns {one.shape}, but its network {tuple(other.shape)}")
        difference = float(np.abs(one - np.asarray(other)).max())
        if not difference <= SAME_ANSWER:  # NaN is refused too
            raise WeightsError(
                f"{path.name} does not agree with the network it was exported from: they differ by up to "
                f"{difference:.3g}, allowed are {SAME_ANSWER:g}. Export it again"
            )


def _export(model: keras.Model, path: Path, form: str) -> None:
    import keras

    signature = [keras.InputSpec(shape=model.input_shape, dtype="float32", name="input")]
    with tempfile.TemporaryDirectory() as folder:  # a failed export leaves nothing behind
        temporary = Path(folder) / path.name
        model.export(str(temporary), format=form, input_signature=signature, verbose=False)
        path.write_bytes(temporary.read_bytes())


def training_versions() -> Mapping[str, str]:
    """Return the versions of the packages that training depends on."""
    return {name: importlib.metadata.version(name) for name in TRAINING_PACKAGES}
