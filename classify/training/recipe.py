"""Define `ClassifierRecipe`: all settings of a training run of the classifier, apart from the data."""

from __future__ import annotations

from dataclasses import dataclass

from ...common.modality import Modality
from ..roi import Region


@dataclass(frozen=True)
class ClassifierRecipe:
    """All settings of a training run, apart from the data.

    Parameters
    ----------
    modality : {"ct", "xray"}
        Modality of the pictures, for the card.
    backbone : str
        See `lungct.classify.network.BACKBONES`.
    region : {"masked", "crop", "whole", "erased", "mask"}
        What the network is shown; see `lungct.classify.roi.Region`.
    size : int
        Side of the region of interest in pixels.
    dropout : float
    epochs : int
    epoch_size : int
        Pictures drawn per epoch, equally many from each data set and class.
    lesion_slices : int
        Additional slices with lesion masks per epoch; none if no lesions are given.
    lesion_weight : float
        Weight of the lesion loss relative to that of the labels.
    batch_size : int
    learning_rate : float
        Peak learning rate. It rises during the first tenth of the run, then falls to zero along a cosine.
    weight_decay : float
    averaging : float
        Momentum of the moving average of the weights. The average is measured and saved after every epoch, and the next
        epoch starts from it.
    gamma : float
        Focusing parameter of the focal loss; see `lungct.classify.training.loss.focal_loss`.
    alpha : float
        Weight of COVID in the focal loss; non-COVID has 1 - alpha. 0.5 treats both equally.
    teachers_share : float
        Share of the target that comes from teachers, if there are any; the rest comes from the label.
    validation_share : float
        Share of patients or blocks kept for validation if a data set has no split of its own.
    exclude : tuple of str
        Training pictures whose file name contains one of these are left out.
    seed : int
    """

    modality: Modality = "ct"
    backbone: str = "efficientnetb0"
    region: Region = "masked"
    size: int = 224
    dropout: float = 0.3
    epochs: int = 12
    epoch_size: int = 720
    lesion_slices: int = 240
    lesion_weight: float = 1.0
    batch_size: int = 16
    learning_rate: float = 3e-4
    weight_decay: float = 1e-2
    averaging: float = 0.95
    gamma: float = 2.0
    alpha: float = 0.5
    teachers_share: float = 0.7
    validation_share: float = 0.2
    exclude: tuple[str, ...] = ()
    seed: int = 0


DEFAULTS = ClassifierRecipe()
