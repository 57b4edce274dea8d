"""Write files atomically: to a temporary name, synchronised to disk, then renamed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path, ending: str = ".part") -> Iterator[Path]:
    """Yield a temporary path to write to; on success, rename it to `path`.

    A process that dies in between leaves a hidden file, which the next one overwrites, but never a partial file under
    the final name.

    Parameters
    ----------
    path : Path
    ending : str
        End of the temporary file's name, for writers that require a suffix.
    """
    aside = path.with_name(f".{path.name}{ending}")
    try:
        yield aside
        _rename(aside, path)
        synchronise(path.parent)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def whole_files(folder: Path, work: Path) -> Iterator[Path]:
    """Yield an empty folder to write files to; on success, move the files to `folder`.

    Parameters
    ----------
    folder : Path
        Created if missing.
    work : Path
        Where the temporary folder is made; must be on the same disk.
    """
    aside = Path(tempfile.mkdtemp(dir=work))
    try:
        yield aside
        written = sorted(aside.iterdir())
        if written:
            folder.mkdir(parents=True, exist_ok=True)
        for path in written:
            _rename(path, folder / path.name)
        if written:
            synchronise(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def synchronise(path: Path) -> None:
    """Flush a file, or a folder's directory entries, to disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _rename(written: Path, path: Path) -> None:
    synchronise(written)
    written.replace(path)
