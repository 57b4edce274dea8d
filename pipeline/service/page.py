"""The page of the service: files of our own, nothing from anywhere else."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from ...common.modality import Modality
from ...common.rendering import render
from ...sources.formats import KNOWN

PAGE = Path(__file__).parent / "static"
"""What the page, served at ``/``, finds at ``page/``."""


def add_page(app: FastAPI, modality: Modality) -> None:
    """Serve the page, in the words of a modality, and its files."""
    page = render("pipeline/service/templates/index.html", modality=modality, formats=KNOWN)

    @app.get("/", include_in_schema=False)
    async def index() -> HTMLResponse:
        """Return the page."""
        return HTMLResponse(page)

    app.mount("/page", StaticFiles(directory=PAGE, follow_symlink=True), name="page")
