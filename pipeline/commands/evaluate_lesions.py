"""``lungct evaluate lesions``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ...common.page import figure_in_words
from ...lungseg import find_lungs
from ...sources import SourceError
from ..results.wording import DISCLAIMER
from ..settings import PipelineSettings
from .evaluate import NETWORKS, Images, Patients, Seed, ValidationShare, read_scans
from .options import PIPELINE_OPTIONS, opened, optional_paths, plain_failures
from .report import require_report_extra
from .settings_options import takes

if TYPE_CHECKING:
    from ...classify.evaluation.lesions.measure import AnnotatedScan
    from ...lungseg import LungSegmenter
    from ...lungseg.data.dataset import LabelledScan

BY_PEOPLE, BY_STAGE_1 = "measured in lungs drawn by people", "measured in the lungs that stage 1 finds, as in use"
"""Which lungs a data set was measured in, in words."""


@takes(PipelineSettings(), {name: PIPELINE_OPTIONS[name] for name in NETWORKS})
def lesions(
    images: Images,
    masks: Annotated[
        list[Path],
        typer.Option(
            help="Folder of their infection masks, same names, empty without infection; one per --images.", exists=True
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for report.html, report.json, slices.csv and patients.csv.")],
    lungs: Annotated[
        list[str] | None,
        typer.Option(
            help="Folder of lung masks to measure in, one per --images; '-' for the lungs that stage 1 finds.",
            show_default="those that stage 1 finds",
        ),
    ] = None,
    patients: Patients = None,
    validation_share: ValidationShare = None,
    seed: Seed = 0,
    *,
    settings: PipelineSettings,
) -> None:
    """Compare the map of infection with infection drawn by people.

    Reports Dice, sensitivity and precision of each patient's pixels, AUROC of the pixels inside the lungs, the error of
    the infected share of the lungs with its limits of agreement, the share of small and large lesions that are hit, and
    what is found in slices without infection; by data set, with bootstrap intervals over patients and pictures of the
    worst slices. Infection outside of the lungs counts as missed. See docs/infection.md.

    Example: lungct evaluate lesions --images ct --masks infections --patients patients.csv --out report
    """
    require_report_extra()
    from ...classify.evaluation.lesions.measure import evaluate_lesions
    from ...classify.evaluation.lesions.page import write_report
    from ...lungseg.data.dataset import DataSet, data_set_names

    tables, drawn = optional_paths(patients, len(images)), optional_paths(lungs, len(images))
    if len(masks) != len(images) or tables is None or drawn is None:
        raise typer.BadParameter("give --masks, and --lungs and --patients if used, once for each --images")
    names = data_set_names(images)
    by_people = {folder for folder, own in zip(images, drawn, strict=True) if own}
    with plain_failures():
        pipe = opened(settings)
        try:
            data_sets = [
                DataSet(folder, own or infected, table, infected, all_infections=True)
                for folder, own, table, infected in zip(images, drawn, tables, masks, strict=True)
            ]
            scans = read_scans(data_sets, validation_share, seed, "Measuring")
            evaluation = evaluate_lesions(pipe.classifier, _with_lungs(scans, pipe.segmenter, by_people, names))
        except (SourceError, ValueError) as error:
            raise typer.BadParameter(str(error)) from error
        regions = {name: BY_PEOPLE if folder in by_people else BY_STAGE_1 for folder, name in names.items()}
        report = write_report(evaluation, pipe.classifier.card, regions, out)
    _print(report, out / "report.html")


def _with_lungs(
    scans: Iterable[LabelledScan], segmenter: LungSegmenter, by_people: Collection[Path], names: Mapping[Path, str]
) -> Iterator[AnnotatedScan]:
    """Yield scans with the lungs to measure in: the drawn ones, or those that stage 1 finds."""
    from ...classify.evaluation.lesions.measure import AnnotatedScan

    for item in scans:
        scan, lungs = item.scan, item.mask
        if item.folder not in by_people:
            scan, found = find_lungs(segmenter, item.scan)
            lungs = found.mask
        infection = item.mask if item.infection is None else item.infection
        yield AnnotatedScan(scan, lungs, infection, item.patient, names[item.folder])


def _print(report: Mapping[str, Any], page: Path) -> None:
    from ...classify.evaluation.lesions.figures import MEASURED_ON, NAMES

    for data_set, found in report["data_sets"].items():
        table = Table(
            title=escape(f"{data_set}: {found['slices']} slices, {found['patients']} patients"), caption=DISCLAIMER
        )
        table.add_column("figure, with its 95 % interval over patients", overflow="fold")
        for title in ("value", *MEASURED_ON):
            table.add_column(title, no_wrap=True)
        for name, words in NAMES.items():
            figure = found["figures"][name]
            table.add_row(words, figure_in_words(figure), *(str(figure.get(what, "")) for what in MEASURED_ON))
        Console().print(table)
    typer.echo(f"See {page}")
