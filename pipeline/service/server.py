"""The server under the service: says where it listens once it does, and stops when the service is of no use."""

from __future__ import annotations

import math
import socket
import sys
from contextlib import suppress
from dataclasses import replace

import typer
import uvicorn

from ..pipeline import Pipeline
from ..results.wording import DISCLAIMER
from .app import create_app
from .connections import SEND_BUFFER, Connection
from .errors import DRAIN_SECONDS
from .logs import log
from .settings import ServiceSettings

if sys.platform != "win32":
    import resource

SPARE_SECONDS = 5
"""For sending answers, when the service stops."""

BACKLOG = 128
"""Connections that wait to be let in; for a moment each may take a descriptor beyond those that are open."""


def run(pipe: Pipeline, settings: ServiceSettings, host: str, port: int) -> bool:
    """Serve until a signal comes, with no more connections than the system has descriptors for.

    Parameters
    ----------
    pipe : Pipeline
    settings : ServiceSettings
    host : str
        Address to listen on.
    port : int
        0 for a free one.

    Returns
    -------
    bool
        Whether the service could judge anything: False when its first prediction failed, or too many workers got stuck.
    """
    half = raise_descriptors(4 * settings.max_connections) // 2  # the other half: who is refused, files, decoders
    if half < settings.max_connections:
        log.warning("%d connections at most: the system grants %d descriptors (ulimit -n)", half, 2 * half)
        settings = replace(settings, max_connections=half)
    server = Server(pipe, settings, host, port)
    with suppress(KeyboardInterrupt):  # Ctrl-C has stopped it as it should
        server.run()
    return not server.failed


def raise_descriptors(wanted: int) -> int:
    """Let this process open more files and connections, as far as the system does.

    Parameters
    ----------
    wanted : int
        No more than what is needed: some programs go through all that they might have.

    Returns
    -------
    int
        How many it may open: `wanted` where there is no limit.
    """
    if sys.platform == "win32":
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return most
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most


class Server(uvicorn.Server):
    """A server that can be told that what it serves works no more.

    Parameters as for `run`.
    """

    failed = False

    def __init__(self, pipe: Pipeline, settings: ServiceSettings, host: str, port: int) -> None:
        super().__init__(
            uvicorn.Config(
                create_app(pipe, settings, self.give_up),
                host=host,
                port=port,
                http=Connection,
                ws="none",  # a connection that becomes another kind would have no deadlines
                loop="asyncio",
                backlog=min(BACKLOG, max(1, settings.max_connections // 2)),
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=math.ceil(settings.seconds + DRAIN_SECONDS) + SPARE_SECONDS,
            )
        )

    def give_up(self) -> None:
        """Stop as after SIGTERM, but remember that it was a failure."""
        self.failed = self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Bind the port, and only then say which."""
        await super().startup(sockets)
        for server in self.servers:
            for bound in server.sockets:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # connections inherit it
                address, port = bound.getsockname()[:2]
                name = f"[{address}]" if ":" in address else address
                typer.echo(f"lungct: serving on http://{name}:{port}. {DISCLAIMER}", err=True)
