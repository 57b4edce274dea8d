"""Provide albumentations transforms that mask an image with its lungs, or add the lungs as a mask."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.optional import require
from ..settings import SegmenterSettings
from .mapping import lung_mask, lung_roi

require("albumentations", purpose=__name__)
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # before the import, which would check for updates online
from albumentations import ImageOnlyTransform  # noqa: E402 - only once it is known to be installed


class _LungTransform(ImageOnlyTransform):  # type: ignore[misc] # albumentations is not typed for us
    """Base of both transforms. It stores only numbers and strings, so that it can be pickled and written as JSON."""

    def __init__(self, p: float, options: dict[str, Any]) -> None:
        super().__init__(p=p)
        self.options = asdict(SegmenterSettings(**options))

    def get_transform_init_args(self) -> dict[str, Any]:
        """Return the arguments that `albumentations.to_dict` writes."""
        own = super().get_transform_init_args()
        return {**own.pop("options"), **own}  # flattened, as in the constructor


class LungRoi(_LungTransform):
    """Multiply an image by its lung mask, keeping shape and dtype.

    Targets: image, images, volume, volumes. Put it before transforms that change brightness or contrast: the networks
    and the rules for the meaning of values expect an unchanged picture or Hounsfield units.

    Parameters
    ----------
    outside : float, optional
        Value of pixels that are not lung; by default 0, or -1024 (air) for Hounsfield units.
    p : float
        Probability of applying it.
    **options
        As for `lungct.pipeline.settings.SegmenterSettings`, such as ``intensity="hu"`` if you know what the values
        mean, or ``threads=1`` in data loader workers.

    Raises
    ------
    SourceError
        When called with an image that can't be read as a CT slice.
    """

    def __init__(self, outside: float | None = None, p: float = 1.0, **options: Any) -> None:
        super().__init__(p, options)
        self.outside = outside

    def apply(self, img: NDArray[Any], **_params: Any) -> NDArray[Any]:
        """Return the lungs of one image, (height, width) or (height, width, channels)."""
        return lung_roi(img, outside=self.outside, **self.options)

    def apply_to_volume(self, volume: NDArray[Any], *args: Any, **params: Any) -> NDArray[Any]:
        """Return the lungs of a volume, (slices, height, width) or with channels last."""
        if volume.ndim == 3 or volume.shape[-1] == 1:  # one scan: its slices are segmented together
            return self.apply(volume)
        return np.asarray(super().apply_to_volume(volume, *args, **params))


class LungMask(_LungTransform):
    """Add the lungs as the target ``mask``, uint8 (height, width), 1 in the lungs; the image is unchanged.

    Later transforms treat it like any other mask. A mask that comes with the image is replaced, unless you set `key`.

    Parameters
    ----------
    key : str
        Another name for the mask; declare it to `Compose`: ``additional_targets={key: "mask"}``.
    p, **options
        As for `LungRoi`.

    Raises
    ------
    ValueError
        When called without an image.
    SourceError
        When called with one that can't be read as a CT slice.
    """

    def __init__(self, key: str = "mask", p: float = 1.0, **options: Any) -> None:
        super().__init__(p, options)
        self.key = key

    def apply_with_params(self, _params: dict[str, Any], **data: Any) -> dict[str, Any]:
        """Return the data with the mask added."""
        if data.get("image") is None:
            raise ValueError("LungMask needs an image: call transform(image=...)")
        mask = lung_mask(data["image"], **self.options)
        return {**data, self.key: mask.astype(np.uint8)}
