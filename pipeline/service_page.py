"""The page of the service: files of our own, nothing from anywhere else."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from ..weights import Modality

PAGE = Path(__file__).parent / "page"
"""``index.html``, served at ``/``; it finds the other files at ``page/``."""

OPENING = '<html lang="en">'
"""What the modality is added to: by it the style shows the words and examples that fit."""


def add_page(app: FastAPI, modality: Modality) -> None:
    """Serve the page, in the words of a modality, and its files."""
    page = (PAGE / "index.html").read_text(encoding="utf-8")
    page = page.replace(OPENING, OPENING.replace(">", f' data-modality="{modality}">'))

    @app.get("/", include_in_schema=False)
    async def index() -> HTMLResponse:
        """Return the page."""
        return HTMLResponse(page)

    app.mount("/page", StaticFiles(directory=PAGE, follow_symlink=True), name="page")
