"""Initialise EfficientNetB0 with weights stored under torchvision's names.

torchvision's B0 and Keras' are the same network, up to two details: the constant that batch norms add to the variance
differs, which rescales their gain, and convolutions of stride 2 start half a pixel apart, which is left as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..network import BACKBONE, BACKBONES, backbone_layers
from .lite0 import require_b0

if TYPE_CHECKING:
    import keras

MEAN = np.array((0.485, 0.456, 0.406), dtype=np.float32)
SPREAD = np.array((0.229, 0.224, 0.225), dtype=np.float32)
"""Mean and standard deviation of ImageNet's red, green and blue, which torchvision scales its input with."""

TORCH_EPSILON = 1e-5

Arrays = dict[str, NDArray[np.float32]]


def is_torchvision_b0(path: Path) -> bool:
    """Return whether an ``.npz`` names its arrays as torchvision names those of an EfficientNet-B0."""
    with np.load(path, allow_pickle=False) as archive:
        return "features.0.0.weight" in archive.files


def load_torchvision_b0(model: keras.Model, path: Path) -> None:
    """Load an EfficientNet-B0 without its top into the backbone of a classifier.

    Parameters
    ----------
    model : keras.Model
        A network from `build_classifier`.
    path : Path
        ``.npz`` with torchvision's arrays in their order; kernels may be in half precision.

    Raises
    ------
    ValueError
        When the file holds another network, or the classifier has another backbone.
    """
    import keras

    require_b0(model, path)
    found = backbone_layers(model)
    convolutions = [one for one in found if isinstance(one, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D))]
    norms = [one for one in found if isinstance(one, keras.layers.BatchNormalization)]
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name].astype(np.float32) for name in archive.files}
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in arrays))
    kernels = [name for name in layers if arrays[f"{name}.weight"].ndim == 4]
    gains = [name for name in layers if arrays[f"{name}.weight"].ndim == 1]
    if (len(kernels), len(gains)) != (len(convolutions), len(norms)):
        raise ValueError(f"{path} does not hold the layers of {BACKBONE} under torchvision's names")
    for name, layer in zip(kernels, convolutions, strict=True):
        layer.set_weights([_kernel(arrays, name, layer)] + ([arrays[f"{name}.bias"]] if layer.use_bias else []))
    for name, norm in zip(gains, norms, strict=True):
        gain, *rest = (arrays[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var"))
        variance = rest[-1]
        norm.set_weights([gain * np.sqrt((variance + norm.epsilon) / (variance + TORCH_EPSILON)), *rest])
    _fold_scaling(convolutions[0], norms[0])


def _kernel(arrays: Arrays, name: str, layer: Any) -> NDArray[np.float32]:
    """Return a kernel in Keras' order of axes."""
    order = (2, 3, 0, 1) if "depthwise" in type(layer).__name__.lower() else (2, 3, 1, 0)
    return arrays[f"{name}.weight"].transpose(order)


def _fold_scaling(first: Any, norm: Any) -> None:
    """Fold torchvision's input scaling into the first convolution and its batch norm; see `BACKBONES` for ours.

    Our input u is scale * grey + offset, torchvision's (grey - mean) / spread: the kernel takes the slope, the batch
    norm's mean the rest.
    """
    chosen = BACKBONES[BACKBONE]
    kernel, rest = first.get_weights()[0], first.get_weights()[1:]
    shift = (-np.asarray(chosen.offset, np.float32) / np.float32(chosen.scale) - MEAN) / SPREAD
    first.set_weights([kernel / (np.float32(chosen.scale) * SPREAD)[:, None], *rest])
    gain, bias, mean, variance = norm.get_weights()
    norm.set_weights([gain, bias, mean - (kernel * shift[:, None]).sum(axis=(0, 1, 2)), variance])
