"""Stage 2: scores the lungs, slices with an EfficientNetB0, whole volumes with a 3-D CNN of your own."""

from .classifier import Classification, Classifier
from .conformal import LABELS, checked_level
from .evidence import Evidence, Explain
from .network import build_classifier
from .recognizer import Recognizer
from .roi import RoiPreprocessing
from .volume_classifier import VolumeClassifier
from .volume_preprocessing import VolumePreprocessing

__all__ = [
    "LABELS",
    "Classification",
    "Classifier",
    "Evidence",
    "Explain",
    "Recognizer",
    "RoiPreprocessing",
    "VolumeClassifier",
    "VolumePreprocessing",
    "build_classifier",
    "checked_level",
]
