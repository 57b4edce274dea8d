"""`lungct.pipeline.albumentations`: re-exports the transforms for albumentations."""

from .adapters.albumentations import LungMask, LungRoi

__all__ = ["LungMask", "LungRoi"]
