"""Receive uploads within limits, keep them in memory, and read them as scans."""

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
"""Bytes that a multipart body may have in addition to the file, for boundaries and headers."""

IDLE_SECONDS = 10.0
"""Seconds that a client may send nothing; meanwhile it occupies a place."""

MEMORY = Path("/dev/shm")  # noqa: S108
"""Linux's folder for files in memory."""

PREFIX, LOCK = "lungct-serve-", "lock"


async def receive_upload(request: Request, place: Place, settings: ServiceSettings) -> bytes:
    """Receive the content of the multipart field ``file`` in memory.

    Raises
    ------
    ServiceFault
        413 as soon as it is known to be too large, 429 if there is no memory for it, 408 if the upload stops, 415 and
        400 for other or damaged forms.
    """
    limit = settings.upload_bytes + FRAME_BYTES
    too_large = ServiceFault(413, f"the upload is larger than {settings.max_upload} MB. Send less, or a ZIP archive.")
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
    parser.spool_max_size = limit  # so that the upload is never spooled to disk
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
    """Yield chunks as long as they keep arriving."""
    while True:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise ServiceFault(
                408, f"no data arrived for {IDLE_SECONDS:g} s. Send the whole upload.", headers={"Connection": "close"}
            ) from None
        yield chunk


class UploadFolder:
    """A private folder for uploads while they are read, in memory if there is enough room.

    Files left by services that were killed are removed.

    Parameters
    ----------
    room : int
        Most bytes of all uploads together.
    """

    def __init__(self, room: int) -> None:
        on_disk = Path(tempfile.gettempdir())
        for base in (MEMORY, on_disk):  # first free the room taken by killed services
            _sweep(base)
        in_memory = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 2 * room
        base = MEMORY if in_memory else on_disk
        free = shutil.disk_usage(base).free
        if free < room:
            log.warning(
                "%s has room for %d MB, but uploads may take %d MB: make room, or lower --max-upload or --workers",
                base,
                free // MEGABYTE,
                room // MEGABYTE,
            )
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))  # mode 0700
        self._lock = filelock.FileLock(self.path / LOCK)
        self._lock.acquire()

    @contextmanager
    def holding(self, content: bytes) -> Iterator[Path]:
        """Write an upload to a separate file, named by its format, never by the client's file name.

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
                del content  # don't keep it in memory twice
                yield path
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise ServiceFault(
                503, "there is no room for this upload. Try again, or send less.", "no-room", {"Retry-After": "5"}
            ) from error

    def remove(self) -> None:
        """Remove the folder and its contents."""
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)


def _sweep(base: Path) -> None:
    """Remove the folders of services that have ended, and so released their locks."""
    for lock in base.glob(f"{PREFIX}*/{LOCK}"):
        try:
            with filelock.FileLock(lock, timeout=0):
                shutil.rmtree(lock.parent, ignore_errors=True)
        except (filelock.Timeout, PermissionError):  # in use, or another user's
            continue


def read_upload(path: Path, limits: UploadLimits, intensity: Intensity | None, modality: Modality) -> Scan:
    """Read an upload as a scan, without its temporary path.

    Raises
    ------
    ServiceFault
        422, with the reason, when it can't be read or is of another modality than the service's.
    """
    try:
        _check_unpacked(path, limits)
        scan = read_scan(path, intensity=intensity, limits=limits)
        scan.check_is(modality)
        limits.check_shape(str(path), scan.shape)  # the axes are only known after reading a volume
    except SourceError as error:
        raise ServiceFault(422, public_message(error, path.parent)) from error
    return replace(scan, source="upload")


def _check_unpacked(path: Path, limits: UploadLimits) -> None:
    """Refuse an archive that claims to unpack to more than a scan needs; members never unpack to more than claimed."""
    if path.suffix != ".zip":
        return
    with explained(str(path), *DAMAGED_ARCHIVE), opened_archive(path, limits) as archive:
        size = sum(info.file_size for info in archive.infolist())
    if size > limits.max_unpacked_bytes:
        raise SourceError(
            str(path),
            f"unpacks to {size // MEGABYTE} MB, more than the limit of {limits.max_unpacked_bytes // MEGABYTE} MB",
            "Send a single series, without the rest of the study",
        )
