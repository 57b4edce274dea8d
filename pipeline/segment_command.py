"""``lungct segment``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from ..lungseg import LungSegmenter
from ..sources import Intensity, Scan, SourceError, read_scan
from .files import slice_names, unique_stems, write_mask
from .inputs import list_inputs
from .options import (
    EngineName,
    EngineOption,
    IntensityName,
    IntensityOption,
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
    out: Annotated[Path, typer.Option(help="Folder for segmentations.csv and, per slice, a mask and an ROI.")],
    intensity: IntensityOption = IntensityName.auto,
    engine: EngineOption = EngineName.openvino,
    threads: ThreadsOption = None,
) -> None:
    """Find the lungs in each input and write masks and regions of interest, without judging them.

    The mask is a PNG of 0 and 255. The region of interest is the slice times the mask: a PNG for pictures, an
    int16 TIFF in HU with -1024 outside the lungs for calibrated scans. Exit codes as for predict.

    Example: lungct segment examples/slices --out masks
    """
    sources = list_inputs(paths)
    stems = unique_stems([str(source) for source in sources])
    with plain_failures():
        out.mkdir(parents=True, exist_ok=True)
        segmenter = LungSegmenter(engine=engine.value, threads=threads)
        named = with_progress(zip(sources, stems, strict=True), len(sources), "Segmenting")
        rows = [_segment_one(source, stem, segmenter, intensity_of(intensity), out) for source, stem in named]
        write_csv(out / "segmentations.csv", COLUMNS, rows)
    typer.echo(f"Masks and regions of interest are in {out}")
    finish(sum("error" in row for row in rows), len(rows))


def _segment_one(
    source: Path, stem: str, segmenter: LungSegmenter, intensity: Intensity | None, out: Path
) -> dict[str, Any]:
    """Write one input's files and return its row."""
    try:
        scan = read_scan(source, intensity=intensity)
    except SourceError as error:
        errors.print(str(error), style="red", markup=False)
        return {"source": str(source), "error": str(error)}
    lungs = segmenter.segment(scan)
    _write(scan, lungs.mask, out, stem)
    return {
        "source": str(source),
        "slices": len(scan),
        "lung_fraction": round(lungs.lung_fraction, 4),
        "confidence": round(float(lungs.confidence.mean()), 4),
        "warnings": " ".join(warnings_of(scan, lungs.flags, lung_found=bool(lungs.mask.any()))),
    }


def _write(scan: Scan, masks: NDArray[np.bool_], folder: Path, stem: str) -> None:
    for name, pixels, mask in zip(slice_names(stem, len(scan)), scan.pixels, masks, strict=True):
        write_mask(folder / f"{name}_mask.png", mask)
        if scan.intensity == "hu":
            import tifffile

            roi = np.where(mask, np.clip(np.rint(pixels), -32768, 32767), -1024).astype(np.int16)
            tifffile.imwrite(folder / f"{name}_roi.tif", roi, compression="zlib")
        else:
            Image.fromarray(np.rint(pixels * mask * 255).astype(np.uint8)).save(folder / f"{name}_roi.png")
