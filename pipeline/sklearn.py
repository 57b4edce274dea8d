"""`lungct.pipeline.sklearn`: re-exports the estimators for scikit-learn."""

from .adapters.sklearn import LungClassifier, LungRoiTransformer

__all__ = ["LungClassifier", "LungRoiTransformer"]
