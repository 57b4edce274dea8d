"""The shipped networks with their cards, and the one place that opens an inference session."""

from .card import (
    CLASSIFIER,
    CLASSIFIERS,
    PICTURES,
    RECOGNIZER,
    SEGMENTER,
    SEGMENTERS,
    Card,
    Modality,
    load_card,
    read_verified,
    shipped_names,
)
from .engines import Engine, Precision, Session, open_session
from .errors import WeightsError
from .network import Network, Run

__all__ = [
    "CLASSIFIER",
    "CLASSIFIERS",
    "PICTURES",
    "RECOGNIZER",
    "SEGMENTER",
    "SEGMENTERS",
    "Card",
    "Engine",
    "Modality",
    "Network",
    "Precision",
    "Run",
    "Session",
    "WeightsError",
    "load_card",
    "open_session",
    "read_verified",
    "shipped_names",
]
