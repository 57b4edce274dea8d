"""Both stages together: `Pipeline.predict()` and the command line."""

from .pipeline import Pipeline
from .prediction import Prediction

__all__ = ["Pipeline", "Prediction"]
