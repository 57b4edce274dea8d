"""Log as JSON lines, without untrusted text, and with a rate limit per kind of line."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

log = logging.getLogger("lungct.service")

OWN = ("lungct.service", "uvicorn")
"""Loggers whose messages never contain data from an upload."""

PLACES = 8
"""Most code locations in a line."""


class JsonLines(logging.Formatter):
    """Format a log record as one line of JSON, with an error's type and code locations but never its message.

    Messages of libraries that read files are left out too, because they quote headers.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        own = record.name.startswith(OWN)
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage() if own else record.name,
            **getattr(record, "facts", {}),
        }
        if not own:
            line["where"] = [f"{Path(record.pathname).name}:{record.lineno}"]
        if record.exc_info and record.exc_info[1]:
            error = record.exc_info[1]
            line["error"] = type(error).__name__
            line["where"] = places(traceback.extract_tb(error.__traceback__))
        if left_out := getattr(record, "left_out", 0):
            line["left_out"] = left_out
        return json.dumps(line)


def places(frames: Sequence[traceback.FrameSummary]) -> list[str]:
    """Return the last code locations of a traceback or stack."""
    return [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[-PLACES:]]


class OncePerSecond(logging.Filter):
    """Let one line per kind pass each second, with the number of lines left out before it.

    A record's ``kind`` identifies its kind; None lets it always pass. Without one, lines from the same code location
    with the same type of error are of one kind.

    Parameters
    ----------
    clock : callable
        Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock, self._lock = clock, threading.Lock()
        self._seen: dict[object, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record passes."""
        error = record.exc_info[0] if record.exc_info else None
        kind = getattr(record, "kind", (record.name, record.levelno, record.pathname, record.lineno, error))
        if kind is None:
            return True
        with self._lock:
            now = self._clock()
            last, left_out = self._seen.get(kind, (float("-inf"), 0))
            passes = now - last >= 1
            self._seen[kind] = (now, 0) if passes else (last, left_out + 1)
        record.left_out = left_out
        return passes


def log_as_json() -> None:
    """Send the service's log and libraries' warnings to standard error as JSON lines."""
    from nibabel import imageglobals

    imageglobals.logger.handlers.clear()  # nibabel's own handler writes text from headers
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    handler.addFilter(OncePerSecond())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(True)
    warnings.simplefilter("always", UserWarning)  # "default" would remember every text, and uploads cause new ones
    log.setLevel(logging.INFO)
