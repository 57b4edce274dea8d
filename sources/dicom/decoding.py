"""Compressed DICOM pixels decoded in a process of their own, because decoders crash on damaged files.

The process starts with the first compressed slice, serves one request after another, and ends with this one. When it
dies or hangs, the file is refused, and the next one gets a new process.
"""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import threading
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ..errors import DECODER_ERRORS

SECONDS = 60
"""Longest time for one slice."""

REQUEST = struct.Struct("<qq")
"""Frame, and bytes of the file that follow."""

ANSWER = struct.Struct("<?q")
"""Whether it went well, and bytes that follow: an NPY file, or the reason."""

_lock = threading.Lock()
_process: subprocess.Popen[bytes] | None = None


def decode_apart(content: bytes, index: int) -> NDArray[np.generic]:
    """Decode one frame of a compressed DICOM file.

    Parameters
    ----------
    content : bytes
        The whole file.
    index : int
        Frame, from 0.

    Returns
    -------
    ndarray, shape (rows, columns)

    Raises
    ------
    RuntimeError
        When the decoder fails, dies or takes too long.
    """
    global _process
    with _lock:
        if _process is None or _process.poll() is not None:
            _process = subprocess.Popen(
                # -P: files beside the scans must not pass for modules
                [sys.executable, "-P", "-c", "from lungct.sources.dicom.decoding import serve; serve()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # decoders talk about every flaw they pass over
            )
        watch = threading.Timer(SECONDS, _process.kill)
        watch.start()
        try:
            went_well, answer = _ask(_process, content, index)
        except (OSError, EOFError) as error:
            _stop()
            raise RuntimeError("the decoder crashed on it or took too long") from error
        except BaseException:  # an answer left in the pipe would be taken for the next question's
            _stop()
            raise
        finally:
            watch.cancel()
    if not went_well:
        raise RuntimeError(answer.decode("utf-8", "replace"))
    return np.asarray(np.load(io.BytesIO(answer), allow_pickle=False))


def _stop() -> None:
    global _process
    if _process is not None:
        _process.kill()
        _process.wait()
        _process = None


def _ask(process: subprocess.Popen[bytes], content: bytes, index: int) -> tuple[bool, bytes]:
    if process.stdin is None or process.stdout is None:
        raise EOFError
    process.stdin.write(REQUEST.pack(index, len(content)) + content)
    process.stdin.flush()
    went_well, length = ANSWER.unpack(_read(process.stdout, ANSWER.size))
    return went_well, _read(process.stdout, length)


def _read(stream: IO[bytes], count: int) -> bytes:
    found = stream.read(count)
    if len(found) < count:
        raise EOFError
    return found


def serve() -> None:
    """Answer requests from standard input until it ends: what the other process runs."""
    from pydicom.pixels.utils import pixel_array

    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a decoder that prints must not spoil the answer
    while head := questions.read(REQUEST.size):
        index, length = REQUEST.unpack(head)
        content = questions.read(length)
        try:
            packed = io.BytesIO()
            np.save(packed, np.asarray(pixel_array(io.BytesIO(content), index=index)), allow_pickle=False)
            went_well, answer = True, packed.getvalue()
        except DECODER_ERRORS as error:  # what else there is ends this process: the file is refused all the same
            went_well, answer = False, f"{type(error).__name__}: {error}".encode()
        answers.write(ANSWER.pack(went_well, len(answer)) + answer)
        answers.flush()
