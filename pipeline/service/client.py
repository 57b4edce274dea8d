"""Define `Client`, which calls a remote service like a local pipeline, using only the standard library for HTTP."""

from __future__ import annotations

import http.client
import io
import json
import os
import ssl
import time
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from ...sources import Intensity, SourceError, read_scan
from ..prediction import Prediction
from .settings import check_token
from .wire import unpack

LONGEST_WAIT = 30.0
"""Most seconds to wait before asking a busy service again."""


class ServiceError(Exception):
    """The service could not be reached, or answered with an error.

    Parameters
    ----------
    message : str
        What is wrong and what to do about it.
    status : int or None
        HTTP status; None if the connection failed.
    code : str
        Machine-readable code, see docs/service.md; ``no-connection`` if the connection failed.
    request_id : str or None
        ID of the request in the service's log.
    """

    def __init__(
        self, message: str, status: int | None = None, code: str = "no-connection", request_id: str | None = None
    ):
        super().__init__(message)
        self.status, self.code, self.request_id = status, code, request_id


class Client:
    """Client for a service started with ``lungct serve``.

    Parameters
    ----------
    url : str
        Address of the service, such as ``http://127.0.0.1:8000``.
    token : str, optional
        The token that the service was started with.
    timeout : float
        Longest wait for an answer in seconds.
    retries : int
        How often to retry when the service is busy or starting (429, 503), after the time it asks for.

    Raises
    ------
    ValueError
        For a URL that is not http or https, and for a token that is empty, is surrounded by blanks, or is not ASCII.

    Examples
    --------
    >>> from lungct.pipeline.service.client import Client
    >>> pred = Client("http://127.0.0.1:8000").predict("examples/slices/covid19-ny-sbu-A002304.png")  # doctest: +SKIP
    """

    def __init__(self, url: str, token: str | None = None, timeout: float = 180.0, retries: int = 5) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not the address of a service: give one such as http://127.0.0.1:8000")
        if token is not None:
            check_token(token)
        self.url, self.timeout, self.retries = url.rstrip("/"), timeout, retries
        self._parts = parts
        self._headers = {"Authorization": f"Bearer {token}"} if token is not None else {}

    def predict(
        self, source: str | os.PathLike[str], *, intensity: Intensity | None = None, read: bool = True
    ) -> Prediction:
        """Predict one source on the service; the result equals that of `Pipeline.predict`.

        File names are not sent.

        Parameters
        ----------
        source : path
            A file that `read_scan` can read, or a folder or ZIP archive of one DICOM series.
        intensity : {"hu", "display"}, optional
            What the values mean, if you know.
        read : bool
            Also read the source locally, to set `Prediction.scan`, which pictures, volume and `save` need. If False,
            the result has only label, probability, mask and warnings, and nothing is decoded locally.

        Raises
        ------
        ServiceError
            When the service refuses the source, is busy, or can't be reached.
        SourceError
            When the source can't be opened locally.
        """
        path = Path(source)
        content = _content(path)
        query = {} if intensity is None else {"intensity": intensity}
        answer = self.ask("POST", "/v1/predict", content, query, accept="application/zip")
        try:
            prediction = unpack(answer, str(path))
        except ValueError as error:
            raise ServiceError(
                f"{self.url}: {error}. Check that it is lungct of the same version.", 200, "no-answer"
            ) from error
        if not read:
            return prediction
        scan = read_scan(path, intensity=intensity)
        if "inverted" in prediction.warnings and "inverted" not in scan.warnings:
            scan = replace(scan, pixels=1 - scan.pixels, warnings=(*scan.warnings, "inverted"))  # as on the service
        return replace(prediction, scan=scan)

    def models(self) -> dict[str, Any]:
        """Return the networks in use, and what their cards say."""
        found: dict[str, Any] = json.loads(self.ask("GET", "/v1/models"))
        return found

    def ask(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        query: Mapping[str, str | int] | None = None,
        accept: str = "application/json",
    ) -> bytes:
        """Send one request, retry if the service is busy, and return the body of the answer.

        Parameters
        ----------
        method, path : str
            See docs/service.md.
        content : bytes, optional
            The upload.
        query : mapping, optional
        accept : str
            Media type of the answer.

        Raises
        ------
        ServiceError
            For every answer other than 200, and if there is no answer.
        """
        headers = {**self._headers, "Accept": accept}
        body = None
        if content is not None:
            boundary = uuid.uuid4().hex
            headers["Content-Type"] = f"multipart/form-data; boundary={boundary}"
            body = _form(content, boundary)
        target = self._parts.path.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        for attempt in range(self.retries + 1):
            status, answered, found = self._send(method, target, body, headers)
            if status == 200:
                return found
            if status not in (429, 503) or attempt == self.retries:
                break
            time.sleep(_pause(answered.get("Retry-After", "")))
        raise _refused(status, found)

    def _send(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send a request, and return the answer's status, headers and body."""
        connection = self._connect()
        try:
            try:
                connection.request(method, target, body, dict(headers))
            except (BrokenPipeError, ConnectionResetError):
                if connection.sock is None:
                    raise
                # Refused before everything was sent; the answer says why.
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except TimeoutError as error:
            raise ServiceError(f"{self.url}: no answer within {self.timeout:g} s. Use a longer timeout.") from error
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise ServiceError(
                f"{self.url}: no answer ({reason}). Check the address, and that lungct serve is running there."
            ) from error
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=self.timeout, context=ssl.create_default_context())
        return http.client.HTTPConnection(host, port, timeout=self.timeout)


def _pause(said: str) -> float:
    """Return the seconds to wait before the next attempt."""
    return min(float(said), LONGEST_WAIT) if said.isdecimal() else 1.0  # a proxy may give a date


def _content(path: Path) -> bytes:
    """Return the bytes of a file, or for a folder a ZIP archive of its files, numbered instead of named."""
    try:
        if not path.is_dir():
            return path.read_bytes()
        packed = io.BytesIO()
        files = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for number, file in enumerate(files):
                archive.writestr(f"{number:05d}", file.read_bytes())
        return packed.getvalue()
    except OSError as error:
        raise SourceError(str(path), f"can't be opened ({error})", "Check its name and permissions") from error


def _form(content: bytes, boundary: str) -> bytes:
    """Return a multipart form with one file, without its name."""
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="upload"\r\n'
    kind = "Content-Type: application/octet-stream\r\n\r\n"
    return b"".join([(head + kind).encode(), content, f"\r\n--{boundary}--\r\n".encode()])


def _refused(status: int, body: bytes) -> ServiceError:
    """Return the error in an answer; a proxy in between may use another format."""
    try:
        error = json.loads(body)["error"]
        return ServiceError(str(error["message"]), status, str(error["code"]), error.get("request_id"))
    except (ValueError, LookupError, TypeError):
        phrase = http.client.responses.get(status, "unknown")
        return ServiceError(
            f"the service, or a proxy in front of it, answered {status} {phrase}. Check the address",
            status,
            "no-answer",
        )
