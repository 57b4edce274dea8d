"""Find the lungs in a chest CT and estimate the probability of COVID-19.

>>> from lungct import Pipeline
>>> prediction = Pipeline.from_pretrained().predict("examples/slices/covid19-ny-sbu-A002304.png")

Names are loaded when first used: ``import lungct`` itself loads nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .classify import Classifier
    from .lungseg import LungSegmenter
    from .pipeline import Pipeline, Prediction
    from .sources import SourceError, read_scan

    __version__: str

__all__ = ["Classifier", "LungSegmenter", "Pipeline", "Prediction", "SourceError", "__version__", "read_scan"]

_ROOMS = {
    "Classifier": "classify",
    "LungSegmenter": "lungseg",
    "Pipeline": "pipeline",
    "Prediction": "pipeline",
    "SourceError": "sources",
    "read_scan": "sources",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its room."""
    if name == "__version__":
        from importlib.metadata import version

        return version("lungct")
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_ROOMS[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
