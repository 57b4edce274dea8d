"""Define `SourceError`, the only exception that reading a source may raise."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from ..common.text import printable

DECODER_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""Exceptions that decoding libraries raise for damaged files; tests/fuzz found each of them."""


class SourceError(ValueError):
    """An input that can't be read as a CT scan.

    Parameters
    ----------
    source : str
        The input: a path, or a description such as ``array (3, 4) float64``.
    problem : str
        What is wrong with it.
    remedy : str
        What the user can do about it.
    """

    def __init__(self, source: str, problem: str, remedy: str) -> None:
        super().__init__(source, problem, remedy)
        self.source = source
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return printable(f"{self.source}: {self.problem}. {self.remedy}.")


class NotCTError(SourceError):
    """An intact file that isn't a CT slice (or X-ray, if X-rays are wanted): a localizer, a report, a lateral view.

    A study folder often contains some.

    Parameters
    ----------
    source, problem, remedy : str
        As for `SourceError`.
    kind : str
        What the file is, in a word or two, for counts: ``RTSTRUCT``, ``localizer``.
    """

    def __init__(self, source: str, problem: str, remedy: str, kind: str = "other DICOM") -> None:
        super().__init__(source, problem, remedy)
        self.args = (source, problem, remedy, kind)
        self.kind = kind


class InstallationError(Exception):
    """A library that reading needs can't be imported: the installation or the folder is at fault, not the input."""


def _while_importing(error: BaseException) -> bool:
    """Tell whether an exception comes from the import of a module, not from a file's content."""
    trace, importing = error.__traceback__, isinstance(error, ImportError)
    while trace is not None and not importing:
        importing = trace.tb_frame.f_code.co_name == "<module>"  # only an import runs a module's own code
        trace = trace.tb_next
    return importing


@contextmanager
def explained(source: str, problem: str, remedy: str, own_errors: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn exceptions of a decoding library, `own_errors` included, into a `SourceError`; that one passes through.

    Raises
    ------
    SourceError
    InstallationError
        When a library can't be imported.
    """
    try:
        yield
    except SourceError:
        raise
    except DECODER_ERRORS + own_errors as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        if _while_importing(error):
            raise InstallationError(
                f"a library that reads such files can't be imported ({reason}). Check that no file or folder beside "
                "the script, or in the current folder, has the name of a Python module, and reinstall lungct"
            ) from error
        raise SourceError(source, f"{problem} ({reason})", remedy) from error
