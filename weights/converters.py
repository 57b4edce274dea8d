"""Convert a Keras model to a TFLite, ONNX, OpenVINO or Keras file."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .engines import load_openvino
from .release import export_onnx

if TYPE_CHECKING:
    import keras

ExportFormat = Literal["tflite", "onnx", "openvino", "keras"]
"""Formats that can be written."""

ExportPrecision = Literal["f32", "f16", "int8"]
"""``f32``: as trained. ``f16``: weights in half precision. ``int8``: quantised after training, with float inputs and
outputs."""

SUPPORTED: dict[ExportFormat, tuple[ExportPrecision, ...]] = {
    "tflite": ("f32", "f16", "int8"),
    "onnx": ("f32", "f16"),
    "openvino": ("f32", "f16"),
    "keras": ("f32",),
}

Build = Callable[[int | None], "keras.Model"]
"""Takes the side of the input, or None for any, and returns an untrained network."""


def convert(
    model: keras.Model,
    build: Build,
    stem: Path,
    form: ExportFormat,
    precision: ExportPrecision,
    sizes: Sequence[int],
    calibration: Sequence[NDArray[np.float32]] = (),
    own_layout: bool = True,
) -> tuple[Path, ...]:
    """Write a network and return its files, with the one to open first.

    Parameters
    ----------
    model : keras.Model
        With its weights, for inputs of any size.
    build : callable
        Builds the same network for one size.
    stem : Path
        The file without its suffix.
    form, precision
        One of the combinations in `SUPPORTED`.
    sizes : sequence of int
        Input sizes for a TFLite file.
    calibration : sequence of ndarray of float32, shape (1, size, size, 1)
        Inputs for int8, of every size.
    own_layout : bool
        See `export_network`.
    """
    if form == "tflite":
        path = stem.with_name(f"{stem.name}.tflite")
        path.write_bytes(_tflite(model, build, precision, sizes, calibration))
        return (path,)
    if form == "keras":
        path = stem.with_name(f"{stem.name}.keras")
        model.save(path)
        return (path,)
    onnx_path = stem.with_name(f"{stem.name}.onnx")
    export_onnx(model, onnx_path, (lambda: build(None)) if own_layout else None)
    if form == "openvino":
        return _openvino(onnx_path, precision)
    if precision == "f16":
        _halve_weights(onnx_path)
    return (onnx_path,)


def signature_of(size: int) -> str:
    """Return the name of a TFLite file's signature for inputs of one size."""
    return f"size_{size}"


def _tflite(
    model: keras.Model,
    build: Build,
    precision: ExportPrecision,
    sizes: Sequence[int],
    calibration: Sequence[NDArray[np.float32]],
) -> bytes:
    """Return a file that uses only TFLite's built-in operations.

    It has one signature with fixed shapes for each size: upsampling layers in a file can't be resized, and XNNPACK
    accelerates only fixed shapes. The weights are stored once.
    """
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        _write_saved_model(model, build, sizes, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[*map(signature_of, sizes)])
        if precision != "f32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "f16":
            converter.target_spec.supported_types = [tf.float16]
        if precision == "int8":
            converter.representative_dataset = lambda: _named(calibration)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        with warnings.catch_warnings():
            # We can't change this: the converter itself calibrates with the interpreter it warns about.
            warnings.filterwarnings("ignore", r"\s*Warning: tf.lite.Interpreter is deprecated", UserWarning)
            return bytes(converter.convert())


def _write_saved_model(model: keras.Model, build: Build, sizes: Sequence[int], folder: str) -> None:
    import keras

    archive = keras.export.ExportArchive()
    for size in sizes:
        fixed = build(size)
        fixed.set_weights(model.get_weights())
        archive.track(fixed)
        shape = [keras.InputSpec(shape=(1, size, size, 1), dtype="float32", name="input")]
        archive.add_endpoint(signature_of(size), _inference(fixed), input_signature=shape)
    archive.write_out(folder, verbose=False)


def _inference(model: keras.Model) -> Callable[[Any], Any]:
    return lambda inputs: model(inputs, training=False)


def _named(calibration: Sequence[NDArray[np.float32]]) -> Iterator[tuple[str, dict[str, NDArray[np.float32]]]]:
    for inputs in calibration:
        yield signature_of(inputs.shape[1]), {"input": inputs}


def _openvino(onnx_path: Path, precision: ExportPrecision) -> tuple[Path, ...]:
    openvino = load_openvino()

    path = onnx_path.with_suffix(".xml")
    openvino.save_model(openvino.convert_model(onnx_path), path, compress_to_fp16=precision == "f16")
    return path, path.with_suffix(".bin")


def _halve_weights(path: Path) -> None:
    """Store an ONNX network's weights in half precision and cast them back for use; engines do that only once."""
    import onnx  # type: ignore[import-not-found, unused-ignore] # comes with the train extra

    network = onnx.load(path)
    graph = network.graph
    casts = []
    for weight in graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < 2 or np.abs(values).max() > np.finfo(np.float16).max:
            continue
        name = weight.name
        weight.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_f16"))
        casts.append(onnx.helper.make_node("Cast", [weight.name], [name], to=onnx.TensorProto.FLOAT))
    for node in reversed(casts):
        graph.node.insert(0, node)
    onnx.save(network, path)
