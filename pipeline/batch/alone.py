"""One input in a process of its own: for inputs that may have ended the process of an earlier run."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...sources import SourceError
from ...weights import WeightsError
from .journal import Row
from .listing import Item

Work = Callable[[Item, Path], Sequence[Row]]
"""From an input, and a folder for files that are not whole yet, to its rows. Called from several threads and, pickled,
in another process. What can't be read is a row with an error; what it raises stops the job."""


def work_alone(work: Work, item: Item, folder: Path) -> Sequence[Row]:
    """Return the rows of an input, worked on in a process of its own; if that dies, a row with an error.

    Parameters
    ----------
    work : callable
    item : Item
    folder : Path
        For files that are not whole yet.

    Raises
    ------
    OSError, WeightsError
        When results can't be written, or networks not be opened: as the work itself does here.
    """
    code = f"import sys; sys.path[:] = {sys.path!r}; from lungct.pipeline.batch.alone import main; main()"
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        answer = _exchange(process, pickle.dumps((work, item, folder)))
    finally:
        _end(process)
    if answer and process.returncode == 0:  # one that died while it answered left half an answer
        rows, error = pickle.loads(answer)  # noqa: S301 - packed by our own process
        if error is not None:
            raise error
        return list(rows)
    ended = process.returncode
    how = f"signal {-ended}" if ended < 0 else f"exit code {ended}"
    reason = SourceError(item.name, f"ended the process that worked on it ({how})", "Leave it out, or see lungct info")
    return [{**item.extra, "source": item.name, "error": str(reason)}]


def _exchange(process: subprocess.Popen[bytes], packed: bytes) -> bytes:
    """Send what to do and return the answer; the pipe stays open, so that the process ends when this one does."""
    if process.stdin is None or process.stdout is None:
        return b""
    try:
        process.stdin.write(len(packed).to_bytes(8, "little") + packed)
        process.stdin.flush()
    except BrokenPipeError:  # it is dead already
        return b""
    answer = process.stdout.read()
    process.wait()
    return answer


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and close its pipes."""
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
    if process.stdin is not None:
        with suppress(BrokenPipeError):  # it died before it had read all
            process.stdin.close()


def main() -> None:
    """Do the work that standard input describes and write its rows, pickled: what runs in the other process."""
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    size = int.from_bytes(questions.read(8), "little")
    work, item, folder = pickle.loads(questions.read(size))  # noqa: S301 - packed by `work_alone`

    def end_with_parent() -> None:
        questions.read()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    rows: list[dict[str, Any]] = []
    failure: Exception | None = None
    try:
        rows = [dict(row) for row in work(item, folder)]
    except (OSError, WeightsError) as error:  # a full disk, say: the parent stops as it would have
        failure = error
    answers.write(pickle.dumps((rows, failure)))
    answers.flush()
    os._exit(0)  # engines and readers may hold threads
