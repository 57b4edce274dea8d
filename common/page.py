"""The pages and JSON files that evaluations, reports and result sheets write."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .intervals import decimals

if TYPE_CHECKING:
    from PIL.Image import Image

STYLE = """
:root{color-scheme:light dark;--line:#8886;--soft:#8881;--accent:#0a7d91}
*{box-sizing:border-box}
body{font:1rem/1.5 system-ui,sans-serif;max-width:75rem;margin:0 auto;padding:1rem;overflow-wrap:anywhere}
h1{line-height:1.2}h2{margin-top:2.5rem;border-bottom:2px solid var(--accent)}
a{color:var(--accent)}
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
td,th{padding:.25rem .7rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top;overflow-wrap:normal}
th{background:var(--soft)}
.facts td{overflow-wrap:anywhere}
figure{display:inline-block;margin:.5rem;width:17rem;max-width:100%;vertical-align:top;break-inside:avoid}
figure.wide{width:34rem}img{width:100%;height:auto;display:block}
figcaption{font-size:.9rem}
pre{overflow-x:auto}
.note{border-left:.3rem solid var(--accent);padding:.3rem .8rem;background:var(--soft)}
@media (max-width:40rem){body{padding:.7rem}figure{margin:.5rem 0;width:100%}td,th{padding:.25rem .4rem}}
@media print{body{max-width:none;font-size:10pt}h2,h3{break-after:avoid}tr{break-inside:avoid}.scroll{overflow:visible}}
"""
"""Readable on a phone, in the dark and on paper; nothing is fetched from anywhere."""


def write_page(path: Path, title: str, parts: Iterable[str]) -> Path:
    """Write an HTML page of a title and the parts below it; return its path."""
    path.write_text(html_page(title, parts), encoding="utf-8")
    return path


def html_page(title: str, parts: Iterable[str], style: str = "") -> str:
    """Return an HTML page of a title and the parts below it, which needs no other file but the pictures they name.

    Parameters
    ----------
    title : str
    parts : iterable of str
        HTML.
    style : str
        CSS of this page alone.
    """
    name = escape(title)
    head = (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        f"<link rel=icon href='data:,'><title>{name}</title><style>{STYLE}{style}</style></head><body>"
    )
    return "\n".join([head, f"<h1>{name}</h1>", *parts, "</body></html>\n"])


def html_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows of equal keys as a table, the keys its head; empty without rows."""
    if not rows:
        return ""
    head = "".join(f"<th>{escape(str(name)).replace('_', ' ')}</th>" for name in rows[0])
    lines = ["".join(f"<td>{escape(_cell(value))}</td>" for value in row.values()) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def html_facts(facts: Mapping[str, str]) -> str:
    """Return names and what they stand for as a table of two columns."""
    rows = "".join(f"<tr><th scope=row>{escape(name)}</th><td>{escape(fact)}</td></tr>" for name, fact in facts.items())
    return f"<table class=facts>{rows}</table>"


def html_figure(picture: str, caption: str, wide: bool = False) -> str:
    """Return a picture, by its name beside the page or by `picture_uri`, with a caption."""
    opening = "<figure class=wide>" if wide else "<figure>"
    source, words = escape(picture), escape(caption)
    return f'{opening}<img src="{source}" alt="{words}"><figcaption>{words}</figcaption></figure>'


def picture_uri(picture: Image, form: Literal["PNG", "JPEG", "WEBP"] = "JPEG", quality: int = 88) -> str:
    """Return a picture as text that stands for its address, so that a page holds it itself."""
    file = io.BytesIO()
    picture.save(file, form, quality=quality)
    return f"data:image/{form.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


def figure_in_words(figure: Mapping[str, Any]) -> str:
    """Return a figure's ``value`` with its ``interval``, or that it has none; empty where it is NaN."""
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
    if isinstance(value, Mapping):
        return figure_in_words(value).replace(" to ", "\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}")
    if isinstance(value, float):
        return f"{value:.4f}" if math.isfinite(value) else ""
    return "" if value is None else str(value)
