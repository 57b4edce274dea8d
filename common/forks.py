"""Forked children: what must be new there, because another thread of the parent may have held it."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable


def in_children(renew: Callable[[], None]) -> None:
    """Call a function in every child that is forked from now on; where the system has no forks, never."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=renew)


def leave_alone(*things: object) -> None:
    """Keep things from ever being destroyed: what a forked child inherits of an engine waits for threads it lacks."""
    for thing in things:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


class ForkSafeLock:
    """A lock that a forked child finds open; for modules, as it stays for good."""

    def __init__(self) -> None:
        self._renew()
        in_children(self._renew)

    def _renew(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
