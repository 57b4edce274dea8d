"""Everything that decides a training run of the classifier, the data apart."""

from __future__ import annotations

from dataclasses import dataclass

from ...common.modality import Modality
from ..roi import Region


@dataclass(frozen=True)
class ClassifierRecipe:
    """Everything that decides a training run, the data apart.

    Parameters
    ----------
    modality : {"ct", "xray"}
        What the pictures are, for the card.
    backbone : str
        See `lungct.classify.network.BACKBONES`.
    region : {"masked", "crop", "whole", "erased", "mask"}
        What the network sees, see `lungct.classify.roi.Region`.
    size : int
        Side of the region of interest in pixels.
    dropout : float
    epochs : int
    epoch_size : int
        Pictures drawn an epoch, as many from each data set and class.
    lesion_slices : int
        Slices with drawn lesions among them, on top; none without lesions to draw from.
    lesion_weight : float
        Of the lesions' loss beside that of the labels.
    batch_size : int
    learning_rate : float
        Peak; it rises for a tenth of the run, then falls to zero as a cosine.
    weight_decay : float
    averaging : float
        Momentum of the weights' moving average, which is what is measured, kept, and gone on from after every epoch.
    gamma : float
        Focusing parameter of the focal loss, see `lungct.classify.training.loss.focal_loss`.
    alpha : float
        Weight of COVID in the focal loss, beside 1 - alpha of the others; 0.5 treats both alike.
    teachers_share : float
        Share of the target that teachers give, if there are any; the label gives the rest.
    validation_share : float
        Share of blocks kept for validation where a data set has no split of its own.
    exclude : tuple of str
        Training pictures whose name contains one of these are left out.
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
