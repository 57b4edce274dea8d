"""Train a network: a seeded loop that can be killed and resumed, with its history as CSV and as a plot.

An epoch depends only on the seed, its number and the state saved after the previous epoch, so a run that was killed
and resumed gives the same result as an uninterrupted one.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..common.plots import new_figure
from ..common.text import write_csv
from ..common.whole_files import whole_file

if TYPE_CHECKING:
    import keras

BEST = "best.weights.h5"
LAST = "last.weights.h5"
STATE = "state.json"

Example = tuple[Any, ...]
"""Input, target, and an optional weight: arrays, or dicts of arrays by output name."""


def prepare_environment() -> None:
    """Set the environment variables that TensorFlow and segmentation-models read on import."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # off by default on some processors, and twice as fast
    os.environ.setdefault("SM_FRAMEWORK", "tf.keras")


def epoch_batches(
    make_example: Callable[[int, int], Example], indices: NDArray[np.intp], epoch: int, batch_size: int
) -> keras.utils.PyDataset:
    """Return the batches of one epoch.

    Parameters
    ----------
    make_example : callable
        Takes the index of a training item and a seed, and returns one example.
    indices : ndarray of int
        Training items of this epoch, in order.
    epoch : int
        Part of each example's seed, so that no two epochs have the same augmentation.
    batch_size : int
        An incomplete last batch is dropped.
    """
    import keras

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return len(indices) // batch_size

        def __getitem__(self, batch: int) -> Example:
            positions = range(batch * batch_size, (batch + 1) * batch_size)
            examples = [make_example(int(indices[at]), epoch * 1_000_003 + at) for at in positions]
            batch_of_all: Example = keras.tree.map_structure(lambda *parts: np.stack(parts), *examples)
            return batch_of_all

    return Batches(workers=1)  # augmenters have state: two threads would mix up their seeds


def fit(
    model: keras.Model,
    batches_of: Callable[[int], keras.utils.PyDataset],
    validation: Example | None,
    folder: Path,
    *,
    epochs: int,
    monitor: str,
    mode: Literal["max", "min"],
    settings: dict[str, Any],
    seed: int = 0,
    evaluate: Callable[[keras.Model], dict[str, float]] | None = None,
) -> dict[str, Any]:
    """Train a compiled model, saving its state after every epoch.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    batches_of : callable
        Takes the epoch's number and returns its batches.
    validation : Example or None
        Inputs, targets and weights of all validation items, measured after every epoch; None if `evaluate` does that.
    folder : Path
        Receives ``best.weights.h5``, ``last.weights.h5``, ``state.json``, ``history.csv`` and ``history.png``.
        A run found there is resumed.
    epochs : int
        Total number of epochs, including those of earlier runs.
    monitor : str
        The column of the history that chooses the best epoch.
    mode : {"max", "min"}
        Whether a larger or a smaller value is better.
    settings : dict
        The settings that define this run; a folder with a run of other settings is refused.
    seed : int
        Fixes shuffling and dropout.
    evaluate : callable, optional
        Returns further validation metrics of the model, which are added to the history. If the optimizer averages the
        weights (``use_ema``), Keras leaves the averages in the model at the end of an epoch, and the next epoch starts
        from them, as in Lookahead (Zhang et al. 2019, arXiv 1907.08610); so the averages are measured and saved.

    Returns
    -------
    dict
        The best epoch's row of the history.

    Raises
    ------
    ValueError
        When `folder` contains a run with other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = _load_state(folder, settings)
    model.optimizer.build(model.trainable_variables)  # during the first step it would trace the network again
    if state["history"]:
        model.load_weights(folder / LAST)
        print(f"resuming after epoch {len(state['history'])} of {epochs} in {folder}", flush=True)
    for epoch in range(len(state["history"]), epochs):
        _seed_everything(model, seed + epoch)
        log = model.fit(
            batches_of(epoch),
            validation_data=validation,
            initial_epoch=epoch,
            epochs=epoch + 1,
            verbose=1 if sys.stdout.isatty() else 2,
        )
        row = {"epoch": epoch + 1, **{name: float(values[-1]) for name, values in log.history.items()}}
        row |= evaluate(model) if evaluate else {}
        state["history"].append(row)
        best = _best(state["history"], monitor, mode)
        if best is row:
            _save_weights(model, folder / BEST)
        _save_weights(model, folder / LAST)
        with whole_file(folder / STATE) as aside:
            aside.write_text(json.dumps(state, indent=1), encoding="utf-8")
        print(f"epoch {epoch + 1}: {monitor} {row[monitor]:.4f}, best {best[monitor]:.4f} in epoch {best['epoch']}")
        sys.stdout.flush()
    _write_history(folder, state["history"])
    model.load_weights(folder / BEST)
    return _best(state["history"], monitor, mode)


def _seed_everything(model: keras.Model, seed: int) -> None:
    """Seed the process and the dropout layers, whose generators Keras doesn't save with the weights."""
    import keras

    keras.utils.set_random_seed(seed)
    states = [variable for variable in model.variables if variable.name == "seed_generator_state"]
    for index, state in enumerate(states):
        state.assign(np.array([seed, index], dtype=np.uint32))


def _load_state(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    settings = json.loads(json.dumps(settings))
    path = folder / STATE
    if not path.exists():
        return {"settings": settings, "history": []}
    state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if state["settings"] != settings:
        raise ValueError(
            f"{folder} contains a run with other settings ({state['settings']}, now {settings}); "
            "give another --out, or remove that folder to start again"
        )
    return state


def _best(history: list[dict[str, float]], monitor: str, mode: str) -> dict[str, float]:
    return (max if mode == "max" else min)(history, key=lambda row: row[monitor])


def _save_weights(model: keras.Model, path: Path) -> None:
    with whole_file(path, ".weights.h5") as aside:
        model.save_weights(aside)


def _write_history(folder: Path, history: list[dict[str, float]]) -> None:
    """Write ``history.csv`` and ``history.png``."""
    write_csv(folder / "history.csv", list(history[0]), history)

    figure = new_figure(9, 3.5)
    losses, scores = figure.subplots(1, 2)
    for name in history[0]:
        if name != "epoch":
            axis = losses if name.endswith("loss") else scores
            axis.plot([row["epoch"] for row in history], [row[name] for row in history], label=name)
    for axis in (losses, scores):
        axis.set_xlabel("epoch")
        axis.legend()
    figure.savefig(folder / "history.png", dpi=120)
