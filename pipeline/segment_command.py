"""``lungct segment``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..lungseg import LungSegmenter, find_lungs
from ..sources import Intensity, SourceError, read_scan
from ..weights import SEGMENTERS, load_card
from .files import unique_stems, write_roi, write_volume
from .inputs import Input, list_inputs, name_of
from .options import (
    EngineName,
    EngineOption,
    IntensityName,
    IntensityOption,
    MaskName,
    MasksOption,
    ModalityName,
    ModalityOption,
    PrecisionName,
    PrecisionOption,
    Sources,
    ThreadsOption,
    errors,
    finish,
    intensity_of,
    plain_failures,
    with_progress,
    write_csv,
)
from .pipeline import warnings_of

COLUMNS = ("source", "slices", "lung_fraction", "confidence", "warnings", "error")


def segment(
    paths: Sources,
    out: Annotated[Path, typer.Option(help="Folder for segmentations.csv and, for each input, a mask and an ROI.")],
    masks: MasksOption = MaskName.auto,
    modality: ModalityOption = ModalityName.ct,
    intensity: IntensityOption = IntensityName.auto,
    engine: EngineOption = EngineName.auto,
    precision: PrecisionOption = PrecisionName.f32,
    threads: ThreadsOption = None,
) -> None:
    """Find the lungs in each input and write masks and regions of interest, without judging them.

    The mask of a slice is a PNG of 0 and 255. The region of interest is the slice times the mask: a PNG for pictures,
    an int16 TIFF in HU with -1024 outside the lungs for calibrated scans. Those of a volume are NIfTI on the grid of
    the input. Exit codes as for predict.

    Example: lungct segment examples/slices --out masks
    """
    sources = list_inputs(paths, modality=modality.value)
    stems = unique_stems([name_of(source) for source in sources])
    with plain_failures():
        out.mkdir(parents=True, exist_ok=True)
        segmenter = LungSegmenter(load_card(SEGMENTERS[modality.value]), engine.value, precision.value, threads)
        named = with_progress(zip(sources, stems, strict=True), len(sources), "Segmenting")
        rows = [_segment_one(source, stem, segmenter, intensity_of(intensity), out, masks) for source, stem in named]
        write_csv(out / "segmentations.csv", COLUMNS, rows)
    typer.echo(f"Masks and regions of interest are in {out}")
    finish(sum("error" in row for row in rows), len(rows))


def _segment_one(
    source: Input,
    stem: str,
    segmenter: LungSegmenter,
    intensity: Intensity | None,
    out: Path,
    masks: MaskName,
) -> dict[str, Any]:
    """Write one input's files and return its row."""
    try:
        scan, lungs = find_lungs(segmenter, read_scan(source, intensity=intensity))
        written = write_volume(out, stem, lungs.mask, scan, masks.value, segmenter.model)
    except SourceError as error:
        errors.print(str(error), style="red", markup=False)
        return {"source": name_of(source), "error": str(error)}
    write_roi(out, stem, lungs.mask, scan, a_slice_each=written[0].suffix == ".png")
    return {
        "source": name_of(source),
        "slices": len(scan),
        "lung_fraction": round(lungs.lung_fraction, 4),
        "confidence": round(float(lungs.confidence.mean()), 4),
        "warnings": " ".join(warnings_of(scan, lungs.flags, lung_found=bool(lungs.mask.any()))),
    }
