"""HTML from Jinja2 templates; each room keeps its own in a folder ``templates``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from .page import figure_in_words

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: Any) -> str:
    """Return what a template makes of values; text among them is escaped.

    Parameters
    ----------
    template : str
        Path below the package, such as ``pipeline/results/templates/sheet.html``.
    **values
        Plain data, named as the template names them. A name that the template misses is an error.
    """
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # only here: most runs write no page

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
    """Return a value as the text of a table's cell: of a figure its interval too, nothing for NaN and None."""
    if isinstance(value, Mapping):
        return figure_in_words(value).replace(" to ", "\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}")
    if isinstance(value, float):
        return f"{value:.4f}" if math.isfinite(value) else ""
    return "" if value is None else str(value)


def _listed(value: Any) -> str:
    """Return a value as text: items with commas between them, in mappings each after its name."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_listed(item)}" for name, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
