"""The peak speed of this machine: a product of large matrices, and convolutions that suit the engines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lungct.common.threads import available_threads
from lungct.weights.engines import ONNXRuntimeSession, OpenVINOSession

from ..common.sections import Row, Section
from ..common.timing import Contender, race
from .settings import Figures, Settings

SIDE = 2048
"""Of the matrices."""

LAYERS = 4
"""Consecutive convolutions, so that converting the input to an engine's own layout counts little."""

PICTURE = 64
"""Rows and columns of the feature maps."""


def measure_peak(settings: Settings, _figures: Figures) -> tuple[Section, Figures]:
    """Time them all; the figure is the highest GFLOP/s reached."""
    gemm = 2 * SIDE**3
    work = {f"matrix product, {SIDE} x {SIDE}, NumPy": (_matrix_product(), gemm)}
    for channels in (64, 128, 256):
        content, inputs = convolutions(channels), _noise((1, channels, PICTURE, PICTURE))
        for name, adapter in (("ONNX Runtime", ONNXRuntimeSession), ("OpenVINO", OpenVINOSession)):
            session = adapter(content, available_threads(), 1, "f32")
            what = f"convolutions 3 x 3, {channels} channels, {PICTURE} x {PICTURE}, {name}"
            work[what] = (_running(session.run, inputs), LAYERS * 2 * 9 * channels**2 * PICTURE**2)
    timings = race([Contender(name, call) for name, (call, _) in work.items()], settings.rounds, settings.turn)
    # The shortest call, not the median: a peak is what the machine can do when nothing disturbs it.
    reached = {name: work[name][1] / timing.best / 1e6 for name, timing in timings.items()}
    rows: list[Row] = [
        {"what": name, "best GFLOP/s": value, "median GFLOP/s": work[name][1] / timings[name].ms / 1e6}
        for name, value in reached.items()
    ]
    title = f"Peak of this machine, float32, {available_threads()} threads"
    return Section("peak", title, rows, "The highest of these is the peak used below."), {"peak": max(reached.values())}


def convolutions(channels: int, layers: int = LAYERS) -> bytes:
    """Return an ONNX network of 3 x 3 convolutions that keep channels and size."""
    shape = (1, channels, PICTURE, PICTURE)
    kernel = numpy_helper.from_array(_noise((channels, channels, 3, 3)) / channels, "kernel")
    nodes = [
        helper.make_node("Conv", [f"x{layer}", "kernel"], [f"x{layer + 1}"], pads=[1, 1, 1, 1])
        for layer in range(layers)
    ]
    ends = [helper.make_tensor_value_info(f"x{end}", TensorProto.FLOAT, shape) for end in (0, layers)]
    graph = helper.make_graph(nodes, "convolutions", ends[:1], ends[1:], [kernel])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _matrix_product() -> Callable[[], object]:
    left, right = _noise((SIDE, SIDE)), _noise((SIDE, SIDE))
    out = np.empty_like(left)
    return lambda: np.matmul(left, right, out=out)


def _running(run: Callable[[np.ndarray], object], inputs: np.ndarray) -> Callable[[], object]:
    return lambda: run(inputs)


def _noise(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
