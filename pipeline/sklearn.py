"""`lungct.pipeline.sklearn`: the door to estimators for scikit-learn."""

from .adapters.sklearn import LungClassifier, LungRoiTransformer

__all__ = ["LungClassifier", "LungRoiTransformer"]
