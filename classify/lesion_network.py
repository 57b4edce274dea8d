"""Build the heads that see infection first: a map of it, a score from the map, and a class where it is infected.

Two questions have two answers. Whether a lung is infected is read from the map, which is taught with lesion masks and
carries over to other hospitals. Whether an infection is COVID is read from features gathered where the map sees
infection, and needs slices of other diseases. Each has upper blocks of its own: when both trained the same ones, either
the class stayed at chance or the map no longer carried over. A slice shows COVID if both hold, so their probabilities
are multiplied; a clean lung then has a low probability whatever the second head says.

The decoder is a small U-Net's: Ronneberger et al. 2015, arXiv 1505.04597.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..weights.layout import channel_axis, channels_last

if TYPE_CHECKING:
    import keras

LEAST_SIZE = 64
"""Smallest input in pixels: in smaller ones there are fewer cells than the score is averaged over."""

DECODER = ((48, 32), (24, 16), (12, 8))
"""Channels of the decoder's steps, from an eighth to a half of the input's resolution, and of what each takes from the
encoder. Narrow ones cost little and separate infection as well."""

TOP_CELLS = 24
"""Number of cells, each an eighth of the input's pixels wide, that the score is averaged over: about a tenth of the
lungs. The mean of the most infected tenth separates clean lungs from infected ones better than the infected share,
in which the haze of many doubtful places adds up."""

LEAST_LUNG = 0.3
"""Share of a cell that must be lung for the score to count it."""

OUTSIDE = -12.0
"""Logit of cells outside the lungs, so that they are never among the most infected."""

FLOOR = 1 / 64
"""Lowest grey value of lung in the input: a pixel below it is partly or wholly outside the lungs."""

RARE = -3.0
"""Initial logit of infection: few pixels are infected."""


def lesion_heads(grey: Any, fine: Sequence[Any], upper: keras.Model, mapping: keras.Model, dropout: float) -> list[Any]:
    """Return the outputs of a classifier with a map of infection; see `lungct.classify.network.build_classifier`.

    Parameters
    ----------
    grey : keras tensor
        The region of interest, with one channel.
    fine : sequence of keras tensor
        Features at a half, a quarter and an eighth of the input's resolution.
    upper : keras.Model
        The rest of the backbone, for the class.
    mapping : keras.Model
        The map's own copy of its lower part; returns features at a sixteenth, the last of which lead to the map.
    dropout : float
        Share of the class's features dropped in training.
    """
    from keras import layers, ops

    deep = mapping(fine[-1])
    lesions = _decode(fine, deep[-1])
    lung = layers.AveragePooling2D(2, name="lung")(ops.clip(grey / FLOOR, 0.0, 1.0))
    infected = _infected(lesions, lung)
    features = upper(fine[-1])
    evidence = _evidence(layers.SpatialDropout2D(dropout, name="head_dropout")(features), lesions, lung)
    disease = layers.GlobalAveragePooling2D(name="disease")(evidence)
    shown = {"features": features, "textures": deep[0]}
    means = [layers.GlobalAveragePooling2D(name=name)(found) for name, found in shown.items()]
    return [_both(infected, disease), channels_last(evidence), *means, channels_last(lesions)]


def _decode(fine: Sequence[Any], deep: Any) -> Any:
    """Return the logit of infection at half the input's resolution."""
    from keras import initializers, layers

    x = layers.SpatialDropout2D(0.1, name="decoder_dropout")(deep)
    x = layers.Conv2D(DECODER[0][0], 1, activation="swish", name="decoder")(x)
    for step, ((channels, taken), skip) in enumerate(zip(DECODER, reversed(fine), strict=True), 1):
        x = layers.UpSampling2D(2, name=f"decoder{step}_up")(x)
        skip = layers.Conv2D(taken, 1, name=f"decoder{step}_skip")(skip)
        x = layers.Concatenate(axis=channel_axis(), name=f"decoder{step}_join")([x, skip])
        x = layers.Conv2D(channels, 3, padding="same", use_bias=False, name=f"decoder{step}_conv")(x)
        x = layers.BatchNormalization(axis=channel_axis(), momentum=0.98, name=f"decoder{step}_bn")(x)
        x = layers.Activation("swish", name=f"decoder{step}_swish")(x)
    return layers.Conv2D(1, 1, bias_initializer=initializers.Constant(RARE), name="lesions")(x)


def _infected(lesions: Any, lung: Any) -> Any:
    """Return the logit of an infected lung, (batch, 1), from the mean over the most infected cells."""
    from keras import layers, ops

    cells, inside = (layers.AveragePooling2D(4)(one) for one in (lesions, lung))
    flat = layers.Flatten()(ops.where(inside < LEAST_LUNG, OUTSIDE, cells))
    top = ops.mean(ops.top_k(flat, TOP_CELLS)[0], axis=-1, keepdims=True)
    return layers.Dense(1, kernel_initializer="ones", name="infected")(top)


def _evidence(features: Any, lesions: Any, lung: Any) -> Any:
    """Return the evidence for COVID, whose mean weighs infected places and the whole lung each by their own area."""
    from keras import layers, ops

    cell = 16  # the map has half the input's resolution, the features a thirty-second
    infected = layers.AveragePooling2D(cell)(ops.stop_gradient(ops.sigmoid(lesions)) * lung)
    everywhere = layers.AveragePooling2D(cell)(lung)
    parts = [
        layers.Conv2D(1, 1, kernel_initializer="zeros", use_bias=name == "lung", name=f"evidence_{name}")(features)
        * (area / (layers.GlobalAveragePooling2D(keepdims=True)(area) + least))
        for name, area, least in (("infected", infected, 0.003), ("lung", everywhere, 0.001))
    ]
    return parts[0] + parts[1]


def _both(infected: Any, disease: Any) -> Any:
    """Return the logit of the product of two probabilities, from their logits, (batch, 1).

    The labels of slices, which differ between sources in more than disease, don't teach the first answer: only what is
    known of infection does.
    """
    from keras import layers, ops

    infected = ops.stop_gradient(infected)
    sums = ops.concatenate([-infected, -disease, -infected - disease], axis=-1)
    return layers.Identity(name="logit")(-ops.logsumexp(sums, axis=-1, keepdims=True))
