"""Run batches on a Ray cluster."""

from .predict import on_ray, predict_dataset

__all__ = ["on_ray", "predict_dataset"]
