"""`lungct.pipeline.monai`: re-exports the MONAI-style transforms."""

from .adapters.monai import LungMaskd, LungRoid

__all__ = ["LungMaskd", "LungRoid"]
