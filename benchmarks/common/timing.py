"""Timing of contenders in turns, so that a machine that slows down slows all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Contender:
    """Something to time.

    Parameters
    ----------
    name : str
        Names its row.
    work : callable
        One call of it.
    slices : int
        How many slices one call handles.
    """

    name: str
    work: Callable[[], object]
    slices: int = 1


@dataclass(frozen=True)
class Skipped:
    """Something that can't be timed here, and the reason."""

    name: str
    reason: str


@dataclass
class Timing:
    """The seconds of every counted call, each for `slices` slices."""

    slices: int = 1
    seconds: list[float] = field(default_factory=list)

    @property
    def ms(self) -> float:
        """Return the median time of one slice, ms."""
        return float(np.median(self.seconds)) * 1000 / self.slices

    @property
    def best(self) -> float:
        """Return the shortest time of one slice, ms."""
        return min(self.seconds) * 1000 / self.slices

    @property
    def spread(self) -> dict[str, float]:
        """Return median and quartiles of one slice, ms: a cell of a table."""
        return spread([1000 * seconds / self.slices for seconds in self.seconds])


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median and quartiles."""
    low, median, high = (float(value) for value in np.percentile(values, (25, 50, 75)))
    return {"median": median, "low": low, "high": high, "n": len(values)}


def race(contenders: Sequence[Contender], rounds: int, turn: float = 0.3, *, warm: bool = False) -> dict[str, Timing]:
    """Time contenders in turns: A, B, C, A, B, C and so on.

    A turn is repeated calls of one contender. Its first call is not counted, because the others may have emptied its
    caches, unless one call takes the whole turn.

    Parameters
    ----------
    contenders : sequence of Contender
        With different names.
    rounds : int
        Turns each.
    turn : float
        Seconds; 0 for one call of each and none before it, which shows that they run, not how fast.
    warm : bool
        Whether everything that compiles or allocates on a first call has done so; otherwise each is called once first.

    Returns
    -------
    dict
        From name to `Timing`, in the order given.
    """
    names = [contender.name for contender in contenders]
    if len(set(names)) < len(names):
        raise ValueError(f"contenders need different names, not {names}")
    timings = {contender.name: Timing(contender.slices) for contender in contenders}
    for contender in () if warm or not turn else contenders:
        contender.work()
    for _ in range(rounds):
        for contender in contenders:
            timings[contender.name].seconds += _turn(contender.work, turn)
    return timings


def _turn(work: Callable[[], object], seconds: float) -> list[float]:
    end = time.perf_counter() + seconds
    taken = [_seconds(work)]
    while time.perf_counter() < end:
        taken.append(_seconds(work))
    return taken[1:] or taken


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
