"""Lock the shards of a results folder; a lock is released when its process ends, however it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ...common.optional import require

DOOR_SECONDS = 60.0
"""Longest wait for other processes that are just opening the same folder."""


class StoreError(Exception):
    """A results folder can't be used or resumed; the message says what to do."""


@contextmanager
def part_locked(home: Path) -> Iterator[None]:
    """Hold the lock on a shard.

    Parameters
    ----------
    home : Path
        The shard's folder, ``NAME-IofN``, in the same folder as those of other shards.

    Raises
    ------
    StoreError
        When another process holds it, or a shard of another total number, which would contain the same inputs.
    """
    with ExitStack() as own:
        with _locked(home.parent, DOOR_SECONDS):  # only one process at a time checks the others
            with ExitStack() as others:
                for other in _parts_in(home.parent):
                    if other.name.rpartition("of")[2] != home.name.rpartition("of")[2]:
                        others.enter_context(_locked(other))
            own.enter_context(_locked(home))
        yield


@contextmanager
def all_locked(place: Path) -> Iterator[None]:
    """Hold the locks on all shards.

    Parameters
    ----------
    place : Path
        The folder with the shards' folders; it may be missing.

    Raises
    ------
    StoreError
        When another process holds one.
    """
    with ExitStack() as locks:
        if place.is_dir():
            locks.enter_context(_locked(place, DOOR_SECONDS))
            for home in _parts_in(place):
                locks.enter_context(_locked(home))
        yield


def _parts_in(place: Path) -> list[Path]:
    return sorted(path for path in place.iterdir() if path.is_dir())


@contextmanager
def _locked(home: Path, seconds: float = 0.0) -> Iterator[None]:
    import filelock

    lock = filelock.FileLock(home / "lock")
    try:
        lock.acquire(timeout=seconds)
    except filelock.Timeout:
        raise StoreError(f"{home}: another process is writing there. Wait for it, or give another --out") from None
    try:
        yield
    finally:
        lock.release()


def require_batch_extra() -> None:
    """Refuse to start if a package needed for batches is missing.

    Raises
    ------
    MissingPackageError
        Names the command that installs it.
    """
    require("pyarrow", "fsspec", "filelock", "scipy", purpose="A batch", extra="batch")
