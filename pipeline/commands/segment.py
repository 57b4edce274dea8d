"""``lungct segment``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from ...common.progress import with_progress
from ...common.text import write_csv
from ...lungseg import LungSegmenter, find_lungs
from ...sources import SourceError, read_scan
from ..batch.inputs import Input, list_inputs, name_of
from ..decision import warnings_of, warnings_of_labels
from ..results.data import MaskFormat
from ..results.files import require_masks, unique_stems, write_roi, write_volume
from ..settings import SegmenterSettings
from .options import (
    MASKS_HELP,
    LabelsOption,
    Sources,
    errors,
    finish,
    opened_segmenter,
    plain_failures,
    say_left_out,
    takes_segmenter,
)

COLUMNS = ("source", "slices", "lung_fraction", "confidence", "warnings", "error")


@takes_segmenter
def segment(
    paths: Sources,
    out: Annotated[
        Path, typer.Option(help="Folder for segmentations.csv and a mask and a region of interest for each input.")
    ],
    masks: Annotated[MaskFormat, typer.Option(help=MASKS_HELP)] = "auto",
    labels: LabelsOption = False,
    *,
    settings: SegmenterSettings,
) -> None:
    """Find the lungs in each input, and write masks and regions of interest, without a prediction.

    The mask of a slice is a PNG of 0 and 255. The region of interest is the slice times the mask: a PNG for pictures,
    or for calibrated scans an int16 TIFF in HU with -1024 outside the lungs. For volumes, both are NIfTI on the input's
    grid. Exit codes as for predict.

    Example: lungct segment examples/slices --out masks
    """
    require_masks(masks)
    left_out: Counter[str] = Counter()
    sources = list_inputs(paths, modality=settings.modality, left_out=left_out, outside=out)
    say_left_out(left_out)
    stems = unique_stems([name_of(source) for source in sources])
    with plain_failures():
        out.mkdir(parents=True, exist_ok=True)
        segmenter = opened_segmenter(settings)
        named = with_progress(zip(sources, stems, strict=True), "Segmenting", len(sources))
        rows = [_segment_one(source, stem, segmenter, settings, out, masks, labels=labels) for source, stem in named]
        write_csv(out / "segmentations.csv", COLUMNS, rows)
    typer.echo(f"Masks and regions of interest are in {out}")
    finish(sum("error" in row for row in rows), len(rows))


def _segment_one(
    source: Input,
    stem: str,
    segmenter: LungSegmenter,
    settings: SegmenterSettings,
    out: Path,
    masks: MaskFormat,
    *,
    labels: bool,
) -> dict[str, Any]:
    """Write one input's files and return its row."""
    try:
        scan = read_scan(source, intensity=settings.intensity)
        scan.check_is(settings.modality)
        scan, lungs = find_lungs(segmenter, scan)
        found = lungs.labels if labels else lungs.mask
        written = write_volume(out, stem, found, scan, masks, {"segmenter": segmenter.provenance})
    except SourceError as error:
        errors.print(str(error), style="red", markup=False)
        return {"source": name_of(source), "error": str(error)}
    write_roi(out, stem, lungs.mask, scan, a_slice_each=written[0].suffix == ".png")
    codes = warnings_of(scan, lungs, lung_found=bool(lungs.mask.any()))
    return {
        "source": name_of(source),
        "slices": len(scan),
        "lung_fraction": round(lungs.lung_fraction, 4),
        "confidence": round(float(lungs.confidence.mean()), 4),
        "warnings": " ".join(codes + (warnings_of_labels(scan) if labels else ())),
    }
