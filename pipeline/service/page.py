"""Serve the web page, whose files are all our own."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from ...common.modality import Modality
from ...common.rendering import render
from ...sources.formats import KNOWN

PAGE = Path(__file__).parent / "static"
"""Files that the page, served at ``/``, loads from ``page/``."""


def add_page(app: FastAPI, modality: Modality) -> None:
    """Serve the page, worded for a modality, and its files."""
    page = render("pipeline/service/templates/index.html", modality=modality, formats=KNOWN)

    @app.get("/", include_in_schema=False)
    async def index() -> HTMLResponse:
        """Return the page."""
        return HTMLResponse(page)

    app.mount("/page", StaticFiles(directory=PAGE, follow_symlink=True), name="page")
