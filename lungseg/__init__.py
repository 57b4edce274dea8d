"""Stage 1: find the lungs with a BCD U-Net."""

from .cleanup import clean_mask
from .network import build_bcdunet
from .polarity import find_lungs
from .preprocessing import SlicePreprocessing
from .quality import FLAGS, quality_flags
from .segmenter import LungSegmenter, Segmentation

__all__ = [
    "FLAGS",
    "LungSegmenter",
    "Segmentation",
    "SlicePreprocessing",
    "build_bcdunet",
    "clean_mask",
    "find_lungs",
    "quality_flags",
]
