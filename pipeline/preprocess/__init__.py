"""Cut normalised, masked, lung-cropped slices with a manifest, for training other models."""

from .groups import Grouping, Split
from .job import run_preprocess
from .settings import PreprocessSettings
from .slice_files import read_slice
from .slices import ProcessedSlice, preprocess

__all__ = ["Grouping", "PreprocessSettings", "ProcessedSlice", "Split", "preprocess", "read_slice", "run_preprocess"]
