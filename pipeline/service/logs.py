"""The service's log: lines of JSON, without words from outside, and no more of one kind than somebody can read."""

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
"""Loggers whose words are known to hold nothing of an upload."""

PLACES = 8
"""Places in the code that a line names, at most."""


class JsonLines(logging.Formatter):
    """A log record as one line of JSON; of an error its kind and the places in the code, never its words.

    Nor those of libraries that read files: they quote headers.
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
    """Return the last places in the code of a traceback or a stack."""
    return [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[-PLACES:]]


class OncePerSecond(logging.Filter):
    """Lets one line of a kind pass in a second, with the number of those left out before it.

    A record's ``kind`` says which are alike; None lets it pass always. Without one, lines are alike that come from the
    same place in the code with the same kind of error.

    Parameters
    ----------
    clock : callable
        Seconds.
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
    """Send the service's log, and what libraries warn of, to standard error as lines of JSON."""
    from nibabel import imageglobals

    imageglobals.logger.handlers.clear()  # its own one writes what headers hold, as it stands
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    handler.addFilter(OncePerSecond())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(True)
    warnings.simplefilter("always", UserWarning)  # "default" keeps every text for good, and uploads bring new ones
    log.setLevel(logging.INFO)
