"""``lungct train volume``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..classify.volume_preprocessing import Sampling, VolumeRegion
from ..weights import WeightsError, load_card
from .options import require_train_extra
from .train_command import (
    Alpha,
    Dropout,
    Epochs,
    Gamma,
    Init,
    LearningRate,
    LeastSensitivity,
    Licence,
    Out,
    Seed,
    ValidationShare,
    Version,
)

SIDES = "slices x height x width, as 64x128x128"


def volume(
    data: Annotated[
        list[Path],
        typer.Option(
            help="Labelled volumes, NIfTI or DICOM: MosMedData's folder (CT-0 to CT-4, or studies/ that holds them), a "
            "folder with COVID/ and NonCOVID/, each file or folder of DICOM files in them a volume, or a CSV with "
            "columns path, label, and patient, source, split where known. Repeat for more.",
            exists=True,
        ),
    ],
    out: Out,
    grade: Annotated[
        list[int] | None,
        typer.Option(min=0, max=4, help="Of MosMedData, use this grade: 0 is non-COVID, 1 to 4 COVID; repeat."),
    ] = None,
    init: Init = None,
    size: Annotated[
        str, typer.Option(help=f"Of the input: {SIDES} (Zunair et al.), or 32x64x64, ten times faster.")
    ] = "64x128x128",
    sampling: Annotated[
        Sampling,
        typer.Option(
            help="How the lungs' box fills it: fixed, stretched to it; isotropic, in true proportions, which needs "
            "volumes that say their spacing."
        ),
    ] = "fixed",
    region: Annotated[
        VolumeRegion, typer.Option(help="What the network sees: masked, the lungs alone; crop, their box.")
    ] = "masked",
    segmenter: Annotated[
        Path | None, typer.Option(help="Card of the lung segmenter; the shipped one by default.", exists=True)
    ] = None,
    filters: Annotated[
        int, typer.Option(min=1, help="Of the first block; 64 in the paper, 8 trains on two cores.")
    ] = 64,
    dropout: Dropout = 0.3,
    epochs: Epochs = 30,
    epoch_size: Annotated[
        int, typer.Option(min=0, help="Volumes an epoch, drawn evenly over sets and classes; 0: as many as there are.")
    ] = 0,
    batch_size: Annotated[int, typer.Option("--batch", min=1, help="Volumes a training step.")] = 4,
    learning_rate: LearningRate = 1e-3,
    gamma: Gamma = 2.0,
    alpha: Alpha = 0.5,
    sensitivity: LeastSensitivity = None,
    validation_share: ValidationShare = 0.2,
    seed: Seed = 0,
    weights_version: Version = "own",
    weights_licence: Licence = "not stated",
) -> None:
    """Train a classifier of whole volumes (3-D CNN, focal loss); none is shipped.

    The lungs are found by the segmenter first, once; studies that can't be read or show no lung are left out and named
    in OUT/skipped.csv. Writes checkpoints, history.csv, history.png, and the network with its card: use it with
    lungct predict --volume-classifier OUT/cnn3d-covid.json, or VolumeClassifier.from_card.
    Killed, the same command goes on. See docs/training-volume.md.

    Example: lungct train volume --data MosMedData --grade 0 --grade 2 --grade 3 --out run
    """
    shape = _shape(size)
    require_train_extra()
    from ..classify.volume_recipe import VolumeRecipe
    from ..classify.volume_training import train_volume_classifier
    from ..lungseg import LungSegmenter

    first_stage = LungSegmenter(load_card(segmenter) if segmenter else None)
    try:
        recipe = VolumeRecipe(
            shape=shape,
            sampling=sampling,
            region=region,
            filters=filters,
            dropout=dropout,
            epochs=epochs,
            epoch_size=epoch_size,
            batch_size=batch_size,
            learning_rate=learning_rate,
            gamma=gamma,
            alpha=alpha,
            validation_share=validation_share,
            seed=seed,
        )
        card = train_volume_classifier(
            data,
            lambda scan: first_stage.segment(scan).mask,
            out,
            recipe,
            init,
            version=weights_version,
            licence=weights_licence,
            grades=tuple(sorted(set(grade or ()))),
            segmenter=first_stage.card.sha256,
            sensitivity=sensitivity,
        )
    except (WeightsError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    typer.echo(f"Validation: {card.metrics['validation']}\nThe network and its card are in {out}")


def _shape(words: str) -> tuple[int, int, int]:
    sides = words.lower().split("x")
    if len(sides) != 3 or not all(side.isdecimal() and int(side) >= 8 for side in sides):
        raise typer.BadParameter(f"{words!r} is not {SIDES}, each at least 8", param_hint="--size")
    slices, height, width = map(int, sides)
    return slices, height, width
