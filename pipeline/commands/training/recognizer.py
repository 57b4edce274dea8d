"""``lungct train recognizer``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ....classify.modality.recipe import RecognizerRecipe
from ....common.modality import Modality
from ..options import require_train_extra
from ..settings_options import takes
from .options import RECIPE_OPTIONS, Licence, Out, Version, trained

DATA_HELP = "Folder of pictures or scans, or a data set as for train classify, with its split. May be repeated."

OPTIONS = {
    "epoch_size": Annotated[int, typer.Option(min=1, help="Pictures per epoch, drawn equally from data sets.")],
    **RECIPE_OPTIONS,
}


@takes(RecognizerRecipe(), OPTIONS, "recipe")
def recognizer(
    ct: Annotated[list[Path], typer.Option(help=f"CT slices. {DATA_HELP}", exists=True)],
    xray: Annotated[list[Path], typer.Option(help=f"Chest X-rays. {DATA_HELP}", exists=True)],
    out: Out,
    weights_version: Version = "own",
    weights_licence: Licence = "not stated",
    *,
    recipe: RecognizerRecipe,
) -> None:
    """Train the small network that distinguishes X-rays from CT slices, so that each gets the right networks.

    Writes checkpoints, history.csv, history.png, and the network with its card, chest-modality.json.

    Example: lungct train recognizer --ct covid-ct --ct sarscov2-ct --xray xrays.csv --out run
    """
    require_train_extra()
    from ....classify.modality.train import train_recognizer

    data: dict[Modality, list[Path]] = {"ct": ct, "xray": xray}
    trained(lambda: train_recognizer(data, out, recipe, version=weights_version, licence=weights_licence), out)
