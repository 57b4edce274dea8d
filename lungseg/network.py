"""Build BCD U-Net in Keras 3.

Azad et al. 2019, "Bi-Directional ConvLSTM U-Net with Densley Connected Convolutions", arXiv 1909.00166.
Written with `keras` layers only, so it trains on every Keras backend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..weights.layout import channel_axis, channels_last, grey_input

if TYPE_CHECKING:
    import keras

LEVELS = 3
"""Encoder levels above the bottleneck; the input's sides must be multiples of 2 ** LEVELS, and of the stride."""


def build_bcdunet(
    size: int | None = 256, filters: int = 16, dense_blocks: int = 3, bidirectional: bool = True, stride: int = 1
) -> keras.Model:
    """Build an untrained BCD U-Net.

    Parameters
    ----------
    size : int or None
        Height and width of the input in pixels, a multiple of 8 times `stride`; None for inputs of any such size.
        The weights don't depend on it.
    filters : int
        Filters of the first level, doubled at each of the three levels below. The paper's network has 64.
    dense_blocks : int
        Number of blocks in the densely connected bottleneck; the paper reports 1 and 3.
    bidirectional : bool
        True: forward and backward ConvLSTM, joined by a tanh convolution (the paper's equation 4).
        False: the backward direction only, as in the authors' published code.
    stride : {1, 2}
        1: the paper's network. 2: the first convolution halves the picture and the last doubles it, so that the same
        computation covers four times as many pixels.

    Returns
    -------
    keras.Model
        Maps (batch, size, size, 1) in [0, 1] to the probability of lung, (batch, size, size, 1).

    Raises
    ------
    ValueError
        For sizes that can't be halved often enough, another stride, and counts that are too small or odd.
    """
    import keras
    from keras import layers

    multiple = stride * 2**LEVELS
    if stride not in (1, 2):
        raise ValueError(f"stride must be 1 or 2, not {stride}")
    if size is not None and (size % multiple or size <= 0):
        raise ValueError(f"size must be a positive multiple of {multiple}, not {size}")
    if filters < 2 or filters % 2 or dense_blocks < 1:
        raise ValueError(f"filters must be even and dense_blocks at least 1, not {filters} and {dense_blocks}")

    inputs, x = grey_input(size, "slice")
    skips = []
    for level in range(LEVELS):
        first = {"kernel_size": 3 * stride, "strides": stride} if level == 0 else {}
        x = two_convolutions(x, filters * 2**level, f"encoder{level}", **first)
        skips.append(x)
        x = layers.MaxPooling2D(name=f"pool{level}")(x)
    x = _dense_bottleneck(x, filters * 2**LEVELS, dense_blocks)
    for level in reversed(range(LEVELS)):
        width = filters * 2**level
        x = layers.Conv2DTranspose(width, 2, strides=2, name=f"up{level}")(x)
        # A momentum of 0.99 would lag behind the weights: with the usual data sets, an epoch is a few dozen steps.
        x = layers.BatchNormalization(axis=channel_axis(), momentum=0.9, name=f"up{level}_bn")(x)
        x = layers.ReLU(name=f"up{level}_relu")(x)
        x = _convlstm_join(skips[level], x, width // 2, bidirectional, f"join{level}")
        x = two_convolutions(x, width, f"decoder{level}")
    x = _convolution(x, 2 * stride**2, "last")
    if stride == 1:
        x = layers.Conv2D(1, 1, activation="sigmoid", name="lung")(x)
    else:
        # Same as padding="same", whose export is wrong when the input size is not fixed.
        x = layers.Conv2DTranspose(1, 4, strides=2, activation="sigmoid", name="lung")(x)
        x = layers.Cropping2D(1, name="cropped")(x)
    return keras.Model(inputs, channels_last(x), name="bcdunet")


def _convolution(x: Any, filters: int, name: str, **settings: int) -> Any:
    from keras import layers

    settings = {"kernel_size": 3, **settings}
    return layers.Conv2D(
        filters, padding="same", activation="relu", kernel_initializer="he_normal", name=name, **settings
    )(x)


def two_convolutions(x: Any, filters: int, name: str, **first: int) -> Any:
    """Apply two 3 x 3 convolutions with ReLU; `first` may change the first one's kernel size and stride."""
    return _convolution(_convolution(x, filters, f"{name}_a", **first), filters, f"{name}_b")


def _dense_bottleneck(x: Any, filters: int, blocks: int) -> Any:
    """Apply blocks of two convolutions, each fed with the outputs of all blocks before it."""
    from keras import layers

    outputs: list[Any] = []
    for block in range(blocks):
        if len(outputs) > 1:
            x = layers.Concatenate(axis=channel_axis(), name=f"dense{block}_join")(outputs)
        x = two_convolutions(x, filters, f"dense{block}")
        x = layers.Dropout(0.5, name=f"dense{block}_drop")(x)
        outputs.append(x)
    return x


def _convlstm_join(skip: Any, upsampled: Any, filters: int, bidirectional: bool, name: str) -> Any:
    """Join skip and upsampled features as a sequence of two steps read by a ConvLSTM, in both directions."""
    from keras import layers

    from .convlstm import TwoStepConvLSTM

    backward = TwoStepConvLSTM(filters, name=f"{name}_backward")([upsampled, skip])
    if not bidirectional:
        return backward
    forward = TwoStepConvLSTM(filters, name=f"{name}_forward")([skip, upsampled])
    both = layers.Concatenate(axis=channel_axis(), name=f"{name}_both")([forward, backward])
    return layers.Conv2D(filters, 1, activation="tanh", name=f"{name}_tanh")(both)
