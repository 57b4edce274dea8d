"""Join a Ray cluster while a batch runs, or start one on this machine."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...common.optional import require
from ...common.threads import available_threads
from ..batch.locks import StoreError


@contextmanager
def joined(address: str, threads: int | None = None) -> Iterator[int]:
    """Join a cluster and leave it afterwards; a program that is already connected stays connected.

    Parameters
    ----------
    address : str
        "local" for a temporary cluster on this machine; "auto" for the cluster that this machine belongs to; or its
        address: ``host:6379``, ``ray://host:10001``.
    threads : int, optional
        Processor threads of a local cluster; by default, as many as this process may use.

    Yields
    ------
    int
        The number of processors in the cluster, at least 1.

    Raises
    ------
    StoreError
        When there is no cluster at the address.
    MissingPackageError
        When Ray is not installed.
    """
    ray = require_ray()
    if ray.is_initialized():
        with _quiet():
            yield processors()
        return
    with _quiet():
        try:
            with _same_handler():
                _start(ray, address, threads)
            yield processors()
        finally:
            ray.shutdown()


def require_ray() -> Any:
    """Import Ray.

    Raises
    ------
    MissingPackageError
        When it is missing; names the command that installs it.
    """
    require("ray", "pyarrow", purpose="Work on a cluster", extra="ray")
    import ray
    import ray.data

    return ray


def _start(ray: Any, address: str, threads: int | None) -> None:
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    level = os.environ.get("RAY_BACKEND_LOG_LEVEL")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # otherwise it warns about every restarted actor
    try:
        if address == "local":
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no usage reports from machines with patient data
            ray.init("local", num_cpus=threads or available_threads(), include_dashboard=False, **quiet)
        else:
            _knock(address)
            ray.init(address, **quiet)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        raise StoreError(
            f"can't use a Ray cluster at {address!r} ({' '.join(str(error).split())}). "
            "Start one (ray start --head), or use --ray local"
        ) from error
    finally:
        if level is None:
            del os.environ["RAY_BACKEND_LOG_LEVEL"]


def _knock(address: str) -> None:
    """Raise an OSError if nothing listens at an address with a port, because Ray would wait for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def processors() -> int:
    """Return the current number of processors in this program's cluster, at least 1; start Ray if needed."""
    import ray

    if not ray.is_initialized():
        ray.init()
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Ray Data's plans and progress bars: errors are raised, and we show progress ourselves."""
    import ray.data

    context = ray.data.DataContext.get_current()
    logger = logging.getLogger("ray.data")
    before = context.enable_progress_bars, logger.level
    context.enable_progress_bars = False
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        context.enable_progress_bars = before[0]
        logger.setLevel(before[1])


@contextmanager
def _same_handler() -> Iterator[None]:
    """Restore the SIGTERM handler, which Ray replaces when it starts, so that a batch can end with its own message."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)
