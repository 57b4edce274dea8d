"""Build any network that the training command supports, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from ..weights.fitting import prepare_environment
from ..weights.layout import channel_axis, channels_last, grey_input
from .network import LEVELS, build_bcdunet, two_convolutions

if TYPE_CHECKING:
    import keras

Architecture = Literal["bcdunet", "unet", "sm-unet", "sm-fpn", "sm-linknet"]

ARCHITECTURES: tuple[str, ...] = get_args(Architecture)


def build_network(
    name: str = "bcdunet",
    size: int | None = 256,
    filters: int = 16,
    dense_blocks: int = 3,
    bidirectional: bool = True,
    stride: int = 1,
) -> keras.Model:
    """Build an untrained segmenter.

    Parameters
    ----------
    name : {"bcdunet", "unet", "sm-unet", "sm-fpn", "sm-linknet"}
        BCD U-Net; a plain U-Net with as many levels; segmentation-models' decoders on an EfficientNetB0 encoder.
    size : int or None
        Height and width of the input in pixels, a multiple of 8, or of 32 for segmentation-models. None: any size.
    filters : int
        Filters of the first level, for the two U-Nets.
    dense_blocks, bidirectional, stride
        For BCD U-Net; see `build_bcdunet`.

    Returns
    -------
    keras.Model
        Maps (batch, size, size, 1) in [0, 1] to the probability of lung, (batch, size, size, 1).

    Raises
    ------
    ValueError
        For an unknown name or an impossible size.
    """
    if stride != 1 and name != "bcdunet":
        raise ValueError(f"stride {stride} is supported by bcdunet only; {name} has stride 1")
    if name == "bcdunet":
        return build_bcdunet(size, filters, dense_blocks, bidirectional, stride)
    if name == "unet":
        return build_unet(size, filters)
    if name not in ARCHITECTURES:
        raise ValueError(f"unknown network {name!r}; choose one of {', '.join(ARCHITECTURES)}")
    if size is not None and (size % 32 or size <= 0):
        raise ValueError(f"{name} needs a size that is a multiple of 32, not {size}")
    prepare_environment()
    import segmentation_models as sm

    decoder = {"sm-unet": sm.Unet, "sm-fpn": sm.FPN, "sm-linknet": sm.Linknet}[name]
    return decoder("efficientnetb0", input_shape=(size, size, 1), classes=1, activation="sigmoid", encoder_weights=None)


def build_unet(size: int | None = 256, filters: int = 16) -> keras.Model:
    """Build a plain U-Net (Ronneberger et al. 2015, arXiv 1505.04597) with batch norm and BCD U-Net's levels."""
    import keras
    from keras import layers

    inputs, x = grey_input(size, "slice")
    skips = []
    for level in range(LEVELS):
        x = two_convolutions(x, filters * 2**level, f"encoder{level}")
        skips.append(x)
        x = layers.MaxPooling2D(name=f"pool{level}")(x)
    x = two_convolutions(x, filters * 2**LEVELS, "bottleneck")
    for level in reversed(range(LEVELS)):
        x = layers.Conv2DTranspose(filters * 2**level, 2, strides=2, name=f"up{level}")(x)
        x = layers.BatchNormalization(axis=channel_axis(), momentum=0.9, name=f"up{level}_bn")(x)
        x = layers.ReLU(name=f"up{level}_relu")(x)
        x = layers.Concatenate(axis=channel_axis(), name=f"join{level}")([skips[level], x])
        x = two_convolutions(x, filters * 2**level, f"decoder{level}")
    outputs = layers.Conv2D(1, 1, activation="sigmoid", name="lung")(x)
    return keras.Model(inputs, channels_last(outputs), name="unet")
