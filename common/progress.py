"""Show a progress bar for long work."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

Item = TypeVar("Item")


def with_progress(items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """Yield items and show a progress bar with the time left if standard error is a terminal.

    Parameters
    ----------
    items : iterable
    what : str
        Description of the work, such as "Reading".
    total : int, optional
        Number of items, if `items` has no length.
    """
    console = Console(stderr=True)
    count = len(items) if total is None and isinstance(items, Collection) else total
    with Progress(*Progress.get_default_columns(), console=console, disable=not console.is_terminal) as progress:
        yield from progress.track(items, total=count, description=what)
