"""Define `ReadOptions`, which are passed to every reader."""

from __future__ import annotations

from dataclasses import dataclass, field

from .limits import Limits
from .scan import Intensity, check_intensity


@dataclass(frozen=True)
class ReadOptions:
    """What the caller knows about the input, and the limits for reading it.

    Parameters
    ----------
    intensity : {"hu", "display"}, optional
        What the values mean; guessed if omitted.
    spacing : tuple of float, optional
        (z, y, x) in mm, for arrays and pictures.
    limits : Limits

    Raises
    ------
    ValueError
        For an unknown intensity.
    """

    intensity: Intensity | None = None
    spacing: tuple[float, float, float] | None = None
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        check_intensity(self.intensity)


DEFAULTS = ReadOptions()
