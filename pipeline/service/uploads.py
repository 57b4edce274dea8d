"""Uploads: received within limits, kept in memory, and read as scans."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import filelock
from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from ...common.modality import Modality
from ...sources import Intensity, Scan, SourceError, read_scan
from ...sources.errors import explained
from ...sources.files import DAMAGED_ARCHIVE, opened_archive
from ...sources.formats import HEAD_BYTES, format_of
from .errors import ServiceFault, public_message
from .logs import log
from .queue import Place
from .settings import MEGABYTE, ServiceSettings, UploadLimits

FRAME_BYTES = 64 * 1024
"""What a multipart body may hold beside the file: boundaries and headers."""

IDLE_SECONDS = 10.0
"""So long a sender may send nothing: until then its place is taken from others."""

MEMORY = Path("/dev/shm")  # noqa: S108
"""Where Linux keeps files in memory."""

PREFIX, LOCK = "lungct-serve-", "lock"


async def receive_upload(request: Request, place: Place, settings: ServiceSettings) -> bytes:
    """Return the content of the multipart field ``file``; it stays in memory.

    Raises
    ------
    ServiceFault
        413 as soon as it is known to be too large, 429 without memory for it, 408 when nothing comes any more, 415 and
        400 for what is no such form.
    """
    limit = settings.upload_bytes + FRAME_BYTES
    too_large = ServiceFault(413, f"the upload is larger than {settings.max_upload} MB. Send less, a ZIP for instance.")
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise ServiceFault(415, "send the scan as multipart/form-data, in a field named file.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large

    async def counted() -> AsyncGenerator[bytes, None]:
        taken = 0
        async for chunk in _steadily(request.stream()):
            taken += len(chunk)
            if taken > limit:
                raise too_large
            place.hold(len(chunk))
            yield chunk

    parser = MultiPartParser(request.headers, counted(), max_files=1, max_fields=4, max_part_size=1024)
    parser.spool_max_size = limit  # beyond it the upload would go to disk
    try:
        form = await parser.parse()
    except (MultiPartException, LookupError, UnicodeError) as error:  # LookupError: without a boundary
        raise ServiceFault(400, "the form is damaged. Send one file as multipart/form-data.") from error
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise ServiceFault(400, "the form has no file in a field named file.", "no-file")
        return await file.read()
    finally:
        await form.close()


async def _steadily(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Pass chunks on for as long as they keep coming."""
    while True:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise ServiceFault(
                408, f"nothing came for {IDLE_SECONDS:g} s. Send the whole upload.", headers={"Connection": "close"}
            ) from None
        yield chunk


class UploadFolder:
    """A private folder for uploads while they are read, in memory where the system has room there for them.

    What earlier services left that were killed is removed.

    Parameters
    ----------
    room : int
        Bytes that uploads take at most.
    """

    def __init__(self, room: int) -> None:
        on_disk = Path(tempfile.gettempdir())
        for base in (MEMORY, on_disk):  # what the dead left takes room: first of all
            _sweep(base)
        in_memory = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 2 * room
        base = MEMORY if in_memory else on_disk
        free = shutil.disk_usage(base).free
        if free < room:
            log.warning(
                "%s has room for %d MB, uploads may take %d MB: make room, or lower --max-upload or --workers",
                base,
                free // MEGABYTE,
                room // MEGABYTE,
            )
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))  # mode 0700
        self._lock = filelock.FileLock(self.path / LOCK)
        self._lock.acquire()

    @contextmanager
    def holding(self, content: bytes) -> Iterator[Path]:
        """Write an upload to a file of its own, named by what it holds and never as its sender named it.

        Raises
        ------
        ServiceFault
            503 when the folder is full.
        """
        found = format_of(content[:HEAD_BYTES])
        try:
            with tempfile.TemporaryDirectory(dir=self.path) as folder:
                path = Path(folder) / f"upload{found.suffixes[0] if found else ''}"
                path.write_bytes(content)
                del content  # once in memory is enough
                yield path
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise ServiceFault(
                503, "there is no room for this upload. Try again, or send less.", "no-room", {"Retry-After": "5"}
            ) from error

    def remove(self) -> None:
        """Remove the folder and what is in it."""
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)


def _sweep(base: Path) -> None:
    """Remove the folders of services that run no more: their locks ended with them."""
    for lock in base.glob(f"{PREFIX}*/{LOCK}"):
        try:
            with filelock.FileLock(lock, timeout=0):
                shutil.rmtree(lock.parent, ignore_errors=True)
        except (filelock.Timeout, PermissionError):  # in use, or somebody else's
            continue


def read_upload(path: Path, limits: UploadLimits, intensity: Intensity | None, modality: Modality) -> Scan:
    """Read an upload as a scan that says nothing of where it lay.

    Raises
    ------
    ServiceFault
        422 when it can't be read, or is of another modality than the service judges, with the reason.
    """
    try:
        _check_unpacked(path, limits)
        scan = read_scan(path, intensity=intensity, limits=limits)
        scan.check_is(modality)
        limits.check_shape(str(path), scan.shape)  # a volume's header doesn't say which axis is which
    except SourceError as error:
        raise ServiceFault(422, public_message(error, path.parent)) from error
    return replace(scan, source="upload")


def _check_unpacked(path: Path, limits: UploadLimits) -> None:
    """Refuse an archive that says it unpacks to more than a scan takes; a member never unpacks to more than it says."""
    if path.suffix != ".zip":
        return
    with explained(str(path), *DAMAGED_ARCHIVE), opened_archive(path, limits) as archive:
        size = sum(info.file_size for info in archive.infolist())
    if size > limits.max_unpacked_bytes:
        raise SourceError(
            str(path),
            f"unpacks to {size // MEGABYTE} MB, more than {limits.max_unpacked_bytes // MEGABYTE}",
            "Send one series alone, without the rest of the study",
        )
