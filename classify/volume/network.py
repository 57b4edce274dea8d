"""The volume classifier: a plain 3-D CNN (Zunair et al. 2020, arXiv 2007.13224)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

WIDTHS = (1, 1, 2, 4)
"""Filters of the four blocks, as multiples of the first's."""


def build_volume_classifier(
    shape: tuple[int, int, int] = (64, 128, 128), filters: int = 64, dropout: float = 0.3
) -> keras.Model:
    """Build an untrained volume classifier.

    Four times a convolution of 3 x 3 x 3, a pooling that halves, and a batch norm; then the mean over all places, a
    dense layer, dropout, and the answer. Unlike the paper's, convolutions and poolings pad, so that 32 slices fit too,
    and batch norms forget faster (0.9), because there are hundreds of volumes, not thousands of batches.

    Parameters
    ----------
    shape : tuple of int
        Slices, height, width of the input: 64 x 128 x 128 in the paper.
    filters : int
        Of the first block; 64 in the paper (64, 64, 128, 256, and a dense layer of 512). Others scale all of them.
    dropout : float
        Share of features dropped in training.

    Returns
    -------
    keras.Model
        From (batch, slices, height, width, 1) in [0, 1] to the logit of COVID (batch, 1).

    Raises
    ------
    ValueError
        For shapes without three positive sides, or no filters.
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
