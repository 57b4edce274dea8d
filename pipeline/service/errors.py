"""Turn errors into answers of the service, without leaking information from uploads."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from ...sources import SourceError

CODES: Mapping[int, str] = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    408: "too-slow",
    413: "too-large",
    415: "unsupported-media-type",
    421: "unknown-host",
    422: "unreadable",
    429: "busy",
    499: "client-gone",
    500: "internal",
    503: "unavailable",
    504: "time-limit",
}
"""Machine-readable code for every error status."""

MODALITIES = (
    "CR",
    "DX",
    "MG",
    "MR",
    "NM",
    "OT",
    "PR",
    "PT",
    "REG",
    "RTDOSE",
    "RTSTRUCT",
    "SC",
    "SEG",
    "SR",
    "US",
    "XA",
)
"""Values of the tag Modality that an answer may repeat; in a damaged file it may contain anything."""

NOT_FROM_AFAR = re.compile(r"\blungct(\.\w| (?!serve\b))")
"""Remedies that name a command or function, which HTTP clients may not have."""

DRAIN_SECONDS = 10.0
"""Seconds for which a refused upload is read and discarded: closing the connection earlier would lose the answer."""

DRAIN_IDLE_SECONDS = 2.0
"""Seconds to wait for a client that sends nothing."""


class ServiceFault(HTTPException):
    """A request that is answered with an error.

    Parameters
    ----------
    status : int
        HTTP status.
    message : str
        What is wrong and what to do about it, for the client.
    code : str, optional
        Machine-readable code; by default, that of the status.
    headers : mapping, optional
    """

    def __init__(self, status: int, message: str, code: str | None = None, headers: dict[str, str] | None = None):
        super().__init__(status, message, headers)
        self.code = code or CODES[status]


def error_answer(
    request: Request, status: int, message: str, code: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return the answer of a failed request."""
    request.state.outcome = code
    content = {"error": {"code": code, "message": message, "request_id": request.state.request_id}}
    return JSONResponse(content, status, dict(headers or {}))


def public_message(error: SourceError, home: Path) -> str:
    """Return a message about an upload, without text from its headers or file names.

    Parameters
    ----------
    error : SourceError
    home : Path
        The upload's folder.
    """
    place = re.escape(str(home))
    problem = re.sub(rf": {place}.*", "", error.problem, flags=re.DOTALL)  # a file in an archive, with its error
    problem = re.sub(r"\s*[(\[](?![\d, x]+[)\]]).*", "", problem, flags=re.DOTALL)  # text from libraries and headers
    problem = re.sub(r"of modality (.*?), not CT", _known_modality, problem, flags=re.DOTALL)
    remedy = "Send one CT scan" if NOT_FROM_AFAR.search(error.remedy) else error.remedy
    message = f"upload: {problem}. {remedy}."
    return "upload: can't be read. Check that it is a CT scan." if str(home) in message else message


def _known_modality(found: re.Match[str]) -> str:
    return found[0] if found[1] in MODALITIES else "of another modality, not CT"


async def drain(request: Request) -> None:
    """Read the rest of a refused request's body for some time, unless the client waits for permission to send it."""
    if "expect" in request.headers:
        return
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while not request.state.body_ended:
                await asyncio.wait_for(request.receive(), DRAIN_IDLE_SECONDS)
    except TimeoutError:
        return


def add_error_answers(app: FastAPI) -> None:
    """Give all errors of an app the same format."""

    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        status = error.status_code
        if status != 408:  # the client has stopped sending
            await drain(request)
        code = error.code if isinstance(error, ServiceFault) else CODES.get(status, "error")
        return error_answer(request, status, str(error.detail), code, error.headers)

    async def wrong_parameter(request: Request, error: RequestValidationError) -> JSONResponse:
        await drain(request)
        names = ", ".join(str(one["loc"][-1]) for one in error.errors() if one["loc"][0] in ("query", "path"))
        message = f"invalid parameters: {names}. See /openapi.json for valid values."
        return error_answer(request, 422, message, "wrong-parameter")

    async def gone(request: Request, _error: ClientDisconnect) -> JSONResponse:
        return error_answer(request, 499, "the client closed the connection", CODES[499])

    app.add_exception_handler(HTTPException, http_error)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, wrong_parameter)  # type: ignore[arg-type]
    app.add_exception_handler(ClientDisconnect, gone)  # type: ignore[arg-type]
