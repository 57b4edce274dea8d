"""Load initial weights: those of the same network, or those of a stride-1 network into a stride-2 one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...weights import load_card
from ...weights.release import load_into
from ..architectures import build_network

if TYPE_CHECKING:
    import keras


def start_from(model: keras.Model, init: Path) -> None:
    """Load the weights of another network into a network.

    Parameters
    ----------
    model : keras.Model
        A network from `build_network`.
    init : Path
        ``.weights.h5`` of a network of the same shape, or the card (``.json``) of a released one. A BCD U-Net with
        stride 1 may initialise one with stride 2, which then starts out equal to it on a picture of half the size.

    Raises
    ------
    ValueError
        When the weights don't fit.
    WeightsError
        When the card or its weights are missing or were modified.
    """
    if init.suffix != ".json":
        model.load_weights(init)
        return
    card = load_card(init)
    teacher = build_network(**{**card.architecture, "size": None})
    load_into(teacher, card)
    weights = {variable.path: np.asarray(variable) for variable in teacher.weights}
    if model.get_layer("encoder0_a").strides != teacher.get_layer("encoder0_a").strides:
        weights = _on_half_the_size(weights, {variable.path: np.asarray(variable) for variable in model.weights})
    shapes = {variable.path: tuple(variable.shape) for variable in model.weights}
    if {path: array.shape for path, array in weights.items()} != shapes:
        raise ValueError(f"{init} is for another network; omit --init or change --filters")
    model.set_weights([weights[path] for path in shapes])


def mean_of(
    initial: Sequence[NDArray[np.float32]], trained: Sequence[NDArray[np.float32]], share: float
) -> list[NDArray[np.float32]]:
    """Return the mean of two networks' weights, with this share of the initial ones."""
    weight = np.float32(share)
    return [weight * before + (1 - weight) * after for before, after in zip(initial, trained, strict=True)]


def _on_half_the_size(
    old: dict[str, NDArray[np.float32]], new: dict[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    """Return weights that make a stride-2 network equal to a stride-1 network on a picture of half the size.

    The first convolution averages four pixels; the two old channels before the output are upsampled bilinearly. The
    additional channels there start untrained, with an output weight of zero.
    """
    kernel, bias = new["last/kernel"].copy(), new["last/bias"].copy()
    kept = old["last/bias"].size
    kernel[..., :kept], bias[:kept] = old["last/kernel"], old["last/bias"]
    line = np.array([1, 3, 3, 1], np.float32) / 4
    head = np.zeros_like(new["lung/kernel"])  # (4, 4, 1, channels): a transposed convolution
    head[..., :kept] = np.outer(line, line)[..., None, None] * old["lung/kernel"][0, 0, :, 0]
    mean = np.repeat(np.repeat(old["encoder0_a/kernel"] / np.float32(4), 2, axis=0), 2, axis=1)
    return {
        **old,
        "encoder0_a/kernel": mean,
        "last/kernel": kernel,
        "last/bias": bias,
        "lung/kernel": head,
    }
