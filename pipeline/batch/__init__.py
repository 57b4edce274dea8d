"""Run batches: any number of inputs into a folder of rows and files, resumable at any time."""

from .job import Counts
from .locks import StoreError
from .predictor import COLUMNS
from .run import run_batch
from .settings import BatchSettings

__all__ = ["COLUMNS", "BatchSettings", "Counts", "StoreError", "run_batch"]
