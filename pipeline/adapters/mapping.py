"""Provide plain functions for `map`, process pools and other tools; networks are opened once per process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...lungseg import find_lungs
from ...sources import Intensity, Scan, read_scan
from ...sources.arrays import is_array_like
from ...sources.scan import AIR
from ..settings import PipelineSettings, SegmenterSettings, open_pipeline, open_segmenter

FIELDS = ("label", "probability", "lung_fraction", "warnings", "error")
"""Keys that `predict_record` adds to a record."""


def predict_record(record: Mapping[str, Any], *, prefix: str = "", **options: Any) -> dict[str, Any]:
    """Classify the scan in one record.

    Parameters
    ----------
    record : mapping
        With a path as ``source``, or an array or a Pillow image as ``image``; other entries are kept unchanged.
    prefix : str
        Prefix for the added keys, for records that already have a ``label``.
    **options
        As for `lungct.pipeline.settings.PipelineSettings`, such as ``modality="xray"``; use ``threads=1`` if several
        workers run in parallel.

    Returns
    -------
    dict
        The record with ``label`` (str), ``probability`` (float, 0 to 1; None without lung), ``lung_fraction`` (float,
        0 to 1), ``warnings`` (list of str) and ``error`` (str; None on success, and on failure the others are empty).

    Raises
    ------
    ValueError
        When the record has neither key, or has an entry that would be overwritten.
    """
    source = next((record[key] for key in ("source", "image") if record.get(key) is not None), None)
    if source is None:
        raise ValueError(f"the record has neither 'source' (a path) nor 'image' (an array), only {sorted(record)}")
    taken = sorted(record.keys() & {prefix + name for name in FIELDS})
    if taken:
        raise ValueError(f"the record already has {', '.join(map(repr, taken))}; give another prefix, not {prefix!r}")
    # An iterator, not a list, so that nothing is read ahead.
    settings = PipelineSettings(**options)
    (prediction,) = open_pipeline(settings).stream(iter([without_channel(source)]), **settings.of_predict)
    found = prediction.to_dict()
    return {**record, **{prefix + name: found[name] for name in FIELDS}}


def lung_mask(image: Any, **options: Any) -> NDArray[np.bool_]:
    """Find the lungs.

    Parameters
    ----------
    image : array_like, path, PIL.Image.Image or Scan
        See `lungct.sources.read_scan`. Arrays may have a last axis of length 1.
    **options
        As for `lungct.pipeline.settings.SegmenterSettings`, such as ``intensity="hu"``; use ``threads=1`` if several
        workers run in parallel.

    Returns
    -------
    ndarray of bool, shape (height, width), or (slices, height, width) for several slices
        The `Prediction.lung_mask`.

    Raises
    ------
    SourceError
        When the image can't be read.
    """
    return _found_in(image, SegmenterSettings(**options))[1]


def lung_roi(image: Any, *, outside: float | None = None, **options: Any) -> NDArray[Any]:
    """Return an image times its lung mask.

    Parameters
    ----------
    image, **options
        As for `lung_mask`.
    outside : float, optional
        Value of pixels that are not lung; by default 0, or -1024 (air) for Hounsfield units.

    Returns
    -------
    ndarray
        For an array, with its shape, channels and dtype; for anything else, its pixels as read, float32, with the
        mask's shape.

    Raises
    ------
    SourceError
        When the image can't be read.
    ValueError
        When its dtype can't hold `outside`.
    """
    scan, mask = _found_in(image, SegmenterSettings(**options))
    own = is_array_like(image) and not isinstance(image, Image.Image)  # palette indices are not grey values
    return keep_lungs(np.asarray(image) if own else scan.pixels.reshape(mask.shape), mask, scan.intensity, outside)


def keep_lungs(
    pixels: NDArray[Any], mask: NDArray[np.bool_], intensity: Intensity, outside: float | None = None
) -> NDArray[Any]:
    """Return a copy of pixels with the value `outside` everywhere except in the lungs; channels may be last.

    Raises
    ------
    ValueError
        When the pixels' dtype can't hold `outside`.
    """
    if outside is None:
        lowest = np.iinfo(pixels.dtype).min if pixels.dtype.kind in "iu" else AIR
        outside = max(float(AIR), float(lowest)) if intensity == "hu" else 0
    if not _can_hold(pixels.dtype, outside):
        raise ValueError(f"outside={outside} can't be stored in {pixels.dtype} pixels; give a value that can")
    inside = mask.reshape(pixels.shape) if mask.size == pixels.size else mask[..., None]
    return np.where(inside, pixels, np.array(outside).astype(pixels.dtype))


def _can_hold(dtype: np.dtype[Any], value: float) -> bool:
    if dtype.kind not in "iu":
        return dtype.kind != "b" or value in (0, 1)
    return float(value).is_integer() and np.iinfo(dtype).min <= value <= np.iinfo(dtype).max


def without_channel(image: Any) -> Any:
    """Remove a last axis of length 1, which other libraries add, from arrays; return anything else unchanged."""
    shape: tuple[int, ...] = getattr(image, "shape", ())
    return image[..., 0] if is_array_like(image) and len(shape) > 2 and shape[-1] == 1 else image


def _found_in(image: Any, settings: SegmenterSettings) -> tuple[Scan, NDArray[np.bool_]]:
    """Return the image as read, and its lungs."""
    scan = read_scan(without_channel(image), intensity=settings.intensity)
    scan.check_is(settings.modality)
    mask = find_lungs(open_segmenter(settings), scan)[1].mask
    return scan, mask[0] if len(scan) == 1 else mask
