"""Process one input in a separate process, because it may have crashed the process of an earlier run."""

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
"""Takes an input and a folder for unfinished files, and returns the input's rows. Called from several threads, and
pickled for another process. An unreadable input gives a row with an error; an exception stops the job."""


def work_alone(work: Work, item: Item, folder: Path) -> Sequence[Row]:
    """Process an input in a separate process and return its rows; if the process dies, return a row with an error.

    Parameters
    ----------
    work : callable
    item : Item
    folder : Path
        Folder for unfinished files.

    Raises
    ------
    OSError, WeightsError
        When results can't be written or networks can't be opened, the same as if `work` were called directly.
    """
    code = f"import sys; sys.path[:] = {sys.path!r}; from lungct.pipeline.batch.alone import main; main()"
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        answer = _exchange(process, pickle.dumps((work, item, folder)))
    finally:
        _end(process)
    if answer and process.returncode == 0:  # if it died while replying, the answer is incomplete
        rows, error = pickle.loads(answer)  # noqa: S301 - packed by our own process
        if error is not None:
            raise error
        return list(rows)
    ended = process.returncode
    how = f"signal {-ended}" if ended < 0 else f"exit code {ended}"
    reason = SourceError(item.name, f"crashed its process ({how})", "Leave it out, or run lungct info on it")
    return [{**item.extra, "source": item.name, "error": str(reason)}]


def _exchange(process: subprocess.Popen[bytes], packed: bytes) -> bytes:
    """Send the task and return the answer; the pipe stays open, so that the process ends when this one does."""
    if process.stdin is None or process.stdout is None:
        return b""
    try:
        process.stdin.write(len(packed).to_bytes(8, "little") + packed)
        process.stdin.flush()
    except BrokenPipeError:  # the process has already died
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
    """Do the work described on standard input and write the pickled rows. Main function of the other process."""
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # so that libraries that print don't corrupt the answer
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
    except (OSError, WeightsError) as error:  # such as a full disk: raised again in the parent
        failure = error
    answers.write(pickle.dumps((rows, failure)))
    answers.flush()
    os._exit(0)  # don't wait for threads of engines and readers
