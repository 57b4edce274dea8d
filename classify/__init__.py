"""Stage 2: classify the lungs, slices with an EfficientNetB0, whole volumes with a 3-D CNN that you train."""

from .classifier import Classification, Classifier
from .evidence import Evidence, Explain
from .modality.recognizer import Recognizer
from .network import build_classifier
from .roi import RoiPreprocessing
from .trust.conformal import LABELS, checked_level
from .volume.classifier import VolumeClassifier
from .volume.preprocessing import VolumePreprocessing

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
