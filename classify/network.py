"""EfficientNetB0 with a head that is its own class activation map.

Tan and Le 2019, arXiv 1905.11946; class activation maps: Zhou et al. 2016, arXiv 1512.04150.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

BACKBONE = "efficientnetb0"


def build_classifier(size: int = 224, dropout: float = 0.3) -> keras.Model:
    """Build an untrained classifier.

    The head weighs the 1280 features at every place before it averages, not after: the average is the same,
    and the places it averages are the class activation map. So the map adds up to the answer by construction.

    Parameters
    ----------
    size : int
        Height and width of the input in pixels, a multiple of 32.
    dropout : float
        Share of features dropped in training.

    Returns
    -------
    keras.Model
        From (batch, size, size, 1) in [0, 1] to the logit of COVID (batch, 1), and the evidence whose mean the
        logit is (batch, size / 32, size / 32, 1).

    Raises
    ------
    ValueError
        For other sizes.
    """
    import keras
    from keras import layers

    if size % 32 or size <= 0:
        raise ValueError(f"size must be a positive multiple of 32, not {size}")
    inputs = layers.Input((size, size, 1), name="roi")
    # 0...255 becomes (value - 127) / 128, what the ImageNet start was trained on.
    x = layers.Rescaling(255 / 128, -127 / 128, name="scale")(inputs)
    x = layers.Concatenate(name="grey_to_rgb")([x, x, x])
    x = _backbone(size)(x)
    x = layers.SpatialDropout2D(dropout, name="head_dropout")(x)
    evidence = layers.Conv2D(1, 1, kernel_initializer="zeros", name="evidence")(x)  # starts undecided
    logit = layers.GlobalAveragePooling2D(name="logit")(evidence)
    return keras.Model(inputs, [logit, evidence], name="classifier")


def _backbone(size: int) -> keras.Model:
    """Return EfficientNetB0 without its head and without Keras' own scaling layers, whose ONNX export fails."""
    import keras

    whole = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(size, size, 3))
    # Found by type: Keras numbers the layer's name when a process builds a second network.
    scaled = next(layer for layer in whole.layers if isinstance(layer, keras.layers.Normalization)).output
    return keras.Model(scaled, whole.output, name=BACKBONE)
