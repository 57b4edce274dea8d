"""``lungct train lungseg``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ....lungseg.training.recipe import SegmenterRecipe
from ..options import optional_paths, require_train_extra
from ..settings_options import takes
from .options import RECIPE_OPTIONS, Init, Licence, Out, Version, trained

OPTIONS = {
    "architecture": Annotated[
        str, typer.Option("--arch", help="bcdunet, unet, or segmentation-models' sm-unet, sm-fpn, sm-linknet.")
    ],
    "size": Annotated[
        int,
        typer.Option(help="Side of the examples in pixels: a multiple of 8; with stride 2, of 16; for sm-*, of 32."),
    ],
    "filters": Annotated[int, typer.Option(min=2, help="Filters of the first level, for bcdunet and unet.")],
    "dense_blocks": Annotated[int, typer.Option(min=1, help="Blocks in the dense bottleneck; the paper uses 1 and 3.")],
    "bidirectional": Annotated[
        bool, typer.Option(help="Use both ConvLSTM directions, as in the paper, or one, as in its published code.")
    ],
    "stride": Annotated[
        int, typer.Option(min=1, max=2, help="2 halves the picture inside bcdunet, which is a quarter of the work.")
    ],
    "init_share": Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of --init's weights in those written, the rest being trained ones."),
    ],
    **RECIPE_OPTIONS,
}


@takes(SegmenterRecipe(), OPTIONS, "recipe")
def lungseg(
    images: Annotated[
        list[Path], typer.Option(help="Folder of slices; may be repeated for more data sets.", exists=True)
    ],
    masks: Annotated[
        list[Path], typer.Option(help="Folder of their masks, same names; one per --images.", exists=True)
    ],
    out: Out,
    patients: Annotated[
        list[str] | None,
        typer.Option(help="CSV with columns file and patient, one per --images; '-' for none."),
    ] = None,
    init: Init = None,
    ship_size: Annotated[
        int | None, typer.Option(help="Side of the written network's input.", show_default="as trained")
    ] = None,
    weights_version: Version = "own",
    weights_licence: Licence = "not stated",
    *,
    recipe: SegmenterRecipe,
) -> None:
    """Train the lung segmenter, by default a BCD U-Net, on slices and lung masks.

    Writes checkpoints, history.csv, history.png, and the network with its card: use it with
    LungSegmenter.from_card("OUT/bcdunet-lung.json"), or for X-rays bcdunet-lung-xray.json.

    Example: lungct train lungseg --images ct --masks lungs --patients patients.csv --out run
    """
    tables = optional_paths(patients, len(images))
    if len(masks) != len(images) or tables is None:
        raise typer.BadParameter("give --masks, and --patients if used, once for each --images")
    require_train_extra()
    from ....lungseg.data.dataset import DataSet
    from ....lungseg.training.train import train_segmenter

    data_sets = [DataSet(*folders) for folders in zip(images, masks, tables, strict=True)]
    trained(
        lambda: train_segmenter(
            data_sets, out, recipe, init, version=weights_version, licence=weights_licence, ship_size=ship_size
        ),
        out,
    )
