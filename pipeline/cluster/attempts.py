"""Inputs that take their process down, and with it the whole batch if they were tried for ever."""

from __future__ import annotations

import getpass
import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TRIES = 3
"""How often an input is begun. Ray itself repeats without end what a dead process had in hand."""


@contextmanager
def attempt(task: str, what: bytes, folder: Path | None = None) -> Iterator[bool]:
    """Begin an input; it counts as begun until this ends, by an exception too.

    The count must outlive the process. So it stands in a file of the machine, where Ray as a rule repeats a task; on
    another machine counting starts again.

    Parameters
    ----------
    task : str
        What Ray repeats under the same name.
    what : bytes
        Tells the input from the others of the task.
    folder : Path, optional
        By default that for temporary files.

    Yields
    ------
    bool
        Whether to try: False when it was begun `TRIES` times before.
    """
    count = (folder or _own_folder()) / f"lungct-{task}-{hashlib.sha256(what).hexdigest()[:16]}"
    begun = int(count.read_bytes() or b"0") if count.exists() else 0
    count.write_bytes(str(begun + 1).encode())
    try:
        yield begun < TRIES
    finally:
        count.unlink(missing_ok=True)


def _own_folder() -> Path:
    """Return a folder for temporary files in which nobody else can lay a trap."""
    folder = Path(tempfile.gettempdir()) / f"lungct-attempts-{getpass.getuser()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
