"""Options shared by the training commands, and how they end."""

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
    "epochs": Annotated[int, typer.Option(min=1, help="Total number of epochs.")],
    "batch_size": Annotated[int, typer.Option("--batch", min=1, help="Slices or volumes per training step.")],
    "learning_rate": Annotated[float, typer.Option(help="Peak learning rate; it falls to zero along a cosine.")],
    "dropout": Annotated[float, typer.Option(min=0, max=0.9, help="Share of features dropped.")],
    "gamma": Annotated[float, typer.Option(min=0, help="Gamma of the focal loss: 0 (cross-entropy), or at least 1.")],
    "alpha": Annotated[
        float, typer.Option(min=0.01, max=0.99, help="Weight of COVID in the focal loss; 0.5 weights both equally.")
    ],
    "validation_share": Annotated[
        float, typer.Option(min=0.01, max=0.9, help="Share of patients kept for validation.")
    ],
    "exclude": Annotated[
        list[str] | None,
        typer.Option(help="Leave out training pictures with this in their file name (wrong masks). May be repeated."),
    ],
    "seed": Annotated[int, typer.Option(help="The same seed, data and versions give the same split and augmentation.")],
}
"""Fields that recipes have in common; each command adds those of its own recipe."""

Out = Annotated[Path, typer.Option(help="Folder of the run; an interrupted run there is resumed.")]
Init = Annotated[
    Path | None,
    typer.Option(
        help="Initial weights: a run's .weights.h5 or a card; random if omitted.", exists=True, dir_okay=False
    ),
]
LeastSensitivity = Annotated[
    float | None,
    typer.Option(min=0.01, max=1, help="Choose the highest threshold with this sensitivity; by default, Youden's."),
]
Segmenter = Annotated[
    Path | None,
    typer.Option(help="Card of the lung segmenter.", exists=True, show_default="the shipped one for the modality"),
]
Leaks = Annotated[
    LeakRule,
    typer.Option(help="If parts share patients or near-duplicates: refuse, drop them from this part, or allow."),
]
Licence = Annotated[str, typer.Option("--weights-licence", help="Licence of the weights, stored in the card.")]
Version = Annotated[str, typer.Option("--weights-version", help="Version of the weights, stored in the card.")]


def trained(train: Callable[[], Card], out: Path) -> None:
    """Train and print the validation metrics; unusable data or initial weights count as wrong usage."""
    try:
        card = train()
    except (SourceError, WeightsError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    typer.echo(f"Validation: {card.metrics['validation']}\nThe network and its card are in {out}")
