"""Reset state in forked children, where a lock may be a copy of one held by another thread of the parent."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable


def in_children(renew: Callable[[], None]) -> None:
    """Call a function in every child that is forked from now on; do nothing on systems without fork."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=renew)


def leave_alone(*things: object) -> None:
    """Prevent objects from being destroyed: in a forked child, an engine's destructor would wait for lost threads."""
    for thing in things:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


class ForkSafeLock:
    """A lock that is released in forked children. Use it for module globals only, as it is never freed."""

    def __init__(self) -> None:
        self._renew()
        in_children(self._renew)

    def _renew(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
