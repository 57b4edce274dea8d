"""``lungct compare lungseg``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ....lungseg.training.recipe import SegmenterRecipe
from ....sources import SourceError
from ..options import optional_paths, require_train_extra
from ..settings_options import takes
from .options import RECIPE_OPTIONS

SMALL = SegmenterRecipe(size=96, epochs=8, validation_share=0.25)

OPTIONS = {
    "size": Annotated[int, typer.Option(help="Side of the training examples in pixels, a multiple of 32.")],
    **{name: option for name, option in RECIPE_OPTIONS.items() if name != "modality"},
}


compare_app = typer.Typer(
    help=r"Train several networks and compare them; needs the extra \[train].", no_args_is_help=True
)


@compare_app.command()
@takes(SMALL, OPTIONS, "recipe")
def lungseg(
    images: Annotated[
        list[Path], typer.Option(help="Folder of slices; may be repeated for more data sets.", exists=True)
    ],
    masks: Annotated[
        list[Path], typer.Option(help="Folder of their masks, same names; one per --images.", exists=True)
    ],
    out: Annotated[Path, typer.Option(help="Folder for the runs and the table; finished runs there are not repeated.")],
    patients: Annotated[
        list[str] | None,
        typer.Option(help="CSV with columns file and patient, one per --images; '-' for none."),
    ] = None,
    network: Annotated[
        list[str] | None, typer.Option(help="One of the networks below. May be repeated. By default, all.")
    ] = None,
    *,
    recipe: SegmenterRecipe,
) -> None:
    """Train several segmenters on the same data with the same budget, and write a table that compares them.

    Networks: bcdunet-16-d3 (the shipped one), bcdunet-16-d1, bcdunet-16-d3-one-way, bcdunet-32-d3, unet-28,
    sm-unet, sm-fpn, sm-linknet.

    Example: lungct compare lungseg --images ct --masks lungs --network bcdunet-16-d3 --network unet-28 --out runs
    """
    tables = optional_paths(patients, len(images))
    if len(masks) != len(images) or tables is None:
        raise typer.BadParameter("give --masks, and --patients if used, once for each --images")
    require_train_extra()
    from ....lungseg.data.dataset import DataSet
    from ....lungseg.training.comparison import VARIANTS, compare_networks

    data_sets = [DataSet(*folders) for folders in zip(images, masks, tables, strict=True)]
    try:
        table = compare_networks(data_sets, out, recipe, network or tuple(VARIANTS))
    except (SourceError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    typer.echo(f"{table.read_text(encoding='utf-8')}\nThe table is in {table}")
