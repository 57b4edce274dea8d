"""Joining a Ray cluster for as long as a batch runs, or making one of this machine."""

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
    """Join a cluster and leave it afterwards; a program that is in one already stays there.

    Parameters
    ----------
    address : str
        "local" for a cluster made of this machine, which ends with this; "auto" for the one this machine belongs to;
        or where it is: ``host:6379``, ``ray://host:10001``.
    threads : int, optional
        Processor threads of a local cluster; by default as many as this process may use.

    Yields
    ------
    int
        The processors of the cluster, at least 1.

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
    """Return Ray.

    Raises
    ------
    MissingPackageError
    """
    require("ray", "pyarrow", purpose="Work on a cluster", extra="ray")
    import ray
    import ray.data

    return ray


def _start(ray: Any, address: str, threads: int | None) -> None:
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    level = os.environ.get("RAY_BACKEND_LOG_LEVEL")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # else it warns of every actor that may be restarted
    try:
        if address == "local":
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # patients' machines tell nobody what they do
            ray.init("local", num_cpus=threads or available_threads(), include_dashboard=False, **quiet)
        else:
            _knock(address)
            ray.init(address, **quiet)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        raise StoreError(
            f"no Ray cluster can be used at {address!r} ({' '.join(str(error).split())}). "
            "Start one (ray start --head), or let --ray local make one"
        ) from error
    finally:
        if level is None:
            del os.environ["RAY_BACKEND_LOG_LEVEL"]


def _knock(address: str) -> None:
    """Raise an OSError when nobody answers at an address with a port: Ray would wait for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def processors() -> int:
    """Return how many processors the cluster has now that this program is in, at least 1; Ray starts where needed."""
    import ray

    if not ray.is_initialized():
        ray.init()
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Ray Data from reporting its plans and bars: errors are raised, and progress is shown by us."""
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
    """Give SIGTERM back to who had it: Ray takes it when it starts, and a batch would not end in its own words."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)
