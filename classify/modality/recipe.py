"""Define `RecognizerRecipe`: all settings of a training run of the recognizer, apart from the data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RecognizerRecipe:
    """All settings of a training run, apart from the data.

    Parameters
    ----------
    size : int
        Side of the thumbnails in pixels.
    filters : int
        Filters of the first of four convolutions; each has twice as many as the one before.
    epochs, epoch_size, batch_size : int
    learning_rate : float
    validation_share : float
        Share of patients or blocks kept for validation if a data set has no split of its own.
    sure : float
        Lowest probability at which the answer is used.
    seed : int
    """

    size: int = 64
    filters: int = 16
    epochs: int = 12
    epoch_size: int = 2400
    batch_size: int = 32
    learning_rate: float = 2e-3
    validation_share: float = 0.25
    sure: float = 0.95
    seed: int = 0


DEFAULTS = RecognizerRecipe()
