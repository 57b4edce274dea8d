"""A bar for what takes long."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

Item = TypeVar("Item")


def with_progress(items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """Yield items while a bar with count and time left moves on standard error; nothing is drawn but on a terminal.

    Parameters
    ----------
    items : iterable
    what : str
        What is done, for people: "Reading".
    total : int, optional
        How many there are, where `items` can't say.
    """
    console = Console(stderr=True)
    count = len(items) if total is None and isinstance(items, Collection) else total
    with Progress(*Progress.get_default_columns(), console=console, disable=not console.is_terminal) as progress:
        yield from progress.track(items, total=count, description=what)
