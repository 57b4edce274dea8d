"""Transforms for albumentations: lungs alone in the image, or as its mask."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sources import Intensity
from ..weights import Engine, Precision
from .mapping import Settings, lung_mask, lung_roi

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # before the import: it would look for news on the network
try:
    from albumentations import ImageOnlyTransform
except ModuleNotFoundError as error:
    raise ImportError(f"{__name__} needs albumentations. Run: pip install albumentations") from error


class _LungTransform(ImageOnlyTransform):  # type: ignore[misc] # albumentations is not typed for us
    """What both transforms remember: numbers and names, so that they can be pickled and written as JSON."""

    def __init__(
        self,
        intensity: Intensity | None = None,
        engine: Engine = "auto",
        precision: Precision = "f32",
        threads: int | None = None,
        p: float = 1.0,
    ) -> None:
        super().__init__(p=p)
        self.intensity = intensity
        self.engine = engine
        self.precision = precision
        self.threads = threads

    @property
    def _settings(self) -> Settings:
        return {"engine": self.engine, "precision": self.precision, "threads": self.threads}


class LungRoi(_LungTransform):
    """Image times lung mask, in its own shape and dtype.

    Targets: image, images, volume, volumes. Put it before what changes brightness or contrast: networks and rules for
    the meaning of values expect a picture or Hounsfield units.

    Parameters
    ----------
    intensity : {"hu", "display"}, optional
        What the values mean, where you know: see `lungct.sources.read_scan`.
    outside : float, optional
        Value of what is not lung: by default 0, or -1024 (air) where the values are Hounsfield units.
    engine, precision, threads
        As for `lungct.pipeline.Pipeline.from_pretrained`; ``threads=1`` in the workers of a data loader.
    p : float
        Probability that it is applied.

    Raises
    ------
    SourceError
        When called with an image that can't be read as a CT slice.
    """

    def __init__(
        self,
        intensity: Intensity | None = None,
        outside: float | None = None,
        engine: Engine = "auto",
        precision: Precision = "f32",
        threads: int | None = None,
        p: float = 1.0,
    ) -> None:
        super().__init__(intensity, engine, precision, threads, p)
        self.outside = outside

    def apply(self, img: NDArray[Any], **_params: Any) -> NDArray[Any]:
        """Return the lungs of one image, (height, width) or (height, width, channels)."""
        return lung_roi(img, intensity=self.intensity, outside=self.outside, **self._settings)

    def apply_to_volume(self, volume: NDArray[Any], *args: Any, **params: Any) -> NDArray[Any]:
        """Return the lungs of a volume, (slices, height, width) or with channels last."""
        if volume.ndim == 3 or volume.shape[-1] == 1:  # a scan, whose slices help each other
            return self.apply(volume)
        return np.asarray(super().apply_to_volume(volume, *args, **params))


class LungMask(_LungTransform):
    """Adds the lungs as the target ``mask``: uint8 (height, width), 1 in the lungs; the image stays as it is.

    Transforms that follow treat it as any other mask. A mask that comes with the image is replaced: see `key`.

    Parameters
    ----------
    key : str
        Another name for it, which `Compose` must know: ``additional_targets={key: "mask"}``.
    intensity, engine, precision, threads, p
        As for `LungRoi`.

    Raises
    ------
    ValueError
        When called without an image.
    SourceError
        When called with one that can't be read as a CT slice.
    """

    def __init__(
        self,
        key: str = "mask",
        intensity: Intensity | None = None,
        engine: Engine = "auto",
        precision: Precision = "f32",
        threads: int | None = None,
        p: float = 1.0,
    ) -> None:
        super().__init__(intensity, engine, precision, threads, p)
        self.key = key

    def apply_with_params(self, _params: dict[str, Any], **data: Any) -> dict[str, Any]:
        """Return the data with the mask."""
        if data.get("image") is None:
            raise ValueError("LungMask needs an image: call transform(image=...)")
        mask = lung_mask(data["image"], intensity=self.intensity, **self._settings)
        return {**data, self.key: mask.astype(np.uint8)}
