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
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Scans judged side by side, by default one for each processor thread. Fewer answer one alone faster.",
        ),
    ] = None,
    queue: Annotated[int, typer.Option(min=0, help="Requests that may wait; what comes beyond gets 429.")] = 24,
    timeout: Annotated[float, typer.Option(min=1, help="Longest time for one request, seconds.")] = 120,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="LUNGCT_TOKEN",
            help="What requests must bear (Authorization: Bearer TOKEN). Better set in the environment.",
        ),
    ] = None,
    max_upload: Annotated[int, typer.Option(min=1, help="Largest upload, MB.")] = 512,
    max_slices: Annotated[int, typer.Option(min=1, help="Most slices of a scan.")] = 1000,
    max_connections: Annotated[
        int, typer.Option(min=1, help="Most open connections; at most half of the files that the system lets it open.")
    ] = 1000,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Name by which a proxy on this machine passes requests on; repeat. '*' for any."),
    ] = None,
    *,
    settings: PipelineSettings,
) -> None:
    """Serve the pipeline over HTTP, with a page to drag scans to; see docs/service.md.

    Uploads stay in memory. SIGTERM and Ctrl-C finish what is running. The log is lines of JSON on standard error.

    Example: lungct serve --port 8000
    """
    require(*NEEDED, purpose="The service", extra="serve")
    from ..service.logs import log_as_json
    from ..service.server import run
    from ..service.settings import LOOPBACK, ServiceSettings

    given = tuple(allow_host or ())
    local = host in LOOPBACK
    if token is None and "LUNGCT_TOKEN" in os.environ:  # an empty one counts as none, and would let anybody in
        raise typer.BadParameter("LUNGCT_TOKEN is empty: put a token in it, or unset it")
    if not local and not token:
        errors.print(f"lungct: {host} lets anybody in who can reach it: consider --token", style="yellow", markup=False)
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
        os._exit(1)  # at its end Python waits for threads: those that are stuck would keep the process alive for good
