"""A cell: a process of its own in which native decoders meet the bytes of strangers.

Decoders of compressed pixels crash, hang, or ask for any amount of memory when a file is made for it. A cell has no
environment, no files to write, and bounds on memory and processor time, so that costs one file. It starts with the
first file that needs it, serves one after another, and ends with this process; one that died is replaced.
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
from .errors import DECODER_ERRORS

SECONDS = 60
"""Longest time for one question."""

SPARE_BYTES = 256 * 1024 * 1024
"""What a cell may take beside the bytes of the file and what it is asked for: its libraries are loaded before."""

MOST_CELLS = 4

LENGTHS = struct.Struct("<qq")
"""Bytes of the question, JSON, and of the file; -1: the file of the question before."""

ANSWER = struct.Struct("<?qq")
"""Whether it went well, and bytes that follow: of type and shape, JSON, or of the reason; and of the values."""

READY = b"ready"

PRELOADED = ("pydicom.pixels", "tifffile")
"""Loaded before the first limit on memory is set."""

NEEDED = ("lungct", "numpy", "pydicom", "tifffile")
"""Packages that a cell must find, wherever they are installed."""

Ask = Callable[..., NDArray[Any]]


class CellError(Exception):
    """The decoders' process can't be started here: a fault of the installation, not of a file."""


class Cells:
    """Cells, each of which serves one file at a time for as long as it is read."""

    def __init__(self) -> None:
        self._reset()
        in_children(self._reset)  # which share the pipes

    def _reset(self) -> None:
        self._inherited = getattr(self, "_free", [])  # closing these pipes in a forked child could wait for good
        self._free: list[_Cell] = []
        self._places = threading.Semaphore(min(available_threads(), MOST_CELLS))

    @contextmanager
    def holding(self, function: str, content: bytes, expected: int) -> Iterator[Ask]:
        """Hand a file to a cell, and yield what asks about it.

        Parameters
        ----------
        function : str
            ``module:name`` of what answers inside: called with the file's bytes and the question's keywords, it returns
            an array. What it raises, as far as it is an error of decoders, becomes a RuntimeError outside.
        content : bytes
            The whole file.
        expected : int
            Bytes that one answer should take: what is allowed beyond them is a small multiple.

        Yields
        ------
        callable
            From a question, keywords of JSON types, to an array; raises RuntimeError when the decoder fails, dies, or
            takes too long.

        Raises
        ------
        CellError
            When no process can be started.
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
    """One process."""

    def __init__(self) -> None:
        code = f"import sys; sys.path += {_places()!r}; from lungct.sources.cell import serve; serve()"
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-I", "-c", code],  # isolated: no folder of the caller's can pass for a module
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # decoders talk about every flaw they pass over
            env={name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ},  # Windows needs it
            start_new_session=True,  # Ctrl-C is for the program, which ends its cells
        )
        self.is_alive = True
        if self._talk(lambda _, answers: _read(answers, len(READY))) != READY:
            self.stop()
            raise CellError(
                "the process that decodes compressed pixels does not start. Reinstall lungct, or look whether "
                f"{sys.executable} runs by itself"
            )

    def ask(self, question: dict[str, Any], content: bytes | None) -> NDArray[Any]:
        """Return the answer to a question about a file, or about that of the question before."""
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
        """Return what an exchange brings; None when the process dies of it or of the time it takes."""
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
        except BaseException:  # an answer left in the pipe would be taken for the next question's
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
                with suppress(OSError):  # what was not sent yet can't be
                    pipe.close()


CELLS = Cells()


def _places() -> list[str]:
    """Return the folders that the packages needed are in; a cell looks there last."""
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
    """Answer questions from standard input until it ends: what runs in a cell."""
    for module in PRELOADED:
        import_module(module)
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a decoder that prints must not spoil the answer
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
        except DECODER_ERRORS as error:  # what else there is ends this process: the file is refused all the same
            _send(answers, False, f"{type(error).__name__}: {error}".encode())


def _send(answers: IO[bytes], went_well: bool, words: bytes, values: bytes | memoryview = b"") -> None:
    answers.write(ANSWER.pack(went_well, len(words), len(values)) + words)
    answers.write(values)
    answers.flush()


def _limit(held: int, expected: int) -> None:
    """Bound memory and processor time for one question, where the system can."""
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
