"""Read PNG and JPEG pictures through Pillow."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from .arrays import array_to_scan
from .errors import SourceError, explained
from .files import open_bounded
from .options import DEFAULTS, ReadOptions
from .scan import Scan


def read_picture(path: Path, options: ReadOptions = DEFAULTS) -> Scan:
    """Read a PNG or JPEG file as a scan of one slice.

    Palette, RGB, RGBA, CMYK, 1-bit and 16-bit pictures become grey; EXIF orientation is applied.

    Parameters
    ----------
    path : Path
        The file.
    options : ReadOptions
        A picture is read as ``"display"`` unless the options say otherwise.

    Raises
    ------
    SourceError
        When the file is damaged, or its size is outside the limits.
    """
    remedy = "Copy or export the picture again from its source"
    with (
        explained(str(path), "is damaged or cut off", remedy, (Image.DecompressionBombError,)),
        open_bounded(path) as file,
    ):
        with warnings.catch_warnings():
            # Pillow warns about large pictures; our own limit is checked before decoding instead.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(file)
        with opened as picture:
            options.limits.check_shape(str(path), (picture.height, picture.width))
            count = getattr(picture, "n_frames", 1)
            if picture.format == "PNG" and count > 1:
                raise SourceError(str(path), f"is an animation of {count} pictures", "Save one slice per file")
            picture.load()
            return picture_to_scan(picture, options, source=str(path))


def picture_to_scan(picture: Image.Image, options: ReadOptions = DEFAULTS, source: str | None = None) -> Scan:
    """Turn a decoded Pillow image into a scan of one slice."""
    name = source or f"Pillow image {picture.size} {picture.mode}"
    upright = ImageOps.exif_transpose(picture)
    if upright.mode in ("P", "PA", "LA", "La", "RGBa") or (
        "transparency" in upright.info and not upright.mode.startswith("I")
    ):
        upright = upright.convert("RGBA")
    elif upright.mode not in ("L", "RGB", "RGBA", "F", "1") and not upright.mode.startswith("I"):
        upright = upright.convert("RGB")
    values = np.asarray(upright.convert("L") if upright.mode == "1" else upright)
    if upright.mode == "I":  # Pillow reads some 16-bit pictures as int32
        values = values.astype(np.uint16 if values.min() >= 0 and values.max() < 65536 else np.float32)
    metadata = {"format": picture.format or "Pillow", "mode": picture.mode}
    return array_to_scan(values, options, source=name, metadata=metadata)
