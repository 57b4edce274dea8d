"""Define `SegmenterRecipe`: all settings of a training run of the segmenter, apart from the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...common.modality import Modality

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class SegmenterRecipe:
    """All settings of a training run, apart from the data.

    Parameters
    ----------
    modality : {"ct", "xray"}
        Modality of the pictures, for the card.
    architecture, filters, dense_blocks, bidirectional, stride
        See `build_network`.
    size : int
        Side of the training examples in pixels.
    epochs : int
    batch_size : int
    learning_rate : float
        Peak learning rate. It rises during the first twentieth of the run, then falls to zero along a cosine.
    validation_share : float
        Share of each folder's patients kept for validation.
    exclude : tuple of str
        Training slices whose file name contains one of these are left out, because of wrong labels. Validation keeps
        all slices.
    init_share : float
        Share of the initial weights in those that are written, 0 to 1: the rest are the trained ones. Such a mean keeps
        more of what the initial network knew (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
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
    init_share: float = 0.0
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
        from ..architectures import build_network  # loads TensorFlow, which --help doesn't need

        return build_network(**self.network())


DEFAULTS = SegmenterRecipe()
