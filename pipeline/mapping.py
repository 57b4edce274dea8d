"""`lungct.pipeline.mapping`: re-exports the plain functions for `map` and process pools."""

from .adapters.mapping import keep_lungs, lung_mask, lung_roi, predict_record

__all__ = ["keep_lungs", "lung_mask", "lung_roi", "predict_record"]
