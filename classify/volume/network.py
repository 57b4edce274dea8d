"""Build the volume classifier, a plain 3-D CNN (Zunair et al. 2020, arXiv 2007.13224)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

WIDTHS = (1, 1, 2, 4)
"""Filters of the four blocks, as multiples of those of the first."""


def build_volume_classifier(
    shape: tuple[int, int, int] = (64, 128, 128), filters: int = 64, dropout: float = 0.3
) -> keras.Model:
    """Build an untrained volume classifier.

    Four blocks of a 3 x 3 x 3 convolution, pooling by two, and batch norm; then global average pooling, a dense layer,
    dropout, and the output. Unlike in the paper, convolutions and pooling are padded, so that 32 slices fit too, and
    batch norms have a momentum of 0.9, because there are hundreds of volumes, not thousands of batches.

    Parameters
    ----------
    shape : tuple of int
        Slices, height and width of the input; 64 x 128 x 128 in the paper.
    filters : int
        Filters of the first block; 64 in the paper (64, 64, 128, 256, and a dense layer of 512). The others scale with
        it.
    dropout : float
        Share of features dropped in training.

    Returns
    -------
    keras.Model
        Maps (batch, slices, height, width, 1) in [0, 1] to the logit of COVID, (batch, 1).

    Raises
    ------
    ValueError
        If `shape` doesn't have three positive sides, or `filters` is below 1.
    """
    import keras
    from keras import layers

    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"shape must be slices, height, width, not {shape}")
    if filters < 1:
        raise ValueError(f"filters must be at least 1, not {filters}")
    inputs = layers.Input((*shape, 1), name="volume")
    x = inputs
    for block, width in enumerate(WIDTHS, start=1):
        x = layers.Conv3D(width * filters, 3, padding="same", activation="relu", name=f"conv{block}")(x)
        x = layers.MaxPooling3D(2, padding="same", name=f"pool{block}")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"norm{block}")(x)
    x = layers.GlobalAveragePooling3D(name="features")(x)
    x = layers.Dense(8 * filters, activation="relu", name="dense")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    logit = layers.Dense(1, name="logit")(x)
    return keras.Model(inputs, logit, name="volume_classifier")
