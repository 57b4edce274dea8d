"""Define `VolumeRecipe`: all settings of a training run of the volume classifier, apart from the data."""

from __future__ import annotations

from dataclasses import dataclass

from .preprocessing import Sampling, VolumeRegion


@dataclass(frozen=True)
class VolumeRecipe:
    """All settings of a training run, apart from the data.

    Parameters
    ----------
    shape : tuple of int
        Slices, height and width of the input.
    sampling : {"fixed", "isotropic"}
        See `lungct.classify.volume.preprocessing.Sampling`.
    region : {"masked", "crop"}
        See `lungct.classify.volume.preprocessing.VolumeRegion`.
    filters : int
        Filters of the first block; see `lungct.classify.volume.network.build_volume_classifier`.
    dropout : float
    epochs : int
    epoch_size : int
        Volumes drawn per epoch, equally many from each data set and class; 0 for the number of training volumes.
    batch_size : int
    learning_rate, weight_decay, averaging, gamma, alpha, validation_share, seed
        As in `lungct.classify.training.recipe.ClassifierRecipe`.
    """

    shape: tuple[int, int, int] = (64, 128, 128)
    sampling: Sampling = "fixed"
    region: VolumeRegion = "masked"
    filters: int = 64
    dropout: float = 0.3
    epochs: int = 30
    epoch_size: int = 0
    batch_size: int = 4
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    averaging: float = 0.95
    gamma: float = 2.0
    alpha: float = 0.5
    validation_share: float = 0.2
    seed: int = 0


DEFAULTS = VolumeRecipe()
