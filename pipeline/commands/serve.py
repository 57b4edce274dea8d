"""``lungct serve``."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from ...common.optional import require
from ...common.threads import available_threads
from ..settings import PipelineSettings
from .options import errors, opened, plain_failures, takes_pipeline

NEEDED = ("fastapi", "uvicorn", "python_multipart", "prometheus_client", "filelock")


@takes_pipeline
def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 allows access from other machines.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free port.")] = 8000,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Scans processed in parallel; by default one per processor thread. With fewer, each is faster.",
        ),
    ] = None,
    queue: Annotated[int, typer.Option(min=0, help="Requests that may wait; further ones get status 429.")] = 24,
    timeout: Annotated[float, typer.Option(min=1, help="Time limit for one request in seconds.")] = 120,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="LUNGCT_TOKEN",
            help="Token that requests must send (Authorization: Bearer TOKEN). Better set in the environment.",
        ),
    ] = None,
    max_upload: Annotated[int, typer.Option(min=1, help="Largest upload, MB.")] = 512,
    max_slices: Annotated[int, typer.Option(min=1, help="Most slices in a scan.")] = 1000,
    max_connections: Annotated[
        int,
        typer.Option(min=1, help="Most open connections; limited to half of the open files that the system allows."),
    ] = 1000,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Host name used by a proxy on this machine. May be repeated. '*' allows any."),
    ] = None,
    *,
    settings: PipelineSettings,
) -> None:
    """Serve the pipeline over HTTP, with a web page for uploading scans; see docs/service.md.

    Uploads stay in memory. SIGTERM and Ctrl-C let running requests finish. The log is JSON lines on standard error.

    Example: lungct serve --port 8000
    """
    require(*NEEDED, purpose="The service", extra="serve")
    from ..service.logs import log_as_json
    from ..service.server import run
    from ..service.settings import LOOPBACK, ServiceSettings

    given = tuple(allow_host or ())
    local = host in LOOPBACK
    if token is None and "LUNGCT_TOKEN" in os.environ:  # an empty token would mean none, and allow everybody
        raise typer.BadParameter("LUNGCT_TOKEN is empty: set it to a token, or unset it")
    if not local and not token:
        errors.print(
            f"lungct: anybody who can reach {host} can use the service: consider --token", style="yellow", markup=False
        )
    try:
        served = ServiceSettings(
            pipeline=settings,
            workers=workers or settings.threads or available_threads(),
            waiting=queue,
            seconds=timeout,
            max_upload=max_upload,
            max_slices=max_slices,
            max_connections=max_connections,
            token=token,
            hosts=() if "*" in given or not (local or given) else (*LOOPBACK, *given),
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    log_as_json()
    with plain_failures():
        pipe = opened(settings, callers=served.workers)
        served_well = run(pipe, served, host, port)
    if not served_well:
        os._exit(1)  # a normal exit would wait for stuck threads forever
