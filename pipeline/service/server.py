"""Run the server: announce the address once it listens, and stop if the service can't work any more."""

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
"""Seconds for sending answers when the service stops."""

BACKLOG = 128
"""Connections waiting to be accepted; each may briefly use an additional file descriptor."""


def run(pipe: Pipeline, settings: ServiceSettings, host: str, port: int) -> bool:
    """Serve until a signal arrives, with no more connections than the file descriptor limit allows.

    Parameters
    ----------
    pipe : Pipeline
    settings : ServiceSettings
    host : str
        Address to listen on.
    port : int
        Port to listen on; 0 for any free port.

    Returns
    -------
    bool
        False if the first prediction failed or too many workers got stuck.
    """
    half = (
        raise_descriptors(4 * settings.max_connections) // 2
    )  # the other half is for refused connections, files, decoders
    if half < settings.max_connections:
        log.warning("%d connections at most: the system grants %d descriptors (ulimit -n)", half, 2 * half)
        settings = replace(settings, max_connections=half)
    server = Server(pipe, settings, host, port)
    with suppress(KeyboardInterrupt):  # Ctrl-C has already stopped it cleanly
        server.run()
    return not server.failed


def raise_descriptors(wanted: int) -> int:
    """Raise this process's limit of open files and connections, as far as the system allows.

    Parameters
    ----------
    wanted : int
        Number needed, and no more, because some programs iterate over all possible descriptors.

    Returns
    -------
    int
        The resulting limit; `wanted` if there is none.
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
    """A server that can be stopped because its app has failed.

    The parameters are those of `run`.
    """

    failed = False

    def __init__(self, pipe: Pipeline, settings: ServiceSettings, host: str, port: int) -> None:
        super().__init__(
            uvicorn.Config(
                create_app(pipe, settings, self.give_up),
                host=host,
                port=port,
                http=Connection,
                ws="none",  # websockets would bypass the time limits
                loop="asyncio",
                backlog=min(BACKLOG, max(1, settings.max_connections // 2)),
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=math.ceil(settings.seconds + DRAIN_SECONDS) + SPARE_SECONDS,
            )
        )

    def give_up(self) -> None:
        """Stop as after SIGTERM, but record a failure."""
        self.failed = self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Bind the port, then announce it."""
        await super().startup(sockets)
        for server in self.servers:
            for bound in server.sockets:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # connections inherit it
                address, port = bound.getsockname()[:2]
                name = f"[{address}]" if ":" in address else address
                typer.echo(f"lungct: serving on http://{name}:{port}. {DISCLAIMER}", err=True)
