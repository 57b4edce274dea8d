"""`lungct.pipeline.monai`: the door to transforms in MONAI"s style."""

from .adapters.monai import LungMaskd, LungRoid

__all__ = ["LungMaskd", "LungRoid"]
