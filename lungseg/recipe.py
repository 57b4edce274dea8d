"""Everything that decides a training run of the segmenter, the data apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .network import build_bcdunet

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class SegmenterRecipe:
    """Everything that decides a training run, the data apart.

    Parameters
    ----------
    size : int
        Side of the training examples in pixels.
    filters, dense_blocks, bidirectional
        See `build_bcdunet`.
    epochs : int
    batch_size : int
    learning_rate : float
        Peak; it rises for a twentieth of the run, then falls to zero as a cosine.
    validation_share : float
        Share of each folder's patients kept for validation.
    seed : int
    """

    size: int = 256
    filters: int = 16
    dense_blocks: int = 3
    bidirectional: bool = True
    epochs: int = 20
    batch_size: int = 8
    learning_rate: float = 1e-3
    validation_share: float = 0.2
    seed: int = 0

    def build(self) -> keras.Model:
        """Build the untrained network."""
        return build_bcdunet(self.size, self.filters, self.dense_blocks, self.bidirectional)
