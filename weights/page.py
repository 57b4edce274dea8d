"""The pages and JSON files both networks' evaluations write."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

STYLE = (
    "body{font-family:sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{padding:.2rem .7rem;border-bottom:1px solid #ccc;text-align:left}"
    "figure{display:inline-block;margin:.5rem;width:17rem;vertical-align:top}figure.wide{width:34rem}img{width:100%}"
    "figcaption{overflow-wrap:anywhere}"
)


def write_page(path: Path, title: str, parts: Iterable[str]) -> Path:
    """Write an HTML page of a title and the parts below it; return its path."""
    name = escape(title)
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{name}</title><style>{STYLE}</style>"
    path.write_text("\n".join([head, f"<h1>{name}</h1>", *parts, "</html>\n"]), encoding="utf-8")
    return path


def html_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows of equal keys as a table, the keys its head; empty without rows."""
    if not rows:
        return ""
    head = "".join(f"<th>{escape(str(name)).replace('_', ' ')}</th>" for name in rows[0])
    lines = ["".join(f"<td>{escape(_cell(value))}</td>" for value in row.values()) for row in rows]
    return f"<table><tr>{head}</tr>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def html_figure(picture: str, caption: str, wide: bool = False) -> str:
    """Return a picture, by its name beside the page, with a caption."""
    opening = "<figure class=wide>" if wide else "<figure>"
    return f"{opening}<img src={picture} alt=''><figcaption>{escape(caption)}</figcaption></figure>"


def write_json(path: Path, content: Any) -> None:
    """Write JSON; numbers that are none become null."""
    path.write_text(json.dumps(_plain(content), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}" if math.isfinite(value) else ""
    return str(value)
