"""Open networks through ONNX Runtime or OpenVINO, behind one interface. No other module opens a network."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from ..common.forks import ForkSafeLock, in_children, leave_alone
from ..common.optional import require
from ..common.threads import available_threads
from .card import SHIPPED, Card, read_verified
from .errors import WeightsError
from .onnx_file import check_alone

Engine = Literal["auto", "openvino", "onnxruntime"]
"""Inference engine. ``auto``: ONNX Runtime, which starts in a third of the time and runs slices in parallel; for bf16,
which it doesn't support, the optional OpenVINO."""

Precision = Literal["f32", "bf16", "int8"]
"""``f32``: as trained. ``bf16``: OpenVINO only, on processors that support it. ``int8``: quantised after training."""


def load_onnxruntime() -> Any:
    """Import ONNX Runtime without its telemetry: since 1.29, it reports every network that is opened."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read once, on import
    import onnxruntime

    return onnxruntime


def load_openvino() -> Any:
    """Import OpenVINO without its telemetry, which would contact an analytics host on import."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # it then uses its own stub
    import openvino

    return openvino


_OPENED: weakref.WeakSet[OpenVINOSession | ONNXRuntimeSession] = weakref.WeakSet()


def _leave_to_the_parent() -> None:
    for session in list(_OPENED):
        leave_alone(session, *session.inherited())


in_children(_leave_to_the_parent)


class Session(Protocol):
    """An opened network. Safe to use from several threads."""

    def run(self, inputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return all outputs for one batch, in order."""
        ...


_SETTING_UP = ForkSafeLock()
"""Held while OpenVINO's bindings initialise."""


class OpenVINOSession:
    """A network on OpenVINO, compiled once for each input shape.

    Parameters
    ----------
    content : bytes
        The ONNX file.
    threads : int
    streams : int
        Number of parallel callers, each with its share of the threads.
    precision : {"f32", "bf16"}
        Set explicitly, because OpenVINO's default would be bf16 on newer processors.
    """

    def __init__(self, content: bytes, threads: int, streams: int, precision: str) -> None:
        openvino = load_openvino()
        with _SETTING_UP:
            # The bindings initialise at the first array; if two threads got there at once, they would deadlock.
            openvino.Type.f32.to_dtype()
        self._core = openvino.Core()
        self._model = self._core.read_model(content)
        self._settings = {
            "INFERENCE_PRECISION_HINT": precision,
            "NUM_STREAMS": streams,  # more callers than this would wait for each other
            "INFERENCE_NUM_THREADS": threads,
        }
        self._compiled: dict[tuple[int, ...], Any] = {}
        self._lock = threading.Lock()
        self._requests: weakref.WeakKeyDictionary[threading.Thread, dict[tuple[int, ...], Any]] = (
            weakref.WeakKeyDictionary()  # one request per thread
        )
        _OPENED.add(self)

    def run(self, inputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return all outputs, copied."""
        requests = self._requests.setdefault(threading.current_thread(), {})
        if inputs.shape not in requests:
            requests[inputs.shape] = self._compile(inputs.shape).create_infer_request()
        results = requests[inputs.shape].infer([inputs], share_inputs=True)
        return [np.array(result) for result in results.values()]

    @staticmethod
    def errors() -> tuple[type[Exception], ...]:
        """Return the engine's own exceptions; OpenVINO raises built-in ones."""
        return ()

    def inherited(self) -> list[object]:
        """Return what a forked child must not destroy."""
        requests = [request for own in self._requests.values() for request in own.values()]
        return [self._core, *self._compiled.values(), *requests]

    def _compile(self, shape: tuple[int, ...]) -> Any:
        with self._lock:
            if shape not in self._compiled:
                model = self._model.clone()
                model.reshape(list(shape))
                self._compiled[shape] = self._core.compile_model(model, "CPU", self._settings)
            return self._compiled[shape]


class ONNXRuntimeSession:
    """A network on ONNX Runtime; it runs on the GPU if the CUDA build is installed.

    The parameters are those of `OpenVINOSession`.
    """

    def __init__(self, content: bytes, threads: int, streams: int, precision: str) -> None:
        onnxruntime = load_onnxruntime()
        if precision == "bf16":
            raise WeightsError("ONNX Runtime does not support bf16 on CPUs. Use engine='openvino', or f32")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = max(1, threads // streams)
        # Threads that spin while waiting would take the processor from the other network and all other work.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
        providers = [name for name in wanted if name in onnxruntime.get_available_providers()]
        self._session = onnxruntime.InferenceSession(content, options, providers=providers)
        self._input = self._session.get_inputs()[0].name
        _OPENED.add(self)

    def run(self, inputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return all outputs."""
        return list(self._session.run(None, {self._input: inputs}))

    def inherited(self) -> list[object]:
        """Return what a forked child must not destroy."""
        return [self._session]

    @staticmethod
    def errors() -> tuple[type[Exception], ...]:
        """Return the engine's own exceptions, which have no common base class."""
        state = load_onnxruntime().capi.onnxruntime_pybind11_state
        return tuple(one for one in vars(state).values() if isinstance(one, type) and issubclass(one, Exception))


_ADAPTERS: dict[str, type[OpenVINOSession] | type[ONNXRuntimeSession]] = {
    "openvino": OpenVINOSession,
    "onnxruntime": ONNXRuntimeSession,
}


def open_session(
    card: Card, engine: Engine = "auto", precision: Precision = "f32", threads: int | None = None, streams: int = 1
) -> Session:
    """Verify a network's checksum and open it.

    Parameters
    ----------
    card : Card
    engine : {"auto", "openvino", "onnxruntime"}
        See `Engine`.
    precision : {"f32", "bf16", "int8"}
        See `Precision`.
    threads : int, optional
        Processor threads to use; by default, as many as this process may use.
    streams : int
        Number of parallel callers, each with its share of the threads.

    Raises
    ------
    WeightsError
        When the file is missing, was modified, isn't a network, or refers to other files; when the engine doesn't
        support the precision.
    MissingPackageError
        When the engine is not installed.
    ValueError
        For an unknown engine or precision.
    """
    if engine not in get_args(Engine):
        raise ValueError(f"engine must be one of {', '.join(get_args(Engine))}, not {engine!r}")
    if precision not in get_args(Precision):
        raise ValueError(f"precision must be one of {', '.join(get_args(Precision))}, not {precision!r}")
    chosen = choose_engine(engine, precision)
    require(chosen, purpose=f"The engine {chosen}", extra="openvino" if chosen == "openvino" else None)
    file, sha256 = card.network(precision)
    if file.suffix != ".onnx":
        raise WeightsError(f"{file} can't be opened here: the engines read ONNX. Run lungct export --format onnx")
    computed = "f32" if precision == "int8" else precision  # precision of the layers that are not quantised
    content = read_verified(file, sha256)
    if card.folder != SHIPPED:
        check_alone(content, str(file))
    adapter = _ADAPTERS[chosen]
    own_errors: tuple[type[Exception], ...] = (RuntimeError, ValueError, *adapter.errors())
    try:
        return adapter(content, threads or available_threads(), streams, computed)
    except WeightsError:
        raise
    except own_errors as error:
        reason = " ".join(str(error).split())[:300]
        raise WeightsError(f"{file} can't be opened by {chosen} ({reason}). Export the network again") from error


def choose_engine(engine: Engine, precision: Precision = "f32") -> Engine:
    """Return the engine that ``auto`` means for a precision; return others unchanged."""
    if engine != "auto":
        return engine
    return "openvino" if precision == "bf16" else "onnxruntime"
