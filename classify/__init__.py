"""Stage 2: scores the lungs with an EfficientNetB0 trained with focal loss."""

from .classifier import Classification, Classifier
from .network import build_classifier
from .roi import RoiPreprocessing

__all__ = ["Classification", "Classifier", "RoiPreprocessing", "build_classifier"]
