"""Options that the training commands share, and how they end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ....classify.data.leaks import LeakRule
from ....sources import SourceError
from ....weights import Card, WeightsError
from ..options import SEGMENTER_OPTIONS

RECIPE_OPTIONS: Mapping[str, Any] = {
    "modality": SEGMENTER_OPTIONS["modality"],
    "epochs": Annotated[int, typer.Option(min=1, help="Epochs in all.")],
    "batch_size": Annotated[int, typer.Option("--batch", min=1, help="Slices, or volumes, a training step.")],
    "learning_rate": Annotated[float, typer.Option(help="Peak learning rate; a cosine takes it to zero.")],
    "dropout": Annotated[float, typer.Option(min=0, max=0.9, help="Share of features dropped.")],
    "gamma": Annotated[float, typer.Option(min=0, help="Focal loss's gamma: 0 (cross-entropy), or at least 1.")],
    "alpha": Annotated[float, typer.Option(min=0.01, max=0.99, help="Focal loss's weight of COVID; 0.5: both alike.")],
    "validation_share": Annotated[
        float, typer.Option(min=0.01, max=0.9, help="Share of patients kept for validation.")
    ],
    "exclude": Annotated[
        list[str] | None,
        typer.Option(help="Leave out training pictures with this in their name (a faulty mask, say); repeat."),
    ],
    "seed": Annotated[int, typer.Option(help="The same seed, data and versions give the same split and augmentation.")],
}
"""Fields that recipes have in common; each command adds its recipe's own."""

Out = Annotated[Path, typer.Option(help="Folder of the run; an interrupted run found there is continued.")]
Init = Annotated[
    Path | None,
    typer.Option(help="Run's .weights.h5 or a card to start from; random without.", exists=True, dir_okay=False),
]
LeastSensitivity = Annotated[
    float | None,
    typer.Option(min=0.01, max=1, help="Choose the highest threshold this sensitive; Youden's by default."),
]
Segmenter = Annotated[
    Path | None,
    typer.Option(help="Card of the lung segmenter.", exists=True, show_default="the shipped one of the modality"),
]
Leaks = Annotated[
    LeakRule,
    typer.Option(help="Patients or near-duplicate pictures in two parts: refuse, drop them from this part, or allow."),
]
Licence = Annotated[str, typer.Option("--weights-licence", help="Licence of the weights, written into the card.")]
Version = Annotated[str, typer.Option("--weights-version", help="Version written into the card.")]


def trained(train: Callable[[], Card], out: Path) -> None:
    """Train, and say what validation found; data or a start that can't be used are wrong usage."""
    try:
        card = train()
    except (SourceError, WeightsError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    typer.echo(f"Validation: {card.metrics['validation']}\nThe network and its card are in {out}")
