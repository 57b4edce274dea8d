"""Check whether an exported file gives the same outputs as Keras."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..common.sigmoid import sigmoid
from .card import Card
from .converters import ExportFormat, signature_of
from .engines import load_onnxruntime, load_openvino

if TYPE_CHECKING:
    import keras

Outputs = list[NDArray[np.float32]]
"""Outputs for one input."""

_Run = Callable[[NDArray[np.float32]], Outputs]


@dataclass(frozen=True)
class Agreement:
    """Comparison of two networks' outputs for the same inputs.

    Parameters
    ----------
    inputs : int
        Number of inputs.
    difference : float
        Largest difference between two outputs, relative to the largest output if that is above one.
    dice : float or None
        Dice of a segmenter's masks, over all inputs together; None if both are empty, and for a classifier.
    probability : float or None
        Largest difference between a classifier's calibrated probabilities.
    """

    inputs: int
    difference: float
    dice: float | None = None
    probability: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON types, for the card."""
        return asdict(self)


def compare(card: Card, expected: Sequence[Outputs], found: Sequence[Outputs]) -> Agreement:
    """Compare two networks' outputs, and the masks or probabilities that the card derives from them."""
    pairs = [pair for ours, theirs in zip(expected, found, strict=True) for pair in zip(ours, theirs, strict=True)]
    largest = max((_difference(*pair) for pair in pairs), key=lambda value: math.inf if math.isnan(value) else value)
    if math.isinf(largest):  # different shapes: nothing to compare
        return Agreement(len(found), largest)
    firsts = [np.concatenate([outputs[0].ravel() for outputs in every]) for every in (expected, found)]
    if "temperature" in card.decision:
        scale = float(card.decision["temperature"])
        ours, theirs = (sigmoid(logits / scale) for logits in firsts)
        return Agreement(len(found), largest, probability=float(np.abs(ours - theirs).max()))
    masks = [probabilities > float(card.decision["threshold"]) for probabilities in firsts]
    total = sum(int(mask.sum()) for mask in masks)
    return Agreement(len(found), largest, dice=2 * int((masks[0] & masks[1]).sum()) / total if total else None)


def _difference(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> float:
    if ours.shape != theirs.shape:
        return math.inf
    return float(np.abs(ours - theirs).max() / max(1.0, float(np.abs(ours).max())))


def run_exported(
    path: Path, form: ExportFormat, inputs: Sequence[NDArray[np.float32]], model: keras.Model
) -> list[Outputs]:
    """Return the outputs of an exported file; `model`, which it was made from, provides custom layer classes."""
    run = _open_keras(path, model) if form == "keras" else _OPEN[form](path)
    return [run(one) for one in inputs]


def _open_tflite(path: Path) -> _Run:
    from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-not-found, import-untyped, unused-ignore]

    interpreter = Interpreter(model_path=str(path))

    def run(inputs: NDArray[np.float32]) -> Outputs:
        outputs = interpreter.get_signature_runner(signature_of(inputs.shape[1]))(input=inputs)
        return [outputs[name] for name in sorted(outputs)]  # output_0, output_1

    return run


def _open_onnx(path: Path) -> _Run:
    onnxruntime = load_onnxruntime()

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda inputs: list(session.run(None, {session.get_inputs()[0].name: inputs}))


def _open_openvino(path: Path) -> _Run:
    openvino = load_openvino()

    # On newer processors OpenVINO defaults to bf16, and the check would measure that instead of the file.
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda inputs: [np.array(output) for output in compiled([inputs]).values()]


def _open_keras(path: Path, model: keras.Model) -> _Run:
    import keras

    kinds = {type(layer).__name__: type(layer) for layer in model.layers}
    loaded = keras.models.load_model(path, custom_objects=kinds, compile=False)

    def run(inputs: NDArray[np.float32]) -> Outputs:
        outputs = loaded(inputs, training=False)
        return [np.asarray(output) for output in (outputs if isinstance(outputs, list) else [outputs])]

    return run


_OPEN: dict[str, Callable[[Path], _Run]] = {
    "tflite": _open_tflite,
    "onnx": _open_onnx,
    "openvino": _open_openvino,
}
