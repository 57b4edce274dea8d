"""The classifier: a backbone with a head that is its own class activation map.

EfficientNet: Tan and Le 2019, arXiv 1905.11946; class activation maps: Zhou et al. 2016, arXiv 1512.04150.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..weights.layout import channel_axis, channels_last, grey_input

if TYPE_CHECKING:
    import keras


class Backbone(NamedTuple):
    """A network of keras.applications, what it takes, ``scale * grey + offset`` of grey in [0, 1], and a layer.

    The layer in the middle knows textures, not yet diseases: by them a slice is told from other pictures.
    """

    application: str
    scale: float
    offset: float | tuple[float, float, float]
    middle: str


_CAFFE = (-103.939, -116.779, -123.68)
"""The mean of ImageNet that these networks take off blue, green and red."""

BACKBONES = {
    # 0...255 becomes (value - 127) / 128, what the Lite0 start was trained on.
    "efficientnetb0": Backbone("EfficientNetB0", 255 / 128, -127 / 128, "block5c_project_bn"),
    "resnet50": Backbone("ResNet50", 255.0, _CAFFE, "conv4_block6_out"),
    "vgg16": Backbone("VGG16", 255.0, _CAFFE, "block4_pool"),
    "vgg19": Backbone("VGG19", 255.0, _CAFFE, "block4_pool"),
    "inceptionv3": Backbone("InceptionV3", 2.0, -1.0, "mixed7"),
    "xception": Backbone("Xception", 2.0, -1.0, "block9_sepconv1_bn"),
}
"""By the name that commands and cards use. The first is the shipped one."""

BACKBONE = "efficientnetb0"


def build_classifier(
    size: int | None = 224, dropout: float = 0.3, backbone: str = BACKBONE, imagenet: bool = False
) -> keras.Model:
    """Build an untrained classifier.

    The head weighs the features at every place before it averages, not after: the average is the same,
    and the places it averages are the class activation map. So the map adds up to the answer by construction.

    Parameters
    ----------
    size : int or None
        Height and width of the input in pixels, a multiple of 32; None for any.
    dropout : float
        Share of features dropped in training.
    backbone : str
        One of `BACKBONES`.
    imagenet : bool
        Start the backbone from Keras' ImageNet weights, which Keras downloads once; random without.

    Returns
    -------
    keras.Model
        From (batch, size, size, 1) in [0, 1] to the logit of COVID (batch, 1); the evidence whose mean the logit is
        (batch, rows, columns, 1), rows and columns about size / 32; the features that the head weighs, and those of
        the backbone's middle layer, each (batch, features), their mean over all places.

    Raises
    ------
    ValueError
        For other sizes or backbones.
    """
    import keras
    from keras import layers

    if size is not None and (size % 32 or size <= 0):
        raise ValueError(f"size must be a positive multiple of 32, not {size}")
    if backbone not in BACKBONES:
        raise ValueError(f"backbone must be one of {', '.join(BACKBONES)}, not {backbone!r}")
    chosen = BACKBONES[backbone]
    inputs, x = grey_input(size, "roi")
    x = layers.Concatenate(axis=channel_axis(), name="grey_to_rgb")([x, x, x])
    x = layers.Rescaling(chosen.scale, chosen.offset, name="scale")(x)
    middle, x = _features(backbone, size, imagenet)(x)
    means = [layers.GlobalAveragePooling2D(name=name)(found) for name, found in (("features", x), ("textures", middle))]
    x = layers.SpatialDropout2D(dropout, name="head_dropout")(x)
    evidence = layers.Conv2D(1, 1, kernel_initializer="zeros", name="evidence")(x)  # starts undecided
    logit = layers.GlobalAveragePooling2D(name="logit")(evidence)
    return keras.Model(inputs, [logit, channels_last(evidence), *means], name="classifier")


def _features(backbone: str, size: int | None, imagenet: bool) -> keras.Model:
    """Return the backbone without its head: from pictures to the features of its middle layer and its last."""
    import keras

    application = getattr(keras.applications, BACKBONES[backbone].application)
    shape = (size, size, 3) if channel_axis() == -1 else (3, size, size)
    whole = application(include_top=False, weights="imagenet" if imagenet else None, input_shape=shape)
    outputs = [whole.get_layer(BACKBONES[backbone].middle).output, whole.output]
    if backbone == BACKBONE:
        if imagenet:
            _fold_scaling(whole)
        # Without Keras' own scaling layers, whose ONNX export fails.
        return keras.Model(_last_scaling(whole).output, outputs, name=backbone)
    return keras.Model(whole.input, outputs, name=backbone)


def _last_scaling(whole: keras.Model) -> keras.layers.Layer:
    """Return the layer behind which EfficientNet begins: found by type, because Keras numbers names."""
    import keras

    kinds = (keras.layers.Normalization, keras.layers.Rescaling)
    return [layer for layer in whole.layers if isinstance(layer, kinds)][-1]


def _fold_scaling(whole: keras.Model) -> None:
    """Make up in the first convolution and its batch norm for the scaling that ImageNet's weights are used to.

    Keras scales 0...255 to a x + b, we to (x - 127) / 128: the kernels take the ratio, the batch norm's mean the rest.
    """
    import numpy as np

    black, white = (_scaled(whole, value) for value in (127.0, 255.0))
    first = whole.get_layer("stem_conv")
    kernel = np.asarray(first.kernel)
    norm = whole.get_layer("stem_bn")
    norm.moving_mean.assign(np.asarray(norm.moving_mean) - (kernel * black[:, None]).sum(axis=(0, 1, 2)))
    first.kernel.assign(kernel * (white - black)[:, None])


def _scaled(whole: keras.Model, value: float):  # type: ignore[no-untyped-def]
    """Return what Keras' scaling layers make of one grey value, ndarray (3,)."""
    import keras
    import numpy as np

    size = whole.input_shape[1:]
    probe = keras.Model(whole.input, _last_scaling(whole).output)
    return np.asarray(probe(np.full((1, *size), value, np.float32)))[0, 0, 0]
