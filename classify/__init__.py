"""Stage 2: scores the lungs with an EfficientNetB0 trained with focal loss."""

from .classifier import Classification, Classifier
from .conformal import LABELS, checked_level
from .evidence import Evidence, Explain
from .network import build_classifier
from .recognizer import Recognizer
from .roi import RoiPreprocessing

__all__ = [
    "LABELS",
    "Classification",
    "Classifier",
    "Evidence",
    "Explain",
    "Recognizer",
    "RoiPreprocessing",
    "build_classifier",
    "checked_level",
]
