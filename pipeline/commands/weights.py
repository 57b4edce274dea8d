"""``lungct weights``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ...weights import Card, WeightsError, load_card, read_verified, shipped_names

weights_app = typer.Typer(help="Show and check the shipped networks.", no_args_is_help=True)


@weights_app.command("list")
def list_weights() -> None:
    """List the shipped networks: version, size, task and licence."""
    table = Table()
    table.add_column("name", min_width=max(map(len, shipped_names())))
    for column in ("version", "size", "output", "licence"):
        table.add_column(column)
    cards = [load_card(name) for name in shipped_names()]
    for card in cards:
        size = f"{card.path.stat().st_size / 1e6:.1f} MB" if card.path.exists() else "missing"
        table.add_row(card.name, card.version, size, card.task, card.licence)
    Console().print(table, markup=False)
    for card in cards:
        if card.caution:
            typer.echo(f"{card.name}: {card.caution}")


@weights_app.command()
def verify() -> None:
    """Check the sha256 of every shipped file; exit code 1 if one is missing or was modified."""
    failed = False
    for card in map(load_card, shipped_names()):
        for path, sha256 in card.files:
            try:
                read_verified(path, sha256)
                typer.echo(f"ok       {path.name}")
            except WeightsError as error:
                failed = True
                typer.echo(f"FAILED   {error}")
    if failed:
        raise typer.Exit(1)


@weights_app.command()
def path(
    name: Annotated[str, typer.Argument(help="Name as shown by lungct weights list.", show_default=False)],
) -> None:
    """Print the path of a network's ONNX file."""
    typer.echo(_card(name).path)


def _card(name: str) -> Card:
    try:
        return load_card(name)
    except WeightsError as error:
        raise typer.BadParameter(str(error)) from error
