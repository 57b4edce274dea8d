"""Train several networks on the same data with the same budget, and compare them in one table."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...common.text import write_csv
from ...weights import SEGMENTER, Card, load_card, open_session
from ..data.dataset import DataSet
from .recipe import SegmenterRecipe
from .train import train_segmenter

if TYPE_CHECKING:
    import keras

VARIANTS: dict[str, dict[str, Any]] = {
    "bcdunet-16-d3": {"filters": 16, "dense_blocks": 3, "bidirectional": True},
    "bcdunet-16-d1": {"filters": 16, "dense_blocks": 1, "bidirectional": True},
    "bcdunet-16-d3-one-way": {"filters": 16, "dense_blocks": 3, "bidirectional": False},
    "bcdunet-32-d3": {"filters": 32, "dense_blocks": 3, "bidirectional": True},
    "unet-28": {"architecture": "unet", "filters": 28},
    "sm-unet": {"architecture": "sm-unet"},
    "sm-fpn": {"architecture": "sm-fpn"},
    "sm-linknet": {"architecture": "sm-linknet"},
}
"""Recipe changes for each network. A U-Net with 28 filters has as many parameters as BCD U-Net with 16."""

ROUNDS = 30
"""Timed slices per network."""


def compare_networks(
    data_sets: Sequence[DataSet], folder: Path, recipe: SegmenterRecipe, variants: Sequence[str] = tuple(VARIANTS)
) -> Path:
    """Train each variant of a recipe and write the table of results.

    A variant already trained with this recipe is not trained again; an interrupted one is resumed.

    Parameters
    ----------
    data_sets : sequence of DataSet
    folder : Path
        Receives a run for each variant, ``comparison.md`` and ``comparison.csv``.
    recipe : SegmenterRecipe
        The settings that all variants share.
    variants : sequence of str
        Keys of `VARIANTS`.

    Returns
    -------
    Path
        Path of the table in Markdown.

    Raises
    ------
    ValueError
        For an unknown variant.
    """
    unknown = set(variants) - set(VARIANTS)
    if unknown:
        raise ValueError(f"unknown networks {', '.join(sorted(unknown))}; choose from {', '.join(VARIANTS)}")
    cards = {}
    for number, name in enumerate(variants, 1):
        print(f"network {number} of {len(variants)}: {name}", flush=True)
        cards[name] = _train(data_sets, folder / name, replace(recipe, **VARIANTS[name]))
    rows = [_row(name, card) for name, card in cards.items()]
    write_csv(folder / "comparison.csv", list(rows[0]), rows)
    table = folder / "comparison.md"
    table.write_text(_markdown(rows), encoding="utf-8")
    return table


def _train(data_sets: Sequence[DataSet], folder: Path, recipe: SegmenterRecipe) -> Card:
    path = folder / f"{SEGMENTER}.json"
    if path.exists():
        card = load_card(path)
        if {**card.metrics["recipe"], "init": None} == json.loads(json.dumps({**asdict(recipe), "init": None})):
            return card
    return train_segmenter(data_sets, folder, recipe, version="comparison", licence="not stated")


def _row(name: str, card: Card) -> dict[str, Any]:
    from ..architectures import build_network

    model = build_network(**card.architecture)
    row = {
        "network": name,
        "million parameters": round(model.count_params() / 1e6, 2),
        "GFLOPs": round(count_flops(model) / 1e9, 2),
        "ms a slice": round(_milliseconds(card), 1),
    }
    for data_set, figures in card.metrics["validation"].items():
        for metric in ("dice", "dice_tight_crop"):
            low, high = figures[metric]["interval"]
            row[f"{data_set} {metric}"] = f"{figures[metric]['mean']:.3f} ({low:.3f} to {high:.3f})"
    return row


def count_flops(model: keras.Model) -> int:
    """Return the floating-point operations for one slice, counted by TensorFlow's profiler."""
    import tensorflow as tf
    from tensorflow.python.profiler.model_analyzer import profile
    from tensorflow.python.profiler.option_builder import ProfileOptionBuilder

    signature = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)
    graph = tf.function(lambda x: model(x, training=False)).get_concrete_function(signature).graph
    options = ProfileOptionBuilder(ProfileOptionBuilder.float_operation()).with_empty_output().build()
    return int(profile(graph, options=options).total_float_ops)


def _milliseconds(card: Card) -> float:
    """Return the median time of the network alone, in ms per slice."""
    session = open_session(card)
    size = card.preprocessing["size"]
    inputs = np.random.default_rng(0).random((1, size, size, 1), dtype=np.float32)
    session.run(inputs)
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        session.run(inputs)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def _markdown(rows: Sequence[dict[str, Any]]) -> str:
    head = list(rows[0])
    lines = [head, ["---"] * len(head), *([str(row[name]) for name in head] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
