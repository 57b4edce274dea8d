"""How long and how large a run is."""

from __future__ import annotations

import sys
from dataclasses import dataclass

Figures = dict[str, float]
"""The figures that targets are compared with: see `targets.TARGETS`."""


@dataclass(frozen=True)
class Settings:
    """The settings of one run.

    Parameters
    ----------
    quick : bool
        Whether it only shows that everything runs.
    rounds : int
        Turns each contender gets; see `timing.race`.
    turn : float
        Seconds of a turn.
    slow_rounds : int
        Turns for contenders that take many seconds.
    processes : int
        Fresh processes of each kind.
    series : int
        Slices of the series.
    counts : tuple of int
        Slices of the scans that show how time grows with them.
    batches : tuple of int
    scaled : int, optional
        Networks that are timed in batches and on threads; all by default.
    recipe_size, recipe_filters : int
        Of the notebook's segmenter.
    torch_python : str
        The interpreter that has PyTorch and lungmask.
    """

    quick: bool = False
    rounds: int = 5
    turn: float = 0.4
    slow_rounds: int = 3
    processes: int = 5
    series: int = 300
    counts: tuple[int, ...] = (1, 10, 50, 300)
    batches: tuple[int, ...] = (1, 2, 4, 8)
    scaled: int | None = None
    recipe_size: int = 512
    recipe_filters: int = 64
    torch_python: str = sys.executable


def quick(torch_python: str) -> Settings:
    """Return settings that only check that everything runs."""
    return Settings(True, 1, 0.05, 1, 1, 6, (1, 4), (2,), 1, 64, 8, torch_python)
