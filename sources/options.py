"""What a caller knows or wants of a reading, handed to every reader."""

from __future__ import annotations

from dataclasses import dataclass, field

from .limits import Limits
from .scan import Intensity


@dataclass(frozen=True)
class ReadOptions:
    """What a caller knows or wants of a reading.

    Parameters
    ----------
    intensity : {"hu", "display"}, optional
        What the values mean; guessed without.
    spacing : tuple of float, optional
        (z, y, x) in mm, for arrays and pictures.
    limits : Limits
    """

    intensity: Intensity | None = None
    spacing: tuple[float, float, float] | None = None
    limits: Limits = field(default_factory=Limits)


DEFAULTS = ReadOptions()
