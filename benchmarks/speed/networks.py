"""The two networks alone, in everything that can run them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from lungct.classify import build_classifier
from lungct.common.threads import available_threads
from lungct.lungseg.architectures import build_network
from lungct.weights import CLASSIFIER, SEGMENTER, Card, WeightsError, load_card, open_session
from lungct.weights.engines import Engine, Precision, choose_engine
from lungct.weights.fitting import prepare_environment
from lungct.weights.release import load_into

from ..common.timing import Contender, Skipped
from .flops import accepts, operations
from .settings import Settings

Run = Callable[[np.ndarray], list[np.ndarray]]
"""From inputs (n, size, size, 1) to every output."""

ENGINES: tuple[tuple[str, Engine, Precision], ...] = (
    ("ONNX Runtime f32", "onnxruntime", "f32"),
    ("ONNX Runtime bf16", "onnxruntime", "bf16"),
    ("ONNX Runtime int8", "onnxruntime", "int8"),
    ("OpenVINO f32", "openvino", "f32"),
    ("OpenVINO bf16", "openvino", "bf16"),
    ("OpenVINO int8", "openvino", "int8"),
)

CHOSEN = next(name for name, engine, precision in ENGINES if (engine, precision) == (choose_engine("auto"), "f32"))
"""The row of the engine that lungct uses by default."""


def needed() -> list[tuple[Card, int]]:
    """Return each shipped network with each size at which lungct runs it."""
    segmenter, classifier = load_card(SEGMENTER), load_card(CLASSIFIER)
    size = int(segmenter.preprocessing["size"])
    sizes = dict.fromkeys((size, int(segmenter.decision.get("first_look_size", size))))
    return [*((segmenter, size) for size in sizes), (classifier, int(classifier.preprocessing["size"]))]


def raced(settings: Settings) -> list[tuple[Card, int]]:
    """Return the same as `needed`; in a quick run, only the classifier."""
    return [(card, size) for card, size in needed() if card.name == CLASSIFIER or not settings.quick]


def title(card: Card, size: int) -> str:
    """Return the name of a network at a size in tables."""
    return f"{card.name}, {size} x {size}"


def picture(size: int, batch: int = 1) -> np.ndarray:
    """Return inputs for a network: noise, because the content doesn't affect the time."""
    return np.random.default_rng(0).random((batch, size, size, 1), dtype=np.float32)


def giga_operations(card: Card, size: int) -> float:
    """Return operations for one slice, 1e9."""
    return operations(_read(card.path), (1, size, size, 1)) / 1e9


@cache
def keras_model(name: str, size: int) -> Any:
    """Return a shipped network in Keras, with its weights."""
    prepare_environment()
    card = load_card(name)
    build = build_network if name == SEGMENTER else build_classifier
    model = build(**{**card.architecture, "size": size})
    load_into(model, card)
    return model


def engine_run(
    card: Card, shape: tuple[int, ...], engine: Engine, precision: Precision, threads: int | None = None
) -> Run:
    """Open a network in an engine.

    Raises
    ------
    WeightsError
        If it can't run inputs of this shape at this precision here.
    """
    if precision == "bf16" and engine == "openvino" and not _computes_in_bf16():
        raise WeightsError("this processor does not compute in bf16")
    if not accepts(_read(card.network(precision)[0]), shape):
        raise WeightsError(f"the network was not exported for inputs of {shape}")
    return open_session(card, engine, precision, threads).run


def engine_contenders(card: Card, size: int, batch: int = 1) -> list[Contender | Skipped]:
    """Return the network in each engine at each precision."""
    inputs = picture(size, batch)
    found: list[Contender | Skipped] = []
    for name, engine, precision in ENGINES:
        try:
            run = engine_run(card, inputs.shape, engine, precision)
        except WeightsError as error:
            found.append(Skipped(name, str(error)))
        else:
            found.append(Contender(name, partial(run, inputs), batch))
    return found


def keras_contenders(model: Any, size: int, batch: int = 1) -> list[Contender | Skipped]:
    """Return a network in TensorFlow: `predict`, as notebooks call it, and a traced function; and in LiteRT."""
    import tensorflow as tf

    inputs = picture(size, batch)
    traced = tf.function(partial(model, training=False))
    tensor = tf.constant(inputs)
    return [
        keras_predict("Keras predict", model, size, batch),
        Contender("tf.function", lambda: [part.numpy() for part in tf.nest.flatten(traced(tensor))], batch),
        _litert(traced, inputs),
    ]


def keras_predict(name: str, model: Any, size: int, batch: int = 1) -> Contender:
    """Return a Keras network that is called as in notebooks."""
    import keras

    inputs = picture(size, batch)
    # A separate model with the same weights: one that has seen two batch sizes is traced for any size, and slower.
    own = keras.Model(model.inputs, model.outputs)
    return Contender(name, lambda: own.predict(inputs, batch_size=batch, verbose=0), batch)


def _litert(traced: Any, inputs: np.ndarray) -> Contender | Skipped:
    if importlib.util.find_spec("ai_edge_litert") is None:
        return Skipped("LiteRT", "not installed. Run: pip install ai-edge-litert")
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    concrete = traced.get_concrete_function(tf.TensorSpec(inputs.shape, tf.float32))
    content = tf.lite.TFLiteConverter.from_concrete_functions([concrete], traced).convert()
    interpreter = Interpreter(model_content=content, num_threads=available_threads())
    interpreter.allocate_tensors()
    entry, ends = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()

    def run() -> list[np.ndarray]:
        interpreter.set_tensor(entry, inputs)
        interpreter.invoke()
        return [interpreter.get_tensor(end["index"]) for end in ends]

    return Contender("LiteRT", run, len(inputs))


@contextmanager
def side_by_side(name: str, run: Run, size: int, threads: int, each: int) -> Iterator[Contender]:
    """Give a network on one thread a slice for every core at once: its throughput when all cores are busy.

    Parameters
    ----------
    name : str
    run : callable
        Runs the network on one thread; called from several.
    size : int
    threads : int
        How many run side by side.
    each : int
        Runs of each in one call.
    """
    inputs = picture(size)

    def repeat(_: int) -> None:
        for _ in range(each):
            run(inputs)

    with ThreadPoolExecutor(threads) as pool:
        yield Contender(name, lambda: list(pool.map(repeat, range(threads))), threads * each)


@cache
def _read(path: Path) -> onnx.ModelProto:
    return onnx.load(path)


def _computes_in_bf16() -> bool:
    if importlib.util.find_spec("openvino") is None:
        return True  # opening it reports what is missing
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
