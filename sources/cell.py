"""Cells: separate processes in which native decoders handle untrusted bytes.

A malicious file can make a decoder of compressed pixels crash, hang, or ask for any amount of memory. A cell has no
environment and can't write files, and its memory and processor time are limited, so such a file harms only itself. A
cell starts with the first file that needs it, serves one file after another, and ends with this process; a cell that
died is replaced.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..common.forks import in_children
from ..common.threads import available_threads
from .errors import DECODER_ERRORS, InstallationError

SECONDS = 60
"""Longest time that one request may take."""

SPARE_BYTES = 256 * 1024 * 1024
"""Memory that a cell may use beyond the file's bytes and the result; its libraries are loaded beforehand."""

MOST_CELLS = 4

LENGTHS = struct.Struct("<qq")
"""Header of a request: length of the request (JSON) and of the file; -1 means the same file as before."""

ANSWER = struct.Struct("<?qq")
"""Header of a reply: success or not, length of type and shape (JSON) or of the reason, length of the values."""

READY = b"ready"

PRELOADED = ("pydicom.pixels", "tifffile")
"""Modules to load before the first memory limit is set."""

NEEDED = ("lungct", "numpy", "pydicom", "tifffile")
"""Packages that a cell must be able to import, wherever they are installed."""

Ask = Callable[..., NDArray[Any]]


class CellError(InstallationError):
    """The decoder process can't be started: the installation is at fault, not the file."""


class Cells:
    """A pool of cells. Each serves one file at a time, for as long as that file is being read."""

    def __init__(self) -> None:
        self._reset()
        in_children(self._reset)  # a forked child would share the pipes

    def _reset(self) -> None:
        self._inherited = getattr(self, "_free", [])  # kept referenced: closing these pipes in a child could hang
        self._free: list[_Cell] = []
        self._places = threading.Semaphore(min(available_threads(), MOST_CELLS))

    @contextmanager
    def holding(self, function: str, content: bytes, expected: int) -> Iterator[Ask]:
        """Hand a file to a cell, and yield a function that sends requests about it.

        Parameters
        ----------
        function : str
            ``module:name`` of the function that the cell calls, with the file's bytes and the request's keywords; it
            returns an array. If it raises a decoder error, the caller gets a RuntimeError.
        content : bytes
            The whole file.
        expected : int
            Bytes that one result should take; a small multiple of that is allowed.

        Yields
        ------
        callable
            Takes a request as keywords of JSON types and returns an array; raises RuntimeError when the decoder
            fails, dies, or takes too long.

        Raises
        ------
        CellError
            When the process can't be started.
        """
        with self._places:
            cell = self._free.pop() if self._free else _Cell()
            first = True

            def ask(**question: Any) -> NDArray[Any]:
                nonlocal cell, first
                if not cell.is_alive:
                    cell, first = _Cell(), True
                sent, first = first, False
                return cell.ask({**question, "by": function, "expected": expected}, content if sent else None)

            try:
                yield ask
            finally:
                if cell.is_alive:
                    self._free.append(cell)


class _Cell:
    """One decoder process."""

    def __init__(self) -> None:
        code = f"import sys; sys.path += {_places()!r}; from lungct.sources.cell import serve; serve()"
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-I", "-c", code],  # isolated: the caller's folder can't shadow a module
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # decoders report every flaw they ignore
            env={name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ},  # Windows needs it
            start_new_session=True,  # Ctrl-C goes to the program, which ends its cells
        )
        self.is_alive = True
        if self._talk(lambda _, answers: _read(answers, len(READY))) != READY:
            self.stop()
            raise CellError(
                "the process that decodes compressed pixels does not start. Reinstall lungct, or check that "
                f"{sys.executable} runs on its own"
            )

    def ask(self, question: dict[str, Any], content: bytes | None) -> NDArray[Any]:
        """Send a request about a file, or about the file of the last request, and return the result."""
        words = json.dumps(question).encode()
        head = LENGTHS.pack(len(words), -1 if content is None else len(content))

        def exchange(questions: IO[bytes], answers: IO[bytes]) -> tuple[bool, bytes, bytes]:
            questions.write(head + words)
            questions.write(content or b"")
            questions.flush()
            went_well, form, values = ANSWER.unpack(_read(answers, ANSWER.size))
            return went_well, _read(answers, form), _read(answers, values)

        answer = self._talk(exchange)
        if answer is None:
            raise RuntimeError("the decoder crashed on it or took too long")
        went_well, said, values = answer
        if not went_well:
            raise RuntimeError(said.decode("utf-8", "replace"))
        kind, shape = json.loads(said)
        return np.frombuffer(values, dtype=kind).reshape(shape)

    def _talk(self, exchange: Callable[[IO[bytes], IO[bytes]], Any]) -> Any:
        """Return the result of an exchange; None when the process dies or takes too long."""
        process = self._process
        if process.stdin is None or process.stdout is None:
            return None
        watch = threading.Timer(SECONDS, process.kill)
        watch.start()
        try:
            return exchange(process.stdin, process.stdout)
        except (OSError, EOFError):
            self.stop()
            return None
        except BaseException:  # a reply left in the pipe would be taken for the next one
            self.stop()
            raise
        finally:
            watch.cancel()

    def stop(self) -> None:
        """End the process."""
        self.is_alive = False
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # closing flushes what was not sent yet, and nobody reads it any more
                    pipe.close()


CELLS = Cells()


def _places() -> list[str]:
    """Return the folders that hold the needed packages; a cell searches them last."""
    found = []
    for name in NEEDED:
        spec = find_spec(name)
        places = list(spec.submodule_search_locations or ()) if spec else []
        found += [str(Path(place).parent) for place in places[:1]]
    return list(dict.fromkeys(found))


def _read(stream: IO[bytes], count: int) -> bytes:
    found = stream.read(count)
    if len(found) < count:
        raise EOFError
    return found


def serve() -> None:
    """Serve requests from standard input until it ends. This is the main function of a cell."""
    for module in PRELOADED:
        import_module(module)
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a decoder that prints must not corrupt the reply
    answers.write(READY)
    answers.flush()
    content = b""
    while head := questions.read(LENGTHS.size):
        words, length = LENGTHS.unpack(head)
        question = json.loads(questions.read(words))
        content = questions.read(length) if length >= 0 else content
        _limit(len(content), question.pop("expected"))
        try:
            module, _, name = question.pop("by").partition(":")
            found = np.ascontiguousarray(getattr(import_module(module), name)(content, **question))
            form = json.dumps([found.dtype.str, found.shape]).encode()
            _send(answers, True, form, found.reshape(-1).view(np.uint8).data)
        except DECODER_ERRORS as error:  # any other error ends this process, and the file is refused too
            _send(answers, False, f"{type(error).__name__}: {error}".encode())


def _send(answers: IO[bytes], went_well: bool, words: bytes, values: bytes | memoryview = b"") -> None:
    answers.write(ANSWER.pack(went_well, len(words), len(values)) + words)
    answers.write(values)
    answers.flush()


def _limit(held: int, expected: int) -> None:
    """Limit memory and processor time for one request, where the system allows it."""
    try:
        import resource
    except ModuleNotFoundError:  # not on Windows
        return
    own = Path("/proc/self/statm")
    used = int(own.read_text().split()[0]) * resource.getpagesize() if own.exists() else 0
    spent = resource.getrusage(resource.RUSAGE_SELF)
    for kind, soft in (
        (resource.RLIMIT_AS, used + SPARE_BYTES + 2 * held + 8 * expected),
        (resource.RLIMIT_CPU, int(spent.ru_utime + spent.ru_stime) + SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
