"""Limit retries of inputs that crash their process, which would otherwise stop the whole batch."""

from __future__ import annotations

import getpass
import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TRIES = 3
"""How often an input is tried. Ray itself retries the work of a dead process without limit."""


@contextmanager
def attempt(task: str, what: bytes, folder: Path | None = None) -> Iterator[bool]:
    """Count an attempt at an input; the count is cleared when the context ends, even by an exception.

    The count must outlive the process, so it is in a file on this machine, where Ray usually retries a task; on
    another machine, counting starts again.

    Parameters
    ----------
    task : str
        ID of the Ray task, which stays the same in retries.
    what : bytes
        Identifies the input within the task.
    folder : Path, optional
        By default, the folder for temporary files.

    Yields
    ------
    bool
        Whether to try: False if `TRIES` attempts have failed.
    """
    count = (folder or _own_folder()) / f"lungct-{task}-{hashlib.sha256(what).hexdigest()[:16]}"
    begun = int(count.read_bytes() or b"0") if count.exists() else 0
    count.write_bytes(str(begun + 1).encode())
    try:
        yield begun < TRIES
    finally:
        count.unlink(missing_ok=True)


def _own_folder() -> Path:
    """Return a private folder for temporary files, so that no other user can tamper with them."""
    folder = Path(tempfile.gettempdir()) / f"lungct-attempts-{getpass.getuser()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
