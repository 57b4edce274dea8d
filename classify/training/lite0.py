"""A start for EfficientNetB0 from the ImageNet convolutions of EfficientNet-Lite0.

Lite0 has B0's kernels, but ReLU6 for swish, no squeeze-excite, and batch norm folded into biases. Here it is
rewritten as a B0 that computes nearly the same:

- swish(b z) / b comes close to ReLU(z) for a large b, so whatever goes into a swish is scaled by `SHARPNESS`,
  and the kernels that read its output are divided by it;
- squeeze-excite gates start constant, and the kernels behind them make up for the constant;
- each batch norm gets the mean and variance that CT slices have at its place, and the scale and shift that undo
  them. Without this the function is the same at inference but not in training, and nothing is learned.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...common.sigmoid import sigmoid
from ..network import BACKBONE

if TYPE_CHECKING:
    import keras

SHARPNESS = 4.0
GATE_BIAS = 3.0


def load_lite0(model: keras.Model, path: Path, slices: NDArray[np.float32]) -> None:
    """Give the backbone of a classifier the convolutions of EfficientNet-Lite0.

    Parameters
    ----------
    model : keras.Model
        Of `build_classifier`.
    path : Path
        ``.npz`` with 49 kernels ``NN_conv_kernel`` or ``NN_dw_kernel`` and biases, in the network's order.
    slices : ndarray of float32, shape (n, size, size, 1)
        Inputs as in training, to measure means and variances on.

    Raises
    ------
    ValueError
        When the file does not hold the convolutions of this backbone, or the classifier has another backbone.
    """
    if BACKBONE not in {layer.name for layer in model.layers}:
        raise ValueError(f"{path} is a start for {BACKBONE} only; give --init imagenet or none for other backbones")
    backbone = model.get_layer(BACKBONE)
    convolutions, norms = _layers_in_order(backbone)
    with np.load(path, allow_pickle=False) as archive:
        kernels = [archive[name] for name in sorted(archive.files) if name.endswith("_kernel")]
        biases = [archive[name] for name in sorted(archive.files) if name.endswith("_bias")]
    shapes = [tuple(layer.kernel.shape) for layer in convolutions]
    if [kernel.shape for kernel in kernels] != shapes:
        raise ValueError(f"{path} does not hold the {len(shapes)} convolutions of {BACKBONE}")

    gate = sigmoid(GATE_BIAS)
    for layer in backbone.layers:
        if layer.name.endswith("se_expand"):
            layer.set_weights([np.zeros(layer.kernel.shape), np.full(layer.bias.shape, GATE_BIAS)])
    for layer, kernel in zip(convolutions, kernels, strict=True):
        reads_swish = "dwconv" in layer.name or "project" in layer.name
        scale = (1 / SHARPNESS if reads_swish else 1) / (gate if "project" in layer.name else 1)
        layer.set_weights([kernel * scale])
    # The last features keep their size: four times as large, every step of the head would be four times as long.
    unscaled = [norm.name == "top_bn" or "project" in norm.name for norm in norms]
    scales = [1.0 if keep else SHARPNESS for keep in unscaled]
    for norm, bias, scale in zip(norms, biases, scales, strict=True):
        _set_norm(norm, bias, scale, np.zeros(bias.shape), np.full(bias.shape, 1 - norm.epsilon))
    statistics = _measure(model, backbone, norms, slices)
    for norm, bias, scale, (mean, variance) in zip(norms, biases, scales, statistics, strict=True):
        _set_norm(norm, bias, scale, mean, variance)


def _layers_in_order(backbone: keras.Model) -> tuple[list[Any], list[Any]]:
    """Return convolutions, those of squeeze-excite apart, and the batch norms behind them."""
    import keras

    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    convolutions = [layer for layer in backbone.layers if isinstance(layer, kinds) and "_se_" not in layer.name]
    norms = [layer for layer in backbone.layers if isinstance(layer, keras.layers.BatchNormalization)]
    return convolutions, norms


def _set_norm(norm: Any, bias: NDArray[Any], scale: float, mean: NDArray[Any], variance: NDArray[Any]) -> None:
    """Make a batch norm compute scale * (x + bias), whatever statistics it carries."""
    norm.set_weights([scale * np.sqrt(variance + norm.epsilon), scale * (mean + bias), mean, variance])


def _measure(
    model: keras.Model, backbone: keras.Model, norms: list[Any], slices: NDArray[np.float32]
) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Return mean and variance of every channel that goes into each batch norm."""
    import keras

    probe = keras.Model(backbone.get_layer("stem_conv_pad").input, [norm.input for norm in norms])
    scaled = model.get_layer("scale")(slices)
    activations = probe(np.repeat(np.asarray(scaled), 3, axis=-1), training=False)
    arrays = [np.asarray(activation, dtype=np.float64) for activation in activations]
    return [(array.mean(axis=(0, 1, 2)), array.var(axis=(0, 1, 2))) for array in arrays]
