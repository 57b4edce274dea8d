"""The shipped networks and their cards, and the only module that opens inference sessions."""

from .card import (
    CLASSIFIER,
    CLASSIFIERS,
    RECOGNIZER,
    SEGMENTER,
    SEGMENTERS,
    Card,
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
    "RECOGNIZER",
    "SEGMENTER",
    "SEGMENTERS",
    "Card",
    "Engine",
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
