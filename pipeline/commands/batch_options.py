"""Options that ``lungct batch`` and ``lungct preprocess`` share, and how they end."""

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
        help="Files; folders and ZIP archives, searched for scans; patterns; CSV or Parquet tables of paths, other "
        "columns of which are carried through; URLs that fsspec knows (file://, with its package s3://, gs://, https://).",
        show_default=False,
    ),
]
PathColumnOption = Annotated[
    str | None,
    typer.Option(help="Column of paths in tables.", show_default="source, path, file, image or filename"),
]
ShardOption = Annotated[
    str,
    typer.Option(help="Do part i of n alone, as in 2/8: other jobs do the others, into the same folder or their own."),
]
RedoOption = Annotated[bool, typer.Option("--redo", help="Throw away what earlier runs wrote there, and start again.")]
RetryOption = Annotated[bool, typer.Option("--retry-failed", help="Do inputs again that failed: a server was down.")]
JsonLogsOption = Annotated[bool, typer.Option("--json-logs", help="Progress as lines of JSON on standard error.")]


def parse_shard(text: str) -> tuple[int, int]:
    """Return part and number of parts of "2/8"."""
    number, _, of = text.partition("/")
    if number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of):
        return int(number), int(of)
    raise typer.BadParameter(f"--shard is a part of the work such as 2/8, not {text!r}")


@contextmanager
def stoppable(*, redo: bool) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end a batch in one line that says how to go on, and what stops it in another."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with plain_failures():
            yield
    except KeyboardInterrupt:
        again = "the same command without --redo" if redo else "the same command again"
        errors.print(f"Stopped. What is done stays: run {again} to go on.")
        raise typer.Exit(130) from None
    except SourceError as error:
        raise typer.BadParameter(str(error)) from error
    except StoreError as error:
        errors.print(f"lungct: {error}", style="red", markup=False)
        raise typer.Exit(1) from error
    finally:
        signal.signal(signal.SIGTERM, before)


def finish_batch(counts: Counts, results: Path) -> None:
    """Say how it went and where the rows are, and end as every command does."""
    earlier = f", {counts.before} done before" if counts.before else ""
    typer.echo(f"{counts.done} inputs in {counts.seconds:.1f} s{earlier}. Rows are in {results}")
    finish(counts.failed, counts.inputs)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
