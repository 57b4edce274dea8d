"""Make answers in the requested format: JSON, picture, volume, page or archive."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...lungseg import Segmentation
from ...sources import Scan
from ...sources.nifti import write_nifti
from ..decision import warnings_of
from ..prediction import Prediction
from ..results.wording import DISCLAIMER
from .errors import ServiceFault
from .pictures import heatmap_png, mask_png, png
from .view import view_of
from .wire import pack

JSON, PNG, NIFTI, ZIP, HTML = "application/json", "image/png", "application/x-nifti", "application/zip", "text/html"

VIEW = "application/vnd.lungct.view+json"
"""Format for the service's own page, see `view_of`; it may change with the page."""

What = Literal["mask", "heatmap", "overlay"]
"""What a picture or volume shows."""

SHEET_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; base-uri 'none'"
"""Content security policy of a result sheet, whose pictures and styles are inline."""


@dataclass(frozen=True)
class Answer:
    """The answer to a request, and the number of slices processed."""

    body: bytes
    media_type: str
    slices: int
    headers: Mapping[str, str]


def negotiate(accept: str | None, offered: Sequence[str]) -> str:
    """Return the offered media type that the client prefers; the first one if it has no preference.

    Raises
    ------
    ServiceFault
        406 when the client accepts none of them.
    """
    wanted = [_wish(part) for part in (accept or "*/*").split(",")]
    liked = [(_liking(media, wanted), -rank, media) for rank, media in enumerate(offered)]
    best, _, media = max(liked)
    if best <= 0:
        raise ServiceFault(406, f"available formats are {', '.join(offered)}. Name one in the header Accept.")
    return media


def _wish(part: str) -> tuple[str, float]:
    """Return a media range and its quality value, 0 to 1."""
    media, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
    try:
        return media, float(quality)
    except ValueError:
        return media, 0.0


def _liking(media: str, wanted: Sequence[tuple[str, float]]) -> float:
    """Return the quality of a media type, from the most specific range that matches it."""
    ranges = (media, f"{media.split('/')[0]}/*", "*/*")
    return next((dict(wanted)[name] for name in ranges if name in dict(wanted)), 0.0)


def prediction_answer(
    prediction: Prediction, media: str, what: What | None, slice_index: int | None, folder: Path
) -> Answer:
    """Return a prediction in the requested format.

    Parameters
    ----------
    prediction : Prediction
    media : str
        Media type.
    what : {"mask", "heatmap", "overlay"}, optional
        By default, the overlay for a picture and the mask for a volume.
    slice_index : int, optional
        Slice for pictures, from 0.
    folder : Path
        Private folder for temporary files.

    Raises
    ------
    ServiceFault
        422 for a slice that doesn't exist, or a volume that isn't available.
    """
    if prediction.scan is None or prediction.lung_mask is None:
        raise ValueError("the prediction has no scan or mask; pass one from Pipeline.predict")
    scan = prediction.scan
    if media == HTML:
        return _answer(prediction.sheet().encode(), HTML, scan, policy=SHEET_POLICY)
    if media == ZIP:
        return _answer(pack(prediction), ZIP, scan, name="prediction.zip")
    if media == VIEW:
        return _answer(_json(view_of(prediction, scan, folder)), VIEW, scan)
    if media == PNG:
        if what in (None, "overlay"):
            index = None if slice_index is None else _checked(slice_index, scan)
            return _answer(png(prediction.overlay(index)), PNG, scan, name="overlay.png")
        index = _one_slice(slice_index, scan)
        view = prediction.slice_view(index)
        content = mask_png(view.mask) if what == "mask" else heatmap_png(view.heatmap)
        return _answer(content, PNG, scan, name=f"{what}.png")
    if media == NIFTI:
        if what == "overlay":
            raise ServiceFault(422, "an overlay is a picture. Request image/png, or the mask or heatmap.", "no-volume")
        volume = prediction.heatmap if what == "heatmap" else prediction.lung_mask
        return _nifti(np.asarray(volume).reshape(scan.shape), scan, folder, what or "mask")
    return _answer(_json(prediction.to_dict()), JSON, scan)


def segmentation_answer(
    scan: Scan, lungs: Segmentation, provenance: Mapping[str, Any], media: str, slice_index: int | None, folder: Path
) -> Answer:
    """Return a segmentation in the requested format; see `prediction_answer`."""
    if media == PNG:
        mask = lungs.mask[_one_slice(slice_index, scan)]
        return _answer(mask_png(mask), PNG, scan, name="mask.png")
    if media == NIFTI:
        return _nifti(lungs.mask, scan, folder, "mask")
    volumes = scan.voxel_volumes
    record = {
        "source": scan.source,
        "slices": len(scan),
        "lung_fraction": lungs.lung_fraction,
        "lung_volume_ml": None if volumes is None else float(lungs.mask.sum(axis=(1, 2)) @ volumes / 1000),
        "slice_confidences": [float(value) for value in lungs.confidence],
        "warnings": list(warnings_of(scan, lungs, lung_found=bool(lungs.mask.any()))),
        "provenance": {"segmenter": dict(provenance)},
        "disclaimer": DISCLAIMER,
    }
    return _answer(_json(record), JSON, scan)


def _answer(body: bytes, media: str, scan: Scan, name: str | None = None, policy: str | None = None) -> Answer:
    headers = {"Content-Disposition": f'inline; filename="{name}"'} if name else {}
    if policy:
        headers["Content-Security-Policy"] = policy
    return Answer(body, media, len(scan), headers)


def _json(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, allow_nan=False).encode()


def _nifti(volume: NDArray[Any], scan: Scan, folder: Path, name: str) -> Answer:
    path = write_nifti(folder / f"{name}.nii.gz", volume, scan)
    return _answer(path.read_bytes(), NIFTI, scan, name=path.name)


def _one_slice(index: int | None, scan: Scan) -> int:
    if index is None and len(scan) > 1:
        raise ServiceFault(
            422, f"the scan has {len(scan)} slices. Choose one: slice_index=0 to {len(scan) - 1}.", "no-such-slice"
        )
    return _checked(index or 0, scan)


def _checked(index: int, scan: Scan) -> int:
    if index >= len(scan):
        raise ServiceFault(
            422, f"the scan has {len(scan)} slices. Use slice_index=0 to {len(scan) - 1}.", "no-such-slice"
        )
    return index
