"""Initialise EfficientNetB0 with the ImageNet convolutions of EfficientNet-Lite0.

Lite0 has B0's kernels, but ReLU6 instead of swish, no squeeze-excite, and batch norm folded into biases. This module
rewrites it as a B0 that computes nearly the same function:

- swish(b z) / b is close to ReLU(z) for a large b, so the input of every swish is scaled by `SHARPNESS`, and the
  kernels that read its output are divided by it;
- squeeze-excite gates start constant, and the kernels after them compensate for the constant;
- each batch norm gets the mean and variance of CT slices at that layer, and the scale and shift that undo them.
  Without this, the function would be the same at inference but not in training, and nothing would be learned.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...common.sigmoid import sigmoid
from ..network import BACKBONE, backbone_layers

if TYPE_CHECKING:
    import keras

SHARPNESS = 4.0
GATE_BIAS = 3.0


def load_lite0(model: keras.Model, path: Path, slices: NDArray[np.float32]) -> None:
    """Load the convolutions of EfficientNet-Lite0 into the backbone of a classifier.

    Parameters
    ----------
    model : keras.Model
        A network from `build_classifier`.
    path : Path
        ``.npz`` with 49 kernels ``NN_conv_kernel`` or ``NN_dw_kernel`` and biases, in the network's order.
    slices : ndarray of float32, shape (n, size, size, 1)
        Training inputs, on which means and variances are measured.

    Raises
    ------
    ValueError
        When the file does not hold the convolutions of this backbone, or the classifier has another backbone.
    """
    require_b0(model, path)
    backbone = backbone_layers(model)
    convolutions, norms = _layers_in_order(backbone)
    with np.load(path, allow_pickle=False) as archive:
        kernels = [archive[name] for name in sorted(archive.files) if name.endswith("_kernel")]
        biases = [archive[name] for name in sorted(archive.files) if name.endswith("_bias")]
    shapes = [tuple(layer.kernel.shape) for layer in convolutions]
    if [kernel.shape for kernel in kernels] != shapes:
        raise ValueError(f"{path} does not hold the {len(shapes)} convolutions of {BACKBONE}")

    gate = sigmoid(GATE_BIAS)
    for layer in backbone:
        if layer.name.endswith("se_expand"):
            layer.set_weights([np.zeros(layer.kernel.shape), np.full(layer.bias.shape, GATE_BIAS)])
    for layer, kernel in zip(convolutions, kernels, strict=True):
        reads_swish = "dwconv" in layer.name or "project" in layer.name
        scale = (1 / SHARPNESS if reads_swish else 1) / (gate if "project" in layer.name else 1)
        layer.set_weights([kernel * scale])
    # The last features are not scaled: if they were four times as large, so would be every step of the head.
    unscaled = [norm.name == "top_bn" or "project" in norm.name for norm in norms]
    scales = [1.0 if keep else SHARPNESS for keep in unscaled]
    for norm, bias, scale in zip(norms, biases, scales, strict=True):
        _set_norm(norm, bias, scale, np.zeros(bias.shape), np.full(bias.shape, 1 - norm.epsilon))
    statistics = _measure(model, backbone, norms, slices)
    for norm, bias, scale, (mean, variance) in zip(norms, biases, scales, statistics, strict=True):
        _set_norm(norm, bias, scale, mean, variance)


def require_b0(model: keras.Model, path: Path) -> None:
    """Raise a ValueError unless the classifier's backbone is the one that such a file can initialise."""
    if BACKBONE not in {layer.name for layer in model.layers}:
        raise ValueError(f"{path} can initialise {BACKBONE} only; for other backbones use --init imagenet or omit it")


def _layers_in_order(backbone: list[Any]) -> tuple[list[Any], list[Any]]:
    """Return the convolutions, except those of squeeze-excite, and the batch norms after them."""
    import keras

    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    convolutions = [layer for layer in backbone if isinstance(layer, kinds) and "_se_" not in layer.name]
    norms = [layer for layer in backbone if isinstance(layer, keras.layers.BatchNormalization)]
    return convolutions, norms


def _set_norm(norm: Any, bias: NDArray[Any], scale: float, mean: NDArray[Any], variance: NDArray[Any]) -> None:
    """Make a batch norm compute scale * (x + bias) with the given statistics."""
    norm.set_weights([scale * np.sqrt(variance + norm.epsilon), scale * (mean + bias), mean, variance])


def _measure(
    model: keras.Model, backbone: list[Any], norms: list[Any], slices: NDArray[np.float32]
) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Return the mean and variance of every input channel of each batch norm."""
    import keras

    first = next(layer for layer in backbone if layer.name == "stem_conv_pad")
    probe = keras.Model(first.input, [norm.input for norm in norms])
    scaled = model.get_layer("scale")(slices)
    activations = probe(np.repeat(np.asarray(scaled), 3, axis=-1), training=False)
    arrays = [np.asarray(activation, dtype=np.float64) for activation in activations]
    return [(array.mean(axis=(0, 1, 2)), array.var(axis=(0, 1, 2))) for array in arrays]
