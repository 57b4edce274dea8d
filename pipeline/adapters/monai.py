"""Transforms of dictionaries in MONAI's style, without MONAI: channel first, slices and volumes of any orientation."""

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
"""Axis and sign of each of MONAI's letters, in the patient coordinates of `lungct.sources.Grid`."""


class _LungTransform:
    """What both transforms share: going over keys and finding lungs. Only settings are kept, so it can be pickled."""

    def __init__(
        self,
        keys: Hashable | Sequence[Hashable],
        axcodes: str | None,
        allow_missing_keys: bool,
        options: Mapping[str, Any],
    ) -> None:
        if axcodes is not None:
            _affine_of(axcodes)  # complains now, not in the middle of an epoch
        self.keys = tuple(keys) if isinstance(keys, (list, tuple)) else (keys,)
        self.axcodes = axcodes
        self.allow_missing_keys = allow_missing_keys
        self.settings = SegmenterSettings(**options)

    def _find(self, data: Mapping[Hashable, Any]) -> Iterator[tuple[Hashable, NDArray[Any], NDArray[np.bool_], Scan]]:
        """Yield each key with its image and the image's lungs, as arrays of one shape, and the scan that was read."""
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
                raise KeyError(f"there is no {key!r} in the data, only {list(data)}; or say allow_missing_keys=True")


class LungRoid(_LungTransform):
    """Image times lung mask, in its own type, shape and dtype.

    Arrays stay arrays, tensors tensors on their device, and a MetaTensor keeps its metadata.

    Parameters
    ----------
    keys : hashable or sequence of hashable
        Of images with one channel, first: slices (1, …, …) or volumes (1, …, …, …).
    axcodes : str, optional
        The side of the patient towards which each axis behind the channel runs, in MONAI's letters: L or R, A or P, S
        or I. ``"LP"`` for pictures as MONAI's LoadImaged reads them (column, row), ``"PL"`` for (row, column),
        ``"RAS"`` for volumes after ``Orientationd(axcodes="RAS")``, ``"SPL"`` for (slice, row, column). By default
        the affine of a MetaTensor says so; the identity doesn't, as MONAI gives it to what it knows nothing about.
        Pictures of X-rays are ``"LP"`` or ``"PL"`` too, as if their rows were those of a slice.
    outside : float, optional
        Value of what is not lung: by default 0, or -1024 (air) where the values are Hounsfield units.
    allow_missing_keys : bool
        Pass over keys that the data does not have.
    **options
        As for `lungct.pipeline.settings.SegmenterSettings`, such as ``intensity="hu"`` where you know what the values
        mean; ``threads=1`` in the workers of a data loader.

    Raises
    ------
    ValueError
        For axcodes that are none.
    KeyError
        When called with data that lacks a key.
    SourceError
        When called with an image that is no CT, does not say how it lies in the patient, or has several channels.
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
        """Return the data with the lungs alone in its images."""
        result = dict(data)
        for key, array, mask, scan in self._find(data):
            roi = keep_lungs(array, mask, scan.intensity, self.outside)
            result[key] = data[key].new_tensor(roi) if _is_tensor(data[key]) else roi
        return result


class LungMaskd(_LungTransform):
    """Adds the lungs of each image: uint8, 1 in the lungs, of the image's type and shape, with its metadata.

    Parameters
    ----------
    postfix : str
        The mask of ``"image"`` is called ``"image_lungs"``.
    keys, axcodes, allow_missing_keys, **options
        As for `LungRoid`, which raises the same.
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
        """Return the data with the masks."""
        result = dict(data)
        for key, _, mask, _ in self._find(data):
            lungs = mask.astype(np.uint8)
            result[f"{key}_{self.postfix}"] = data[key].new_tensor(lungs).byte() if _is_tensor(data[key]) else lungs
        return result


def _is_tensor(image: Any) -> bool:
    """Tell a tensor, without importing torch: what makes others of its kind, on its device, with its metadata."""
    return hasattr(image, "new_tensor")


def _array_of(image: Any, name: str) -> NDArray[Any]:
    if not is_array_like(image):
        raise SourceError(name, f"is a {type(image).__name__}, no image", "Load it before, for example with LoadImaged")
    array = np.asarray(image.detach().cpu() if _is_tensor(image) else image)
    if array.ndim not in (3, 4) or array.shape[0] != 1:
        raise SourceError(
            name,
            f"has shape {array.shape}, not one channel and then the two axes of a slice or the three of a volume",
            "Use EnsureChannelFirstd, and image[:1] where there are several channels",
        )
    return array


def _affine(image: Any, array: NDArray[Any], name: str, axcodes: str | None) -> NDArray[np.float64]:
    """Return where the axes behind the channel run: from their indices to mm, see `lungct.sources.Grid`."""
    axes = array.ndim - 1
    if axcodes is not None:
        if len(axcodes) != axes:
            raise SourceError(name, f"has {axes} axes behind its channel, axcodes={axcodes!r} not", "Name each of them")
        return _affine_of(axcodes)
    affine = np.asarray(getattr(image, "affine", np.eye(4)), dtype=np.float64)
    if affine.shape != (4, 4) or (affine == np.eye(4)).all():
        remedy = (
            'Give axcodes: "LP" for pictures as LoadImaged reads them, "PL" for (row, column)'
            if axes == 2
            else 'Give axcodes: "RAS" for volumes after Orientationd(axcodes="RAS"), "SPL" for (slice, row, column)'
        )
        raise SourceError(name, "does not say how it lies in the patient", remedy)
    return affine if getattr(image, "meta", {}).get("space") == "LPS" else RAS_TO_LPS @ affine


def _affine_of(axcodes: str) -> NDArray[np.float64]:
    """Return the affine of axes, 1 mm a step, that run towards the given sides of the patient."""
    letters = f"{axcodes}S" if len(axcodes) == 2 else axcodes  # slices are axial, so their normal is given
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
    """Read an array (1, i, j) or (1, i, j, k); the affine is of (i, j, k)."""
    if array.ndim == 3 and np.abs(affine[:3, 2]).argmax() != 2:
        raise SourceError(name, "is no axial slice, says its affine", "Give axial slices, or the volume")
    own = array.reshape((*array.shape[1:], 1)[:3]).T
    own.flags.writeable = False  # else padding would be filled in place
    return volume_to_scan(own, affine, ReadOptions(intensity), source=name, metadata={"format": "array"})


def _own(mask: NDArray[np.bool_], scan: Scan) -> NDArray[np.bool_]:
    """Return a mask in the order (i, j, k) of the image that was read."""
    return mask.T if scan.grid is None else scan.grid.to_own(mask).T
