"""Write and read slices, with values in [0, 1], as files for training."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SliceFormat = Literal["png", "png16", "npy16", "npy32", "tiff"]
"""How a slice is stored. png: 0 to 255, uint8. png16: 0 to 65535, uint16. npy16, npy32: 0 to 1, float16 or float32.
tiff: 0 to 1, float32, compressed without loss."""

FORMATS: tuple[SliceFormat, ...] = get_args(SliceFormat)


def write_slice(folder: Path, stem: str, pixels: NDArray[np.float32], form: SliceFormat) -> Path:
    """Write one slice.

    Parameters
    ----------
    folder : Path
    stem : str
        File name without suffix.
    pixels : ndarray of float32, shape (height, width)
        In [0, 1].
    form : {"png", "png16", "npy16", "npy32", "tiff"}

    Returns
    -------
    Path
    """
    suffix, write = _WRITERS[form]
    path = folder / f"{stem}{suffix}"
    write(path, pixels)
    return path


def read_slice(path: str | os.PathLike[str]) -> NDArray[np.float32]:
    """Read a slice written by `write_slice`.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    ndarray of float32, shape (height, width)
        In [0, 1].

    Raises
    ------
    ValueError
        For other kinds of files.
    OSError
        When it can't be read.
    """
    suffix = Path(path).suffix
    if suffix == ".png":
        with Image.open(path) as picture:
            return _to_unit(np.asarray(picture))
    if suffix == ".npy":
        return _to_unit(np.load(path, allow_pickle=False))
    if suffix == ".tif":
        import tifffile

        return _to_unit(np.asarray(tifffile.imread(path)))
    raise ValueError(f"{path} is not a slice from lungct preprocess: those end in .png, .npy or .tif")


def _write_png(path: Path, pixels: NDArray[np.float32]) -> None:
    Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).save(path)


def _write_png16(path: Path, pixels: NDArray[np.float32]) -> None:
    Image.fromarray(np.rint(pixels * 65535).astype(np.uint16)).save(path)


def _write_npy16(path: Path, pixels: NDArray[np.float32]) -> None:
    np.save(path, pixels.astype(np.float16))


def _write_tiff(path: Path, pixels: NDArray[np.float32]) -> None:
    import tifffile

    tifffile.imwrite(path, pixels, compression="zlib")


_WRITERS: dict[SliceFormat, tuple[str, Callable[[Path, NDArray[np.float32]], None]]] = {
    "png": (".png", _write_png),
    "png16": (".png", _write_png16),
    "npy16": (".npy", _write_npy16),
    "npy32": (".npy", np.save),
    "tiff": (".tif", _write_tiff),
}


def _to_unit(stored: NDArray[Any]) -> NDArray[np.float32]:
    """Convert stored unsigned integers, or floats, to [0, 1]."""
    highest = np.iinfo(stored.dtype).max if stored.dtype.kind == "u" else 1
    return stored.astype(np.float32) / np.float32(highest)
