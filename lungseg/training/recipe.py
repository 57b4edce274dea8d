"""Everything that decides a training run of the segmenter, the data apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...common.modality import Modality

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class SegmenterRecipe:
    """Everything that decides a training run, the data apart.

    Parameters
    ----------
    modality : {"ct", "xray"}
        What the pictures are, for the card.
    architecture, filters, dense_blocks, bidirectional, stride
        See `build_network`.
    size : int
        Side of the training examples in pixels.
    epochs : int
    batch_size : int
    learning_rate : float
        Peak; it rises for a twentieth of the run, then falls to zero as a cosine.
    validation_share : float
        Share of each folder's patients kept for validation.
    exclude : tuple of str
        Training slices with one of these in their file name are left out: faulty labels. Validation keeps all.
    seed : int
    """

    modality: Modality = "ct"
    architecture: str = "bcdunet"
    size: int = 256
    filters: int = 16
    dense_blocks: int = 3
    bidirectional: bool = True
    stride: int = 1
    epochs: int = 20
    batch_size: int = 8
    learning_rate: float = 1e-3
    validation_share: float = 0.2
    exclude: tuple[str, ...] = ()
    seed: int = 0

    def network(self) -> dict[str, Any]:
        """Return the arguments of `build_network`."""
        return {
            "name": self.architecture,
            "size": self.size,
            "filters": self.filters,
            "dense_blocks": self.dense_blocks,
            "bidirectional": self.bidirectional,
            "stride": self.stride,
        }

    def build(self) -> keras.Model:
        """Build the untrained network."""
        from ..architectures import build_network  # sets up TensorFlow, which a command line's --help can do without

        return build_network(**self.network())


DEFAULTS = SegmenterRecipe()
