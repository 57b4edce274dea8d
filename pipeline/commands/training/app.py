"""Assemble ``lungct train`` from the training commands."""

from __future__ import annotations

import typer

from .classify import classify
from .lungseg import lungseg
from .recognizer import recognizer
from .volume import volume

train_app = typer.Typer(help=r"Train the networks on your own data; needs the extra \[train].", no_args_is_help=True)
for command in (lungseg, classify, recognizer, volume):
    train_app.command()(command)
