"""Provide MONAI-style dictionary transforms, without MONAI: channel first, slices and volumes of any orientation."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...lungseg import find_lungs
from ...sources import Intensity, Scan, SourceError
from ...sources.arrays import is_array_like
from ...sources.options import ReadOptions
from ...sources.volumes import RAS_TO_LPS, volume_to_scan
from ..settings import SegmenterSettings, open_segmenter
from .mapping import keep_lungs

DIRECTIONS = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}
"""Axis and sign of MONAI's letters, in the patient coordinates of `lungct.sources.Grid`."""


class _LungTransform:
    """Base of both transforms: iterates over keys and finds lungs. It stores only settings, so it can be pickled."""

    def __init__(
        self,
        keys: Hashable | Sequence[Hashable],
        axcodes: str | None,
        allow_missing_keys: bool,
        options: Mapping[str, Any],
    ) -> None:
        if axcodes is not None:
            _affine_of(axcodes)  # raises now, not in the middle of an epoch
        self.keys = tuple(keys) if isinstance(keys, (list, tuple)) else (keys,)
        self.axcodes = axcodes
        self.allow_missing_keys = allow_missing_keys
        self.settings = SegmenterSettings(**options)

    def _find(self, data: Mapping[Hashable, Any]) -> Iterator[tuple[Hashable, NDArray[Any], NDArray[np.bool_], Scan]]:
        """Yield each key with its image and lung mask, as arrays of the same shape, and the scan as read."""
        for key in self.keys:
            if key in data:
                name = f"data[{key!r}]"
                array = _array_of(data[key], name)
                affine = _affine(data[key], array, name, self.axcodes)
                scan = _scan_of(array, affine, name, self.settings.intensity)
                scan.check_is(self.settings.modality)
                turned, lungs = find_lungs(open_segmenter(self.settings), scan)
                yield key, array, _own(lungs.mask, turned).reshape(array.shape), scan
            elif not self.allow_missing_keys:
                raise KeyError(f"the data has no {key!r}, only {list(data)}; add it, or set allow_missing_keys=True")


class LungRoid(_LungTransform):
    """Multiply an image by its lung mask, keeping type, shape and dtype.

    Arrays stay arrays, tensors stay tensors on their device, and a MetaTensor keeps its metadata.

    Parameters
    ----------
    keys : hashable or sequence of hashable
        Keys of images with one channel, which comes first: slices (1, …, …) or volumes (1, …, …, …).
    axcodes : str, optional
        The side of the patient towards which each axis after the channel runs, in MONAI's letters: L or R, A or P, S
        or I. Use ``"LP"`` for pictures read by MONAI's LoadImaged (column, row), ``"PL"`` for (row, column),
        ``"RAS"`` for volumes after ``Orientationd(axcodes="RAS")``, and ``"SPL"`` for (slice, row, column). By default
        it comes from a MetaTensor's affine, unless that is the identity, which MONAI also uses for unknown
        orientations. Pictures of X-rays are ``"LP"`` or ``"PL"`` too, like slices.
    outside : float, optional
        Value of pixels that are not lung; by default 0, or -1024 (air) for Hounsfield units.
    allow_missing_keys : bool
        Skip keys that the data doesn't have.
    **options
        As for `lungct.pipeline.settings.SegmenterSettings`, such as ``intensity="hu"`` if you know what the values
        mean, or ``threads=1`` in data loader workers.

    Raises
    ------
    ValueError
        For invalid axcodes.
    KeyError
        When called with data that lacks a key.
    SourceError
        When called with an image that isn't CT, has an unknown orientation, or has several channels.
    """

    def __init__(
        self,
        keys: Hashable | Sequence[Hashable],
        axcodes: str | None = None,
        outside: float | None = None,
        allow_missing_keys: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(keys, axcodes, allow_missing_keys, options)
        self.outside = outside

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the data with everything but the lungs masked out in its images."""
        result = dict(data)
        for key, array, mask, scan in self._find(data):
            roi = keep_lungs(array, mask, scan.intensity, self.outside)
            result[key] = data[key].new_tensor(roi) if _is_tensor(data[key]) else roi
        return result


class LungMaskd(_LungTransform):
    """Add the lung mask of each image, uint8, 1 in the lungs, with the image's type, shape and metadata.

    Parameters
    ----------
    postfix : str
        Appended to the key: by default, the mask of ``"image"`` is ``"image_lungs"``.
    keys, axcodes, allow_missing_keys, **options
        As for `LungRoid`, which raises the same errors.
    """

    def __init__(
        self,
        keys: Hashable | Sequence[Hashable],
        axcodes: str | None = None,
        postfix: str = "lungs",
        allow_missing_keys: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(keys, axcodes, allow_missing_keys, options)
        self.postfix = postfix

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the data with the masks added."""
        result = dict(data)
        for key, _, mask, _ in self._find(data):
            lungs = mask.astype(np.uint8)
            result[f"{key}_{self.postfix}"] = data[key].new_tensor(lungs).byte() if _is_tensor(data[key]) else lungs
        return result


def _is_tensor(image: Any) -> bool:
    """Tell whether an object is a tensor, without importing torch."""
    return hasattr(image, "new_tensor")


def _array_of(image: Any, name: str) -> NDArray[Any]:
    if not is_array_like(image):
        raise SourceError(name, f"is a {type(image).__name__}, not an image", "Load it first, as with LoadImaged")
    array = np.asarray(image.detach().cpu() if _is_tensor(image) else image)
    if array.ndim not in (3, 4) or array.shape[0] != 1:
        raise SourceError(
            name,
            f"has shape {array.shape}, not one channel and then the two axes of a slice or the three of a volume",
            "Use EnsureChannelFirstd, and image[:1] if there are several channels",
        )
    return array


def _affine(image: Any, array: NDArray[Any], name: str, axcodes: str | None) -> NDArray[np.float64]:
    """Return the affine from the indices of the axes after the channel to mm; see `lungct.sources.Grid`."""
    axes = array.ndim - 1
    if axcodes is not None:
        if len(axcodes) != axes:
            problem = f"has {axes} axes after its channel, but axcodes={axcodes!r} names {len(axcodes)}"
            raise SourceError(name, problem, "Name each axis once")
        return _affine_of(axcodes)
    affine = np.asarray(getattr(image, "affine", np.eye(4)), dtype=np.float64)
    if affine.shape != (4, 4) or (affine == np.eye(4)).all():
        remedy = (
            'Give axcodes: "LP" for pictures read by LoadImaged, "PL" for (row, column)'
            if axes == 2
            else 'Give axcodes: "RAS" for volumes after Orientationd(axcodes="RAS"), "SPL" for (slice, row, column)'
        )
        raise SourceError(name, "does not give its orientation in the patient", remedy)
    return affine if getattr(image, "meta", {}).get("space") == "LPS" else RAS_TO_LPS @ affine


def _affine_of(axcodes: str) -> NDArray[np.float64]:
    """Return the affine, with 1 mm steps, of axes that run towards the given sides of the patient."""
    letters = f"{axcodes}S" if len(axcodes) == 2 else axcodes  # slices are axial, so their normal is known
    axes = [DIRECTIONS[letter][0] for letter in letters if letter in DIRECTIONS]
    if len(letters) != 3 or sorted(axes) != [0, 1, 2]:
        raise ValueError(
            "axcodes must name the axes of a volume (L or R, A or P, S or I, each once) or of an axial slice (L or R, "
            f'A or P), such as "RAS" or "LP", not {axcodes!r}'
        )
    affine = np.eye(4)
    affine[:3, :3] = 0
    for own, letter in enumerate(letters):
        axis, sign = DIRECTIONS[letter]
        affine[axis, own] = sign
    return affine


def _scan_of(array: NDArray[Any], affine: NDArray[np.float64], name: str, intensity: Intensity | None) -> Scan:
    """Read an array (1, i, j) or (1, i, j, k) with an affine for (i, j, k)."""
    if array.ndim == 3 and np.abs(affine[:3, 2]).argmax() != 2:
        raise SourceError(name, "is not an axial slice according to its affine", "Give axial slices, or the volume")
    own = array.reshape((*array.shape[1:], 1)[:3]).T
    own.flags.writeable = False  # so that padding is not filled in place
    return volume_to_scan(own, affine, ReadOptions(intensity), source=name, metadata={"format": "array"})


def _own(mask: NDArray[np.bool_], scan: Scan) -> NDArray[np.bool_]:
    """Return a mask in the image's own order (i, j, k)."""
    return mask.T if scan.grid is None else scan.grid.to_own(mask).T
