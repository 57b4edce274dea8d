"""Define `takes`, which turns the fields of a settings object into options of a command."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import wraps
from pathlib import Path
from typing import Any

import typer

Command = Callable[..., None]


def takes(defaults: Any, options: Mapping[str, Any], parameter: str = "settings") -> Callable[[Command], Command]:
    """Return a decorator that replaces one parameter of a command by options, one for each field of a settings object.

    Parameters
    ----------
    defaults : object
        An instance of a frozen dataclass with the options' defaults. A ValueError from the class counts as wrong usage.
    options : mapping of str to type
        Annotated types for Typer, by field. A field without an entry isn't an option and keeps its default. A tuple
        field becomes an option that may be repeated.
    parameter : str
        The command's keyword-only parameter that receives the object.
    """
    names = [field.name for field in fields(defaults) if field.name in options]

    def decorate(command: Command) -> Command:
        own = inspect.signature(command, eval_str=True).parameters

        @wraps(command)
        def run(**arguments: Any) -> None:
            given = {name: _value(arguments.pop(name), getattr(defaults, name)) for name in names}
            try:
                settings = replace(defaults, **given)
            except ValueError as error:
                raise typer.BadParameter(str(error)) from error
            command(**arguments, **{parameter: settings})

        parameters: list[inspect.Parameter] = []
        for name, one in own.items():
            if name == parameter:
                parameters += [_option(field, getattr(defaults, field), options[field]) for field in names]
            else:
                parameters.append(one.replace(kind=inspect.Parameter.KEYWORD_ONLY))
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what Typer reads
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        del run.__wrapped__  # otherwise Typer would read its annotations
        return run

    return decorate


def _option(name: str, default: Any, annotation: Any) -> inspect.Parameter:
    """Return the parameter for a field; a repeatable option is None if not given."""
    shown = None if default == () else default
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=shown, annotation=annotation)


def _value(given: Any, default: Any) -> Any:
    """Convert an option's value for the field, to JSON types, so that it can be stored in a record."""
    if default == ():
        return tuple(given or ())
    return str(given) if isinstance(given, Path) else given
