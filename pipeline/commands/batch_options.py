"""Options shared by ``lungct batch`` and ``lungct preprocess``, and how they end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from ...sources import SourceError
from ..batch.job import Counts
from ..batch.locks import StoreError
from .options import errors, finish, plain_failures

Inputs = Annotated[
    list[str],
    typer.Argument(
        help="Files; folders and ZIP archives, which are searched for scans; patterns; CSV or Parquet tables of paths, "
        "whose other columns are kept; URLs that fsspec supports (file://; with a package s3://, gs://, https://).",
        show_default=False,
    ),
]
PathColumnOption = Annotated[
    str | None,
    typer.Option(help="Path column in tables.", show_default="source, path, file, image or filename"),
]
ShardOption = Annotated[
    str,
    typer.Option(help="Process only shard i of n, such as 2/8; other jobs can process the others in parallel."),
]
RedoOption = Annotated[
    bool, typer.Option("--redo", help="Delete the results of earlier runs in the folder, and start again.")
]
RetryOption = Annotated[
    bool, typer.Option("--retry-failed", help="Process failed inputs again, for example after a server was down.")
]
JsonLogsOption = Annotated[bool, typer.Option("--json-logs", help="Show progress as JSON lines on standard error.")]


def parse_shard(text: str) -> tuple[int, int]:
    """Return the number and the count of a shard such as "2/8"."""
    number, _, of = text.partition("/")
    if number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of):
        return int(number), int(of)
    raise typer.BadParameter(f"--shard must be a number and a count such as 2/8, not {text!r}")


@contextmanager
def stoppable(*, redo: bool) -> Iterator[None]:
    """End a batch on Ctrl-C or SIGTERM with one line that says how to resume, and on errors with one line."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with plain_failures():
            yield
    except KeyboardInterrupt:
        again = "the same command without --redo" if redo else "the same command again"
        errors.print(f"Stopped. Finished rows are kept: run {again} to resume.")
        raise typer.Exit(130) from None
    except SourceError as error:
        raise typer.BadParameter(str(error)) from error
    except StoreError as error:
        errors.print(f"lungct: {error}", style="red", markup=False)
        raise typer.Exit(1) from error
    finally:
        signal.signal(signal.SIGTERM, before)


def finish_batch(counts: Counts, results: Path) -> None:
    """Print the counts and where the rows are, and end like every command."""
    earlier = f", {counts.before} done earlier" if counts.before else ""
    typer.echo(f"{counts.done} inputs in {counts.seconds:.1f} s{earlier}. Rows are in {results}")
    finish(counts.failed, counts.inputs)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
