"""Define `ClassifierRecipe`: all settings of a training run of the classifier, apart from the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...common.modality import Modality
from ..lesion_network import FLOOR
from ..roi import Region, RoiPreprocessing


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
        Pictures drawn per epoch; see `lungct.classify.data.dataset.balanced_draw`.
    lesion_slices : int
        Additional slices with lesion masks per epoch; none if no lesions are given.
    lesion_weight : float
        Weight of the lesion loss relative to the cross-entropy of a label.
    lesion_label : {"COVID", "NonCOVID", "unknown"}
        Disease of the patients with lesion masks.
    pasted : float
        Share of the pictures known to be free of infection that get lesions pasted in.
    frozen : bool
        With lesions: keep the backbone's layers up to an eighth of the input's resolution, and the statistics of the
        map's blocks, as they are initialised. They then carry over to other hospitals, and training takes less time.
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
    lesion_label: Literal["COVID", "NonCOVID", "unknown"] = "unknown"
    pasted: float = 0.5
    frozen: bool = True
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

    def floor(self, lesions: bool) -> float:
        """Return the lowest grey value of lung in the network's input, with or without a map of infection."""
        return FLOOR if lesions else 0.0

    def preprocessing(self, lesions: bool) -> RoiPreprocessing:
        """Return how regions are cut for a network with or without a map of infection."""
        return RoiPreprocessing(self.size, region=self.region, floor=self.floor(lesions))


DEFAULTS = ClassifierRecipe()
