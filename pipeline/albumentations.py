"""`lungct.pipeline.albumentations`: the door to transforms for albumentations."""

from .adapters.albumentations import LungMask, LungRoi

__all__ = ["LungMask", "LungRoi"]
