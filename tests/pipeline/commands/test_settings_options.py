"""Commands that take a settings object: each of its fields is an option."""

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
import typer
from typer.testing import CliRunner

from lungct.pipeline.commands.settings_options import takes


@dataclass(frozen=True)
class Cake:
    size: int = 20
    filling: Literal["jam", "cream"] = "jam"
    without: tuple[str, ...] = ()
    hidden: float = 0.5

    def __post_init__(self):
        if self.size > 50:
            raise ValueError(f"no oven holds {self.size} cm")


OPTIONS = {
    "size": Annotated[int, typer.Option(help="In cm.")],
    "filling": Annotated[Literal["jam", "cream"], typer.Option()],
    "without": Annotated[list[str] | None, typer.Option()],
}


@pytest.fixture
def bake():
    got = []
    app = typer.Typer()

    @app.command()
    @takes(Cake(size=30), OPTIONS, "cake")
    def bake(name: str, candles: int = 1, *, cake: Cake) -> None:
        """Bake a cake."""
        got.append((name, candles, cake))

    def run(*arguments):
        done = CliRunner().invoke(app, arguments)
        return done, got[-1] if got else None

    return run


def test_defaults_come_from_the_given_object(bake):
    assert bake("x")[1] == ("x", 1, Cake(size=30))


def test_options_replace_the_parameter_in_place(bake):
    arguments = ["x", "--size", "12", "--filling", "cream", "--without", "nuts", "--without", "milk", "--candles", "3"]
    assert bake(*arguments)[1] == ("x", 3, Cake(12, "cream", ("nuts", "milk")))
    said = bake("--help")[0].output
    assert "Bake a cake." in said
    assert "In cm." in said
    assert "hidden" not in said


def test_values_refused_by_the_class_are_wrong_usage(bake):
    done, _ = bake("x", "--size", "60")
    assert (done.exit_code, "no oven holds 60 cm" in done.output) == (2, True)
