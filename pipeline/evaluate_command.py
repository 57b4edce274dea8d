"""``lungct evaluate lungseg``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..lungseg import LungSegmenter
from ..sources import SourceError
from ..weights import load_card
from .options import (
    EngineName,
    EngineOption,
    ThreadsOption,
    optional_paths,
    plain_failures,
    require_train_extra,
    with_progress,
)

if TYPE_CHECKING:
    from ..lungseg.dataset import LabelledScan

evaluate_app = typer.Typer(help="Measure the networks on data with known answers.", no_args_is_help=True)


@evaluate_app.command()
def lungseg(
    images: Annotated[list[Path], typer.Option(help="Folder of scans; repeat for more data sets.", exists=True)],
    masks: Annotated[
        list[Path], typer.Option(help="Folder of their lung masks, same names; one per --images.", exists=True)
    ],
    out: Annotated[Path, typer.Option(help="Folder for report.html, report.json, slices.csv and patients.csv.")],
    patients: Annotated[
        list[str] | None,
        typer.Option(help="CSV with columns file and patient, one per --images, '-' where there is none."),
    ] = None,
    infections: Annotated[
        list[str] | None,
        typer.Option(help="Folder of infection masks, one per --images, '-' where there is none."),
    ] = None,
    segmenter: Annotated[
        Path | None, typer.Option(help="Card of the network to measure; the shipped one by default.", exists=True)
    ] = None,
    validation_share: Annotated[
        float | None,
        typer.Option(min=0.01, max=0.9, help="Measure only the patients a training run with this share set aside."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of that training run.")] = 0,
    flags: Annotated[
        bool, typer.Option(help="Also measure the warnings on failures made from the scans; needs the train extra.")
    ] = False,
    engine: EngineOption = EngineName.openvino,
    threads: ThreadsOption = None,
) -> None:
    """Compare the lungs found with lungs drawn by people.

    Dice, Jaccard, sensitivity, specificity, average surface distance and 95 % Hausdorff distance (pixels, and mm
    where the spacing is known), the share of infected pixels kept, and Dice on tight crops in random windows; by data
    set and patient, with bootstrap intervals and the ten worst slices as pictures.

    Example: lungct evaluate lungseg --images ct --masks lungs --patients patients.csv --out report
    """
    from ..lungseg.dataset import DataSet
    from ..lungseg.evaluation import evaluate_segmenter
    from ..lungseg.report import write_report

    tables, infected = optional_paths(patients, len(images)), optional_paths(infections, len(images))
    if len(masks) != len(images) or tables is None or infected is None:
        raise typer.BadParameter("give --masks, and --patients and --infections if at all, once for each --images")
    if flags:
        require_train_extra()
        from ..lungseg.failures import measure_flags
    with plain_failures():
        network = LungSegmenter(load_card(segmenter) if segmenter else None, engine.value, threads)
        try:
            data_sets = [DataSet(*folders) for folders in zip(images, masks, tables, infected, strict=True)]
            files = [
                data_set.split(validation_share, seed)[1] if validation_share else list(data_set.files())
                for data_set in data_sets
            ]

            def scans(what: str) -> Iterator[LabelledScan]:
                every = (scan for data_set, some in zip(data_sets, files, strict=True) for scan in data_set.scans(some))
                return with_progress(every, sum(map(len, files)), what)

            evaluation = evaluate_segmenter(network, scans("Measuring"))
            found = measure_flags(network, scans("Making failures")) if flags else []
        except (SourceError, ValueError) as error:
            raise typer.BadParameter(str(error)) from error
        page = write_report(evaluation, network.card, out, found)
    for name, figures in evaluation.summary().items():
        if "dice" in figures:
            low, high = figures["dice"]["interval"]
            typer.echo(f"{name}: Dice {figures['dice']['mean']:.4f} ({low:.4f} to {high:.4f}), see {page}")
