"""Assemble the command ``lungct``."""

from __future__ import annotations

import io
import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ...common.optional import MissingPackageError
from ..results.wording import DISCLAIMER
from .batch import batch
from .evaluate import evaluate_app
from .evaluate_lesions import lesions
from .export import export
from .info import info
from .options import errors
from .predict import predict
from .preprocess import preprocess
from .report import report
from .segment import segment
from .serve import serve
from .training.app import train_app
from .training.compare import compare_app
from .weights import weights_app


class Commands(TyperGroup):
    """Group of commands that reports a missing package in one line, with exit code 2."""

    def invoke(self, ctx: Any) -> Any:
        """Run the requested command."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a file name may hold letters that the terminal's encoding lacks
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except MissingPackageError as error:
            errors.print(f"lungct: {error}", style="red", markup=False, soft_wrap=True)
            raise typer.Exit(2) from error


app = typer.Typer(
    name="lungct",
    cls=Commands,
    help=f"Find the lungs in a chest CT and estimate the probability of COVID-19.\n\n{DISCLAIMER}",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="rich",
)
app.command()(predict)
app.command()(segment)
app.command()(batch)
app.command()(preprocess)
app.command()(report)
app.command()(serve)
app.command()(info)
app.command()(export)
evaluate_app.command()(lesions)
app.add_typer(compare_app, name="compare")
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(train_app, name="train")
app.add_typer(weights_app, name="weights")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lungct {version('lungct')}")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Define the options of ``lungct`` itself."""


if __name__ == "__main__":
    app()
