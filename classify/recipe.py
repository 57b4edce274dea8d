"""Everything that decides a training run of the classifier, the data apart."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ClassifierRecipe:
    """Everything that decides a training run, the data apart.

    Parameters
    ----------
    size : int
        Side of the region of interest in pixels.
    dropout : float
    epochs : int
    epoch_size : int
        Pictures drawn an epoch, as many from each data set and class.
    batch_size : int
    learning_rate : float
        Peak; it rises for a tenth of the run, then falls to zero as a cosine.
    weight_decay : float
    gamma : float
        Focusing parameter of the focal loss (Lin et al. 2017, arXiv 1708.02002); 0 is cross-entropy.
    validation_share : float
        Share of blocks kept for validation where a data set has no split of its own.
    exclude : tuple of str
        Training pictures whose name contains one of these are left out.
    seed : int
    """

    size: int = 224
    dropout: float = 0.3
    epochs: int = 12
    epoch_size: int = 720
    batch_size: int = 16
    learning_rate: float = 3e-4
    weight_decay: float = 1e-2
    gamma: float = 2.0
    validation_share: float = 0.2
    exclude: tuple[str, ...] = ()
    seed: int = 0
