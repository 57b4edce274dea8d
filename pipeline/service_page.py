"""The page of the service: files of our own, nothing from anywhere else."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

PAGE = Path(__file__).parent / "page"
"""``index.html``, served at ``/``; it finds the other files at ``page/``."""

router = APIRouter(include_in_schema=False)


@router.get("/")
async def index() -> FileResponse:
    """Return the page."""
    return FileResponse(PAGE / "index.html", media_type="text/html")


def add_page(app: FastAPI) -> None:
    """Serve the page and its files."""
    app.include_router(router)
    app.mount("/page", StaticFiles(directory=PAGE, follow_symlink=True), name="page")
