"""``lungct train recognizer``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..sources import SourceError
from .options import require_train_extra
from .train_command import Epochs, LearningRate, Licence, Out, Seed, ValidationShare, Version

DATA_HELP = "Folder of pictures or scans, or a data set as for train classify, whose split is kept; repeat for more."


def recognizer(
    ct: Annotated[list[Path], typer.Option(help=f"CT slices. {DATA_HELP}", exists=True)],
    xray: Annotated[list[Path], typer.Option(help=f"Chest X-rays. {DATA_HELP}", exists=True)],
    out: Out,
    epochs: Epochs = 12,
    epoch_size: Annotated[int, typer.Option(min=1, help="Pictures an epoch, drawn evenly over sets.")] = 2400,
    learning_rate: LearningRate = 2e-3,
    validation_share: ValidationShare = 0.25,
    seed: Seed = 0,
    weights_version: Version = "own",
    weights_licence: Licence = "not stated",
) -> None:
    """Train the small network that tells pictures of X-rays from pictures of CT slices, so that neither is misjudged.

    Writes checkpoints, history.csv, history.png, and the network with its card, chest-modality.json.

    Example: lungct train recognizer --ct covid-ct --ct sarscov2-ct --xray xrays.csv --out run
    """
    require_train_extra()
    from ..classify.recognizer_training import RecognizerRecipe, train_recognizer

    recipe = RecognizerRecipe(
        epochs=epochs, epoch_size=epoch_size, learning_rate=learning_rate, validation_share=validation_share, seed=seed
    )
    try:
        card = train_recognizer({"ct": ct, "xray": xray}, out, recipe, version=weights_version, licence=weights_licence)
    except (SourceError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    typer.echo(f"Validation: {card.metrics['validation']}\nThe network and its card are in {out}")
