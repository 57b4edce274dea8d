"""Build the classifier: a backbone with a head that computes its own class activation map.

EfficientNet: Tan and Le 2019, arXiv 1905.11946; class activation maps: Zhou et al. 2016, arXiv 1512.04150. With a map
of infection, the head is that of `lungct.classify.lesion_network`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..weights.layout import channel_axis, channels_last, grey_input
from .lesion_network import LEAST_SIZE, lesion_heads

if TYPE_CHECKING:
    import keras


class Backbone(NamedTuple):
    """A network of keras.applications, its input scaling, ``scale * grey + offset`` for grey in [0, 1], and layers.

    The middle layer, at a sixteenth of the input's resolution, represents textures rather than diseases; they are used
    to detect pictures unlike the training data. The map of infection starts from the deep layer, at the same
    resolution, and is sharpened by the fine layers, at a half, a quarter and an eighth; a backbone whose feature maps
    have other sizes has none of them.
    """

    application: str
    scale: float
    offset: float | tuple[float, float, float]
    middle: str
    fine: tuple[str, ...] = ()
    deep: str = ""


_CAFFE = (-103.939, -116.779, -123.68)
"""ImageNet's mean blue, green and red, which these networks subtract."""

BACKBONES = {
    # 0...255 becomes (value - 127) / 128, the scaling that the Lite0 weights were trained with.
    "efficientnetb0": Backbone(
        "EfficientNetB0",
        255 / 128,
        -127 / 128,
        "block5c_project_bn",
        ("block1a_project_bn", "block2b_add", "block3b_add"),
        "block5c_add",
    ),
    "resnet50": Backbone(
        "ResNet50",
        255.0,
        _CAFFE,
        "conv4_block6_out",
        ("conv1_relu", "conv2_block3_out", "conv3_block4_out"),
        "conv4_block6_out",
    ),
    "vgg16": Backbone(
        "VGG16", 255.0, _CAFFE, "block4_pool", ("block1_pool", "block2_pool", "block3_pool"), "block4_pool"
    ),
    "vgg19": Backbone(
        "VGG19", 255.0, _CAFFE, "block4_pool", ("block1_pool", "block2_pool", "block3_pool"), "block4_pool"
    ),
    "inceptionv3": Backbone("InceptionV3", 2.0, -1.0, "mixed7"),
    "xception": Backbone("Xception", 2.0, -1.0, "block9_sepconv1_bn"),
}
"""Backbones by the name used in commands and cards. The first is the shipped one."""

BACKBONE = "efficientnetb0"

UPPER, MAPPING = "upper_blocks", "mapping_blocks"
"""In a network with a map of infection, the parts above the fine layers: the class's, and the map's copy of them."""


def build_classifier(
    size: int | None = 224,
    dropout: float = 0.3,
    backbone: str = BACKBONE,
    imagenet: bool = False,
    lesions: bool = False,
) -> keras.Model:
    """Build an untrained classifier.

    The head weights the features at every place before averaging, not after. The result is the same, and the values
    that are averaged are the class activation map, so the map's mean is the answer by construction.

    Parameters
    ----------
    size : int or None
        Height and width of the input in pixels, a multiple of 32; None for any size.
    dropout : float
        Share of features dropped in training.
    backbone : str
        One of `BACKBONES`.
    imagenet : bool
        Initialise the backbone with Keras' ImageNet weights, which Keras downloads once; otherwise randomly.
    lesions : bool
        Add the map of infection.

    Returns
    -------
    keras.Model
        Maps (batch, size, size, 1) in [0, 1] to four outputs: the logit of COVID, (batch, 1); the evidence, whose mean
        is the logit, (batch, rows, columns, 1), with rows and columns about size / 32; the head's input features and
        the features of the backbone's middle layer, each averaged over all places, (batch, features). With `lesions`,
        a fifth: the logit of infection at every place, (batch, size / 2, size / 2, 1); and the evidence's mean is then
        the logit of COVID among infected lungs.

    Raises
    ------
    ValueError
        For invalid sizes, unknown backbones, and backbones that can't have a map of infection.
    """
    import keras
    from keras import layers

    if size is not None and (size % 32 or size <= 0):
        raise ValueError(f"size must be a positive multiple of 32, not {size}")
    if backbone not in BACKBONES:
        raise ValueError(f"backbone must be one of {', '.join(BACKBONES)}, not {backbone!r}")
    chosen = BACKBONES[backbone]
    if lesions and size is not None and size < LEAST_SIZE:
        raise ValueError(f"with a map of infection the size must be at least {LEAST_SIZE}, not {size}")
    if lesions and not chosen.fine:
        able = ", ".join(name for name, one in BACKBONES.items() if one.fine)
        raise ValueError(f"{backbone} has no map of infection; choose one of {able}, or train without lesion masks")
    inputs, grey = grey_input(size, "roi")
    x = layers.Concatenate(axis=channel_axis(), name="grey_to_rgb")([grey, grey, grey])
    x = layers.Rescaling(chosen.scale, chosen.offset, name="scale")(x)
    whole, start = _whole(backbone, size, imagenet)
    if lesions:
        shared, upper, mapping = _parts(whole, start, backbone)
        return keras.Model(inputs, lesion_heads(grey, shared(x), upper, mapping, dropout), name="classifier")
    outputs = [whole.get_layer(chosen.middle).output, whole.output]
    middle, x = keras.Model(start, outputs, name=backbone)(x)
    means = [layers.GlobalAveragePooling2D(name=name)(found) for name, found in (("features", x), ("textures", middle))]
    x = layers.SpatialDropout2D(dropout, name="head_dropout")(x)
    evidence = layers.Conv2D(1, 1, kernel_initializer="zeros", name="evidence")(x)  # starts undecided
    logit = layers.GlobalAveragePooling2D(name="logit")(evidence)
    return keras.Model(inputs, [logit, channels_last(evidence), *means], name="classifier")


def _whole(backbone: str, size: int | None, imagenet: bool) -> tuple[keras.Model, Any]:
    """Return the network of keras.applications without its head, and the tensor that our scaled input replaces."""
    import keras

    application = getattr(keras.applications, BACKBONES[backbone].application)
    shape = (size, size, 3) if channel_axis() == -1 else (3, size, size)
    whole = application(include_top=False, weights="imagenet" if imagenet else None, input_shape=shape)
    if backbone != BACKBONE:
        return whole, whole.input
    if imagenet:
        _fold_scaling(whole)
    return whole, _last_scaling(whole).output  # leave out Keras' own scaling layers, because their ONNX export fails


def _parts(whole: keras.Model, start: Any, backbone: str) -> tuple[keras.Model, keras.Model, keras.Model]:
    """Return the shared part of a backbone, the class's part, and the map's copy of as much of that as it needs."""
    import keras

    chosen = BACKBONES[backbone]
    fine = [whole.get_layer(name).output for name in chosen.fine]
    names = dict.fromkeys((chosen.middle, chosen.deep))  # none twice
    mapping = keras.Model(fine[-1], [whole.get_layer(name).output for name in names], name=MAPPING)
    return (
        keras.Model(start, fine, name=backbone),
        keras.Model(fine[-1], whole.output, name=UPPER),
        keras.models.clone_model(mapping),
    )


def backbone_layers(model: keras.Model) -> list[Any]:
    """Return the layers of a classifier's backbone, in order, without the map's copies."""
    names = [layer.name for layer in model.layers]
    return [layer for name in (*BACKBONES, UPPER) if name in names for layer in model.get_layer(name).layers]


def start_map(model: keras.Model) -> None:
    """Give the map's copy of the backbone's blocks the weights of the class's."""
    upper = model.get_layer(UPPER)
    for layer in model.get_layer(MAPPING).layers:
        if layer.weights:
            layer.set_weights(upper.get_layer(layer.name).get_weights())


def _last_scaling(whole: keras.Model) -> keras.layers.Layer:
    """Return the last layer before EfficientNet itself; found by type, because Keras numbers layer names."""
    import keras

    kinds = (keras.layers.Normalization, keras.layers.Rescaling)
    return [layer for layer in whole.layers if isinstance(layer, kinds)][-1]


def _fold_scaling(whole: keras.Model) -> None:
    """Fold the input scaling that ImageNet's weights expect into the first convolution and its batch norm.

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
    """Return the output of Keras' scaling layers for one grey value, ndarray (3,)."""
    import keras
    import numpy as np

    size = whole.input_shape[1:]
    probe = keras.Model(whole.input, _last_scaling(whole).output)
    return np.asarray(probe(np.full((1, *size), value, np.float32)))[0, 0, 0]
