"""The command ``lungct``: puts the commands together."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from .batch_command import batch
from .compare_command import compare_app
from .evaluate_command import evaluate_app
from .export_command import export
from .info_command import info
from .predict_command import predict
from .prediction import DISCLAIMER
from .preprocess_command import preprocess
from .report_command import report
from .segment_command import segment
from .serve_command import serve
from .train_command import train_app
from .train_recognizer_command import recognizer
from .train_volume_command import volume
from .weights_command import weights_app

app = typer.Typer(
    name="lungct",
    help=f"Find the lungs in a chest CT and judge what is in them.\n\n{DISCLAIMER}",
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
train_app.command()(recognizer)
app.add_typer(compare_app, name="compare")
app.add_typer(evaluate_app, name="evaluate")
train_app.command()(volume)
app.add_typer(train_app, name="train")
app.add_typer(weights_app, name="weights")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lungct {version('lungct')}")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Hold the options of the command itself."""


if __name__ == "__main__":
    app()
