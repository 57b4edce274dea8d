"""Render Jinja2 templates as HTML; each package keeps its own in a folder ``templates``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from .page import figure_in_words

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: Any) -> str:
    """Return a template filled with values; text in them is escaped.

    Parameters
    ----------
    template : str
        Path inside the package, such as ``pipeline/results/templates/sheet.html``.
    **values
        Plain data, under the names used in the template. It is an error if one is missing.
    """
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # imported here, because most runs write no page

    environment = Environment(
        loader=PackageLoader(__name__.partition(".")[0], ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"cell": _cell, "listed": _listed}
    return environment


def _cell(value: Any) -> str:
    """Format a value for a table cell: figures with their interval, NaN and None as an empty cell."""
    if isinstance(value, Mapping):
        return figure_in_words(value).replace(" to ", "\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}")
    if isinstance(value, float):
        return f"{value:.4f}" if math.isfinite(value) else ""
    return "" if value is None else str(value)


def _listed(value: Any) -> str:
    """Format a value as text: items separated by commas, in mappings each after its name."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_listed(item)}" for name, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
