"""The server under the service: says where it listens once it does, and stops when the service is of no use."""

from __future__ import annotations

import math
import socket
from contextlib import suppress

import typer
import uvicorn

from ..pipeline import Pipeline
from ..results.wording import DISCLAIMER
from .app import create_app
from .errors import DRAIN_SECONDS
from .settings import ServiceSettings

SPARE_SECONDS = 5
"""For sending answers, when the service stops."""


def run(pipe: Pipeline, settings: ServiceSettings, host: str, port: int) -> bool:
    """Serve until a signal comes.

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
    server = Server(pipe, settings, host, port)
    with suppress(KeyboardInterrupt):  # Ctrl-C has stopped it as it should
        server.run()
    return not server.failed


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
                address, port = bound.getsockname()[:2]
                name = f"[{address}]" if ":" in address else address
                typer.echo(f"lungct: serving on http://{name}:{port}. {DISCLAIMER}", err=True)
