"""The page of the service: files of our own, nothing from anywhere else."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from ...common.modality import Modality
from ...sources.formats import KNOWN

PAGE = Path(__file__).parent / "static"
"""``index.html``, served at ``/``; it finds the other files at ``page/``."""

OPENING = '<html lang="en">'
"""What the modality is added to: by it the style shows the words and examples that fit."""


FORMATS = "$formats"
"""What the names of formats stand for in the page."""


def add_page(app: FastAPI, modality: Modality) -> None:
    """Serve the page, in the words of a modality, and its files."""
    page = (PAGE / "index.html").read_text(encoding="utf-8")
    page = page.replace(OPENING, OPENING.replace(">", f' data-modality="{modality}">')).replace(FORMATS, KNOWN)

    @app.get("/", include_in_schema=False)
    async def index() -> HTMLResponse:
        """Return the page."""
        return HTMLResponse(page)

    app.mount("/page", StaticFiles(directory=PAGE, follow_symlink=True), name="page")
