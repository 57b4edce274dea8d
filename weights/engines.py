"""Two adapters, OpenVINO and ONNX Runtime, behind one interface. Nothing else opens a network."""

from __future__ import annotations

import importlib.util
import threading
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from .card import Card, read_verified
from .errors import WeightsError

Engine = Literal["openvino", "onnxruntime"]


class Session(Protocol):
    """An opened network."""

    def run(self, inputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return every output of one batch of the network's static shape, in order."""
        ...


class OpenVINOSession:
    """A network on OpenVINO, at single precision (its own default would be bf16 on newer processors).

    Parameters
    ----------
    content : bytes
        The ONNX file.
    threads : int or None
        None leaves the number to OpenVINO.
    """

    def __init__(self, content: bytes, threads: int | None) -> None:
        import openvino

        core = openvino.Core()
        settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        self._compiled = core.compile_model(core.read_model(content), "CPU", settings)
        self._local = threading.local()  # a request serves one thread at a time

    def run(self, inputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return every output, as arrays of their own."""
        if not hasattr(self._local, "request"):
            self._local.request = self._compiled.create_infer_request()
        results = self._local.request.infer([inputs], share_inputs=True)
        return [np.array(results[output]) for output in self._compiled.outputs]


class ONNXRuntimeSession:
    """A network on ONNX Runtime; parameters as for `OpenVINOSession`."""

    def __init__(self, content: bytes, threads: int | None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        self._session = onnxruntime.InferenceSession(content, options, providers=onnxruntime.get_available_providers())
        self._input = self._session.get_inputs()[0].name

    def run(self, inputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return every output."""
        return list(self._session.run(None, {self._input: inputs}))


_ADAPTERS: dict[str, tuple[type[OpenVINOSession] | type[ONNXRuntimeSession], str]] = {
    "openvino": (OpenVINOSession, "pip install openvino"),
    "onnxruntime": (ONNXRuntimeSession, "pip install 'lungct[onnxruntime]'"),
}


def open_session(card: Card, engine: Engine = "openvino", threads: int | None = None) -> Session:
    """Open a network whose checksum holds.

    Parameters
    ----------
    card : Card
    engine : {"openvino", "onnxruntime"}
    threads : int, optional
        Processor threads to use; by default the engine decides.

    Raises
    ------
    WeightsError
        When the file is missing or changed, or the engine is not installed.
    ValueError
        For an unknown engine.
    """
    if engine not in _ADAPTERS:
        raise ValueError(f"engine must be one of {get_args(Engine)}, not {engine!r}")
    adapter, remedy = _ADAPTERS[engine]
    if importlib.util.find_spec(engine) is None:
        raise WeightsError(f"the engine {engine} is not installed. Run: {remedy}")
    return adapter(read_verified(card.path, card.sha256), threads)
