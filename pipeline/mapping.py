"""Plain functions for `map`, a process pool or any other tool, on networks that are opened once a process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..classify import Classifier
from ..lungseg import LungSegmenter, find_lungs
from ..sources import Intensity, Scan, read_scan
from ..sources.arrays import is_array_like
from ..sources.scan import AIR
from ..weights import Engine, Precision
from .pipeline import Pipeline

FIELDS = ("label", "probability", "lung_fraction", "warnings", "error")
"""What `predict_record` adds to a record."""


class Settings(TypedDict, total=False):
    """How the networks run: see `Pipeline.from_pretrained`. Beside other workers say ``threads=1``."""

    engine: Engine
    precision: Precision
    threads: int | None


def open_pipeline(engine: Engine = "auto", precision: Precision = "f32", threads: int | None = None) -> Pipeline:
    """Return the shipped networks, opened when first asked for and then kept.

    They are opened anew in every process, forked ones too: what calls this may be pickled, opened networks may not.

    Parameters
    ----------
    engine, precision, threads
        As for `Pipeline.from_pretrained`.

    Raises
    ------
    WeightsError
        When a network is missing or changed, or the engine is not installed.
    """
    return _pipeline(os.getpid(), engine, precision, threads)


def open_segmenter(engine: Engine = "auto", precision: Precision = "f32", threads: int | None = None) -> LungSegmenter:
    """Return the first stage of `open_pipeline` alone."""
    return _segmenter(os.getpid(), engine, precision, threads)


# The process is part of the key: a fork inherits the cache, but not the threads that the networks in it run on.
@cache
def _segmenter(_process: int, engine: Engine, precision: Precision, threads: int | None) -> LungSegmenter:
    return LungSegmenter(None, engine, precision, threads)


@cache
def _pipeline(process: int, engine: Engine, precision: Precision, threads: int | None) -> Pipeline:
    return Pipeline(_segmenter(process, engine, precision, threads), Classifier(None, engine, precision, threads))


def predict_record(
    record: Mapping[str, Any], *, intensity: Intensity | None = None, prefix: str = "", **settings: Unpack[Settings]
) -> dict[str, Any]:
    """Judge one record of a table.

    Parameters
    ----------
    record : mapping
        With a path as ``source``, or an array or a Pillow image as ``image``; other entries pass unchanged.
    intensity : {"hu", "display"}, optional
        What the values mean, where you know.
    prefix : str
        Put before the names of what is added, for records that have a ``label`` of their own.
    **settings
        See `Settings`.

    Returns
    -------
    dict
        The record with ``label`` (str), ``probability`` (float, 0 to 1; None without lung), ``lung_fraction`` (float,
        0 to 1), ``warnings`` (list of str) and ``error`` (str; None where the rest was found, and the other way round).

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
    # An iterator, not a list: nothing is to be read ahead.
    (prediction,) = open_pipeline(**settings).stream(iter([without_channel(source)]), intensity=intensity)
    found = prediction.to_dict()
    return {**record, **{prefix + name: found[name] for name in FIELDS}}


def lung_mask(image: Any, *, intensity: Intensity | None = None, **settings: Unpack[Settings]) -> NDArray[np.bool_]:
    """Find the lungs.

    Parameters
    ----------
    image : array_like, path, PIL.Image.Image or Scan
        See `lungct.sources.read_scan`. Arrays may have a last axis of length 1.
    intensity : {"hu", "display"}, optional
        What the values mean, where you know.
    **settings
        See `Settings`.

    Returns
    -------
    ndarray of bool, shape (height, width), or (slices, height, width) of several
        The `Prediction.lung_mask`.

    Raises
    ------
    SourceError
        When the image can't be read.
    """
    return _mask_of(read_scan(without_channel(image), intensity=intensity), settings)


def lung_roi(
    image: Any, *, intensity: Intensity | None = None, outside: float | None = None, **settings: Unpack[Settings]
) -> NDArray[Any]:
    """Return an image times its lung mask.

    Parameters
    ----------
    image, intensity, **settings
        As for `lung_mask`.
    outside : float, optional
        Value of what is not lung: by default 0, or -1024 (air) where the values are Hounsfield units.

    Returns
    -------
    ndarray
        Of an array: its own shape, channels and dtype. Of anything else: its pixels as read, float32, the mask's shape.

    Raises
    ------
    SourceError
        When the image can't be read.
    ValueError
        When its dtype can't hold the value outside.
    """
    scan = read_scan(without_channel(image), intensity=intensity)
    own = is_array_like(image) and not isinstance(image, Image.Image)  # a palette's numbers are no grey values
    mask = _mask_of(scan, settings)
    return keep_lungs(np.asarray(image) if own else scan.pixels.reshape(mask.shape), mask, scan.intensity, outside)


def keep_lungs(
    pixels: NDArray[Any], mask: NDArray[np.bool_], intensity: Intensity, outside: float | None = None
) -> NDArray[Any]:
    """Return a copy of pixels in which all but the lungs has the value `outside`; channels may be last.

    Raises
    ------
    ValueError
        When the pixels' dtype can't hold that value.
    """
    if outside is None:
        lowest = np.iinfo(pixels.dtype).min if pixels.dtype.kind in "iu" else AIR
        outside = max(float(AIR), float(lowest)) if intensity == "hu" else 0
    if not _can_hold(pixels.dtype, outside):
        raise ValueError(f"outside={outside} is no value of {pixels.dtype} pixels; give one that they can hold")
    inside = mask.reshape(pixels.shape) if mask.size == pixels.size else mask[..., None]
    return np.where(inside, pixels, np.array(outside).astype(pixels.dtype))


def _can_hold(dtype: np.dtype[Any], value: float) -> bool:
    if dtype.kind not in "iu":
        return dtype.kind != "b" or value in (0, 1)
    return float(value).is_integer() and np.iinfo(dtype).min <= value <= np.iinfo(dtype).max


def without_channel(image: Any) -> Any:
    """Return arrays without a last axis of length 1, as other libraries add it; anything else as it is."""
    shape: tuple[int, ...] = getattr(image, "shape", ())
    return image[..., 0] if is_array_like(image) and len(shape) > 2 and shape[-1] == 1 else image


def _mask_of(scan: Scan, settings: Settings) -> NDArray[np.bool_]:
    mask = find_lungs(open_segmenter(**settings), scan)[1].mask
    return mask[0] if len(scan) == 1 else mask
