"""Define `preprocess`, which yields normalised, masked, lung-cropped slices for training other models."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...classify.data.perceptual import perceptual_hash
from ...classify.roi import Box
from ...lungseg import LungSegmenter, find_lungs
from ...sources import Intensity, Scan, SourceError, read_scan
from ...sources.reader import is_single
from ..batch.listing import list_items
from ..batch.predictor import available
from ..batch.remote import RemoteFile
from ..decision import warnings_of
from ..settings import DEFAULTS as SHIPPED
from ..settings import SegmenterSettings, open_segmenter
from .settings import DEFAULTS, PreprocessSettings


@dataclass(frozen=True, eq=False)
class ProcessedSlice:
    """One slice, or the warning or error of an input without slices.

    Parameters
    ----------
    source : str
        The path, or a description of the array.
    pixels : ndarray of float32 or None
        Values in [0, 1], (size, size) or the crop's own shape; None if there is no slice.
    index : int or None
        Index of the slice in the scan, from 0; from feet to head if the orientation is known.
    position_mm : float or None
        Position along the patient, relative to the scan's first slice; None if unknown.
    box : tuple of slice or None
        Rows and columns of the scan's slice that `pixels` show.
    shape : tuple of int or None
        Rows and columns of the scan's slice.
    lung_fraction : float or None
        Share of the scan's slice that is lung, 0 to 1.
    intensity : {"hu", "display"} or None
        What the scan's values mean.
    warnings : tuple of str
        Warnings of the scan, see `Prediction`; and ``no-slice-kept`` if the settings exclude all slices.
    hash : str or None
        Perceptual hash of the scan's whole slice, 64 hexadecimal digits.
    error : str or None
        Why the input can't be read.
    extra : mapping
        Other columns of the table that listed the input.
    """

    source: str
    pixels: NDArray[np.float32] | None = None
    index: int | None = None
    position_mm: float | None = None
    box: Box | None = None
    shape: tuple[int, int] | None = None
    lung_fraction: float | None = None
    intensity: Intensity | None = None
    warnings: tuple[str, ...] = ()
    hash: str | None = None
    error: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


def preprocess(
    inputs: Any,
    settings: PreprocessSettings = DEFAULTS,
    *,
    lungs: SegmenterSettings = SHIPPED,
    path_column: str | None = None,
) -> Iterator[ProcessedSlice]:
    """Yield slices for training, one scan in memory at a time.

    Parameters
    ----------
    inputs : path, array_like, Scan, or an iterable of them
        Paths may be files, folders, patterns, tables or URLs, see `lungct.pipeline.batch.listing.list_items`; for other
        inputs see `lungct.sources.read_scan`.
    settings : PreprocessSettings
    lungs : SegmenterSettings
        How lungs are found.
    path_column : str, optional
        The path column in tables.

    Yields
    ------
    ProcessedSlice
        At least one per input. If the input can't be read it has `error`, and without lung it has a warning; neither
        has `pixels`.

    Raises
    ------
    SourceError
        When a table of inputs can't be read.
    WeightsError
        When the network can't be opened.
    """
    segmenter = open_segmenter(lungs)
    for source, extra in _listed([inputs] if is_single(inputs) else inputs, path_column):
        try:
            with available(source) as here:
                scan = read_scan(here, intensity=lungs.intensity)
                scan.check_is(segmenter.card.modality)
        except SourceError as error:
            yield ProcessedSlice(error.source, error=str(error), extra=extra)
            continue
        if isinstance(source, RemoteFile):  # name the URL, not the temporary copy
            scan = replace(scan, source=source.url)
        yield from slices_of(scan, segmenter, settings, extra)


def slices_of(
    scan: Scan, segmenter: LungSegmenter, settings: PreprocessSettings, extra: Mapping[str, Any] | None = None
) -> Iterator[ProcessedSlice]:
    """Yield the slices of one scan, or one without pixels if none is kept."""
    scan, lungs = find_lungs(segmenter, scan)
    warnings = warnings_of(scan, lungs, lung_found=bool(lungs.mask.any()))
    kept = [index for index, mask in enumerate(lungs.mask) if settings.keeps(index, mask)]
    common: dict[str, Any] = {"source": scan.source, "intensity": scan.intensity, "extra": extra or {}}
    if not kept:
        fraction = lungs.lung_fraction
        yield ProcessedSlice(warnings=(*warnings, "no-slice-kept"), lung_fraction=fraction, **common)
    positions = _positions(scan)
    for index in kept:
        mask = lungs.mask[index]
        pixels, box = settings.cut(scan.pixels[index], scan.intensity, mask)
        yield ProcessedSlice(
            pixels=pixels,
            index=index,
            position_mm=None if positions is None else float(positions[index]),
            box=box,
            shape=(mask.shape[0], mask.shape[1]),
            lung_fraction=float(mask.mean()),
            warnings=warnings,
            hash=perceptual_hash(scan.pixels[index], scan.intensity).tobytes().hex(),
            **common,
        )


def _positions(scan: Scan) -> NDArray[np.float64] | None:
    """Return the slices' positions along the patient in mm from the first; None if unknown."""
    if scan.spacing is None or len(scan) < 2:
        return None
    return np.asarray(scan.metadata.get("slice_positions", np.arange(len(scan)) * scan.spacing[0]), dtype=np.float64)


def _listed(given: Iterable[Any], path_column: str | None) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    """Yield sources, with the other columns of the table that listed them."""
    for one in given:
        if isinstance(one, (str, os.PathLike)):
            for item in list_items([one], path_column).items:
                yield item.source, item.extra
        else:
            yield one, {}
