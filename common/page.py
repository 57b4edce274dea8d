"""Format figures, pictures and JSON for the pages and files of evaluations, reports and result sheets."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .intervals import decimals

if TYPE_CHECKING:
    from PIL.Image import Image


def picture_uri(picture: Image, form: Literal["PNG", "JPEG", "WEBP"] = "JPEG", quality: int = 88) -> str:
    """Return a picture as a data URI, so that a page needs no other file."""
    file = io.BytesIO()
    picture.save(file, form, quality=quality)
    return f"data:image/{form.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


def figure_in_words(figure: Mapping[str, Any]) -> str:
    """Return a figure's ``value`` with its ``interval``, or say that there is none; empty if the value is NaN."""
    value = figure["value"]
    if not math.isfinite(value):
        return ""
    if figure["interval"] is None:
        return f"{_share(value)} (no interval)"
    low, high = figure["interval"]
    return f"{_share(value)} ({_share(low)} to {_share(high)})"


def _share(value: float) -> str:
    return f"{value:.{decimals(value)}f}"


def write_json(path: Path, content: Any) -> None:
    """Write JSON; NaN and infinity become null."""
    path.write_text(json.dumps(_plain(content), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
