"""BCD U-Net in Keras 3.

Azad et al. 2019, "Bi-Directional ConvLSTM U-Net with Densley Connected Convolutions", arXiv 1909.00166.
Written with `keras` layers only, so it trains on every Keras backend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

LEVELS = 3
"""Encoder levels above the bottleneck; the input's sides must be multiples of 2 ** LEVELS."""


def build_bcdunet(size: int = 256, filters: int = 16, dense_blocks: int = 3, bidirectional: bool = True) -> keras.Model:
    """Build an untrained BCD U-Net.

    Parameters
    ----------
    size : int
        Height and width of the input in pixels, a multiple of 8. The weights do not depend on it.
    filters : int
        Filters of the first level, doubled at each of the three below. The paper's network has 64.
    dense_blocks : int
        Blocks of the densely connected bottleneck: the paper reports 1 and 3.
    bidirectional : bool
        True: forward and backward ConvLSTM, joined by a tanh convolution (the paper's equation 4).
        False: the backward direction alone, as in the authors' published code.

    Returns
    -------
    keras.Model
        From (batch, size, size, 1) in [0, 1] to the probability of lung, (batch, size, size, 1).

    Raises
    ------
    ValueError
        For sizes that cannot be halved three times, and counts below one.
    """
    import keras
    from keras import layers

    if size % 2**LEVELS or size <= 0:
        raise ValueError(f"size must be a positive multiple of {2**LEVELS}, not {size}")
    if filters < 2 or filters % 2 or dense_blocks < 1:
        raise ValueError(f"filters must be even and dense_blocks at least 1, not {filters} and {dense_blocks}")

    inputs = layers.Input((size, size, 1), name="slice")
    x: Any = inputs
    skips = []
    for level in range(LEVELS):
        x = two_convolutions(x, filters * 2**level, f"encoder{level}")
        skips.append(x)
        x = layers.MaxPooling2D(name=f"pool{level}")(x)
    x = _dense_bottleneck(x, filters * 2**LEVELS, dense_blocks)
    for level in reversed(range(LEVELS)):
        width = filters * 2**level
        x = layers.Conv2DTranspose(width, 2, strides=2, name=f"up{level}")(x)
        # A momentum of 0.99 would lag behind the weights: a data set of this field is a few dozen steps an epoch.
        x = layers.BatchNormalization(momentum=0.9, name=f"up{level}_bn")(x)
        x = layers.ReLU(name=f"up{level}_relu")(x)
        x = _convlstm_join(skips[level], x, width // 2, bidirectional, f"join{level}")
        x = two_convolutions(x, width, f"decoder{level}")
    x = _convolution(x, 2, "last")
    outputs = layers.Conv2D(1, 1, activation="sigmoid", name="lung")(x)
    return keras.Model(inputs, outputs, name="bcdunet")


def _convolution(x: Any, filters: int, name: str) -> Any:
    from keras import layers

    return layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal", name=name)(x)


def two_convolutions(x: Any, filters: int, name: str) -> Any:
    """Apply two 3 x 3 convolutions with ReLU."""
    return _convolution(_convolution(x, filters, f"{name}_a"), filters, f"{name}_b")


def _dense_bottleneck(x: Any, filters: int, blocks: int) -> Any:
    """Blocks of two convolutions, each fed with the outputs of all blocks before it."""
    from keras import layers

    outputs: list[Any] = []
    for block in range(blocks):
        if len(outputs) > 1:
            x = layers.Concatenate(name=f"dense{block}_join")(outputs)
        x = two_convolutions(x, filters, f"dense{block}")
        x = layers.Dropout(0.5, name=f"dense{block}_drop")(x)
        outputs.append(x)
    return x


def _convlstm_join(skip: Any, upsampled: Any, filters: int, bidirectional: bool, name: str) -> Any:
    """Join skip and upsampled features as a sequence of two steps read by a ConvLSTM.

    Unrolled, the two steps are plain convolutions, which ONNX and TFLite export cleanly.
    """
    from keras import layers

    step = (1, *skip.shape[1:])
    sequence = layers.Concatenate(axis=1, name=f"{name}_sequence")(
        [layers.Reshape(step, name=f"{name}_skip")(skip), layers.Reshape(step, name=f"{name}_up")(upsampled)]
    )
    backward = layers.ConvLSTM2D(filters, 3, padding="same", go_backwards=True, unroll=True, name=f"{name}_backward")(
        sequence
    )
    if not bidirectional:
        return backward
    forward = layers.ConvLSTM2D(filters, 3, padding="same", unroll=True, name=f"{name}_forward")(sequence)
    both = layers.Concatenate(name=f"{name}_both")([forward, backward])
    return layers.Conv2D(filters, 1, activation="tanh", name=f"{name}_tanh")(both)
