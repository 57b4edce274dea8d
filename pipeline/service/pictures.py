"""Encode the service's pictures as PNG."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def png(picture: Image.Image) -> bytes:
    """Return a picture as PNG."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def mask_png(mask: NDArray[np.bool_]) -> bytes:
    """Return a slice's mask, bool (height, width), as a PNG with values 0 and 255."""
    return png(Image.fromarray(mask * np.uint8(255)))


def heatmap_png(heatmap: NDArray[np.float32]) -> bytes:
    """Return a slice's heatmap, float32 in [0, 1] (height, width), as a PNG with values 0 to 255."""
    return png(Image.fromarray(np.rint(heatmap * 255).astype(np.uint8)))
