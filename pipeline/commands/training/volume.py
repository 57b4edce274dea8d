"""``lungct train volume``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ....classify.volume.preprocessing import Sampling, VolumeRegion
from ....classify.volume.recipe import VolumeRecipe
from ....weights import SEGMENTER, load_card
from ..options import require_train_extra
from ..settings_options import takes
from .options import RECIPE_OPTIONS, Init, LeastSensitivity, Licence, Out, Segmenter, Version, trained

SIDES = "slices x height x width, such as 64x128x128"


def _shape(words: str | tuple[int, int, int]) -> tuple[int, int, int]:
    if isinstance(words, tuple):  # the default
        return words
    sides = words.lower().split("x")
    if len(sides) != 3 or not all(side.isdecimal() and int(side) >= 8 for side in sides):
        raise typer.BadParameter(f"{words!r} is not {SIDES}, each at least 8", param_hint="--size")
    slices, height, width = map(int, sides)
    return slices, height, width


OPTIONS = {
    "shape": Annotated[
        Any,
        typer.Option(
            "--size",
            help=f"Input size: {SIDES} (Zunair et al.), or 32x64x64, which is ten times faster.",
            parser=_shape,
            show_default="64x128x128",
        ),
    ],
    "sampling": Annotated[
        Sampling,
        typer.Option(
            help="How the lungs' box is fitted: fixed (stretched), or isotropic (true proportions, which needs volumes "
            "with a spacing)."
        ),
    ],
    "region": Annotated[
        VolumeRegion, typer.Option(help="What the network is shown: masked (the lungs alone) or crop (their box).")
    ],
    "filters": Annotated[
        int, typer.Option(min=1, help="Filters of the first block; 64 in the paper, 8 is enough for two cores.")
    ],
    "epoch_size": Annotated[
        int,
        typer.Option(
            min=0, help="Volumes per epoch, drawn equally from data sets and classes; 0: the number of volumes."
        ),
    ],
    **RECIPE_OPTIONS,
}


@takes(VolumeRecipe(), OPTIONS, "recipe")
def volume(
    data: Annotated[
        list[Path],
        typer.Option(
            help="Labelled volumes, NIfTI or DICOM: MosMedData's folder (CT-0 to CT-4, or studies/); a folder "
            "with COVID/ and NonCOVID/, in which each file or folder of DICOM files is a volume; or a CSV with columns "
            "path, label, and optionally patient, source, split. May be repeated.",
            exists=True,
        ),
    ],
    out: Out,
    grade: Annotated[
        list[int] | None,
        typer.Option(min=0, max=4, help="MosMedData grade to use: 0 is non-COVID, 1 to 4 COVID. May be repeated."),
    ] = None,
    init: Init = None,
    segmenter: Segmenter = None,
    sensitivity: LeastSensitivity = None,
    weights_version: Version = "own",
    weights_licence: Licence = "not stated",
    *,
    recipe: VolumeRecipe,
) -> None:
    """Train a classifier of whole volumes (3-D CNN, focal loss); none is shipped.

    The segmenter finds the lungs once, before training; studies that can't be read or show no lung are left out and
    listed in OUT/skipped.csv. Writes checkpoints, history.csv, history.png, and the network with its card: use it with
    lungct predict --volume-classifier OUT/cnn3d-covid.json, or VolumeClassifier.from_card.
    It can be killed at any time and resumed by the same command. See docs/training-volume.md.

    Example: lungct train volume --data MosMedData --grade 0 --grade 2 --grade 3 --out run
    """
    require_train_extra()
    from ....classify.volume.train import train_volume_classifier
    from ....lungseg import LungSegmenter
    from ....lungseg.finder import lung_finder

    first_stage = LungSegmenter(load_card(segmenter or SEGMENTER))
    trained(
        lambda: train_volume_classifier(
            data,
            lung_finder(first_stage),
            out,
            recipe,
            init,
            version=weights_version,
            licence=weights_licence,
            grades=tuple(sorted(set(grade or ()))),
            segmenter=first_stage.card.sha256,
            sensitivity=sensitivity,
        ),
        out,
    )
