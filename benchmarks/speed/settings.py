"""How long and how large a run is."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from lungct.weights.fitting import prepare_environment

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
        Seconds of a turn; 0 for one call.
    slow_rounds : int
        Turns for contenders that take many seconds.
    processes : int
        Fresh processes of each kind.
    series : int
        Slices of the series.
    bare_runs : int
        Of a network beside the series, on each core.
    counts : tuple of int
        Slices of the scans that show how time grows with them.
    batches : tuple of int
        1 among them.
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
    bare_runs: int = 10
    counts: tuple[int, ...] = (1, 10, 50, 300)
    batches: tuple[int, ...] = (1, 2, 4, 8)
    scaled: int | None = None
    recipe_size: int = 512
    recipe_filters: int = 64
    torch_python: str = sys.executable


def quick(torch_python: str) -> Settings:
    """Return settings that only check that everything runs."""
    return Settings(
        quick=True,
        rounds=1,
        turn=0,
        slow_rounds=1,
        processes=1,
        series=2,
        bare_runs=1,
        counts=(1, 2),
        batches=(1,),
        scaled=1,
        recipe_size=64,
        recipe_filters=8,
        torch_python=torch_python,
    )


def without_graphs() -> None:
    """Run TensorFlow's operations one by one: building a graph takes longer than the few calls of a quick run."""
    prepare_environment()
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
