"""Turn a volume and its lung mask into the volume classifier's input: the lungs, with a fixed number of voxels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ...sources import Scan, SourceError
from ...sources.intensity import apply_window, resize

Sampling = Literal["fixed", "isotropic"]
"""How the lungs' box is fitted into the input: stretched ("fixed"), or with the same voxel size in all directions and
padded with zeros ("isotropic").

If stretched, every voxel is used and the patient's size doesn't matter. If isotropic, shapes are preserved, but the
spacing of the slices must be known."""

VolumeRegion = Literal["masked", "crop"]
"""What the network is shown: the lungs alone, or the lungs' box with everything in it."""


@dataclass(frozen=True)
class VolumePreprocessing:
    """Turn a volume and its lung masks into the network's input.

    Slices are first resized one by one, averaging when shrinking (`lungct.sources.intensity.resize`), then resampled
    along the body with SciPy by their positions in mm, so that uneven spacing is handled correctly. This order avoids a
    second copy of the volume at its native size.

    Parameters
    ----------
    shape : tuple of int
        Slices, height and width of the input; Zunair et al. 2020 (arXiv 2007.13224) use 64 slices of 128 x 128.
    window : tuple of float
        Lowest and highest HU, mapped to 0 and 1; grey of an unknown window is unchanged.
    sampling : {"fixed", "isotropic"}
        See `Sampling`.
    margin : float
        Margin on each side of the lungs' box, as a share of its length along that axis.
    region : {"masked", "crop"}
        See `VolumeRegion`.

    Raises
    ------
    ValueError
        For an unknown sampling or region, or sides below 1.
    """

    shape: tuple[int, int, int] = (64, 128, 128)
    window: tuple[float, float] = (-1000.0, 400.0)
    sampling: Sampling = "fixed"
    margin: float = 0.02
    region: VolumeRegion = "masked"

    def __post_init__(self) -> None:
        if self.sampling not in get_args(Sampling):
            raise ValueError(f"sampling must be one of {', '.join(get_args(Sampling))}, not {self.sampling!r}")
        if self.region not in get_args(VolumeRegion):
            raise ValueError(f"region must be one of {', '.join(get_args(VolumeRegion))}, not {self.region!r}")
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ValueError(f"shape must be slices, height, width, not {self.shape}")

    def __call__(self, scan: Scan, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the input for one scan.

        Parameters
        ----------
        scan : Scan
            With at least two slices.
        mask : ndarray of bool, shape (slices, height, width)
            Lung.

        Returns
        -------
        ndarray of float32, shape `shape`
            In [0, 1]; zero outside the lungs for the region "masked".

        Raises
        ------
        SourceError
            For a single slice, a mask without lung, or, if isotropic, an unknown spacing.
        """
        if len(scan) < 2:
            raise SourceError(scan.source, "is a single slice", "Give a volume, or use the slice classifier")
        if not mask.any():
            raise SourceError(scan.source, "shows no lung", "Give a volume of the chest")
        box = [_with_margin(np.asarray(mask.any(axis=others)), self.margin) for others in ((1, 2), (0, 2), (0, 1))]
        z, rows, columns = box
        edges = _edges(scan)
        extent = (float(edges[z.stop] - edges[z.start]), *self._in_plane(scan, rows, columns))
        size = self._fitted(extent)
        shrunk = np.empty((z.stop - z.start, *size[1:]), dtype=np.float32)
        for number, index in enumerate(range(z.start, z.stop)):
            grey = apply_window(scan.pixels[index, rows, columns], scan.intensity, self.window)
            inside = mask[index, rows, columns]
            shrunk[number] = resize(grey * inside if self.region == "masked" else grey, *size[1:])
        filled = _along_body(shrunk, edges[z.start : z.stop + 1], size[0])
        out = np.zeros(self.shape, dtype=np.float32)
        starts = [(whole - part) // 2 for whole, part in zip(self.shape, size, strict=True)]
        placed = tuple(slice(start, start + part) for start, part in zip(starts, size, strict=True))
        out[placed] = np.clip(filled, 0, 1)  # values leave [0, 1] only by rounding
        return out

    def _in_plane(self, scan: Scan, rows: slice, columns: slice) -> tuple[float, float]:
        """Return height and width of the box in mm; in pixels if the unit doesn't matter."""
        if self.sampling == "isotropic" and scan.spacing is None:
            remedy = 'Use sampling="fixed", or give a file with a spacing'
            raise SourceError(scan.source, "does not give its spacing", remedy)
        _, height, width = scan.spacing or (1.0, 1.0, 1.0)
        return (rows.stop - rows.start) * height, (columns.stop - columns.start) * width

    def _fitted(self, extent: tuple[float, float, float]) -> tuple[int, int, int]:
        """Return the number of voxels of the box along each axis."""
        if self.sampling == "fixed":
            return self.shape
        voxel = max(length / side for length, side in zip(extent, self.shape, strict=True))
        slices, height, width = (max(1, round(length / voxel)) for length in extent)
        return slices, height, width

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON types, for the card."""
        return asdict(self)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> VolumePreprocessing:
        """Read the settings back from a card."""
        return cls(
            tuple(int(side) for side in settings["shape"]),  # type: ignore[arg-type] # the length is checked
            tuple(settings["window"]),
            settings["sampling"],
            float(settings["margin"]),
            settings["region"],
        )


def _with_margin(found: NDArray[np.bool_], margin: float) -> slice:
    """Return the range of True values along an axis, with a margin clipped to the scan."""
    first, last = (int(end) for end in np.flatnonzero(found)[[0, -1]])
    pad = round(margin * (last - first + 1))
    return slice(max(0, first - pad), min(found.size, last + 1 + pad))


def _edges(scan: Scan) -> NDArray[np.float64]:
    """Return the edges between slices along the body, float64 (slices + 1,), increasing, in mm, or slices if unknown.

    Edges are half way between neighbours.
    """
    spacing = scan.spacing[0] if scan.spacing else 1.0
    told = scan.metadata.get("slice_positions") if scan.spacing else None
    positions = np.asarray(np.arange(len(scan)) * spacing if told is None else told, dtype=np.float64)
    if positions[-1] < positions[0]:
        positions = -positions
    middles = (positions[1:] + positions[:-1]) / 2
    ends = positions[[0, -1]] - (middles[[0, -1]] - positions[[0, -1]])
    return np.concatenate([ends[:1], middles, ends[1:]])


def _along_body(slices: NDArray[np.float32], edges: NDArray[np.float64], count: int) -> NDArray[np.float32]:
    """Resample slices, float32 (slices, height, width), with given edges, to `count` slices evenly spaced in mm.

    Interpolation is linear; slices are smoothed first when their number shrinks, as in scikit-image's `resize`.
    """
    from scipy import interpolate, ndimage

    if len(slices) == 1:
        return np.repeat(slices, count, axis=0)
    places = (edges[1:] + edges[:-1]) / 2
    step = (edges[-1] - edges[0]) / count
    sigma = max(0.0, (step / np.diff(places).mean() - 1) / 2)
    smooth = ndimage.gaussian_filter1d(slices, sigma, axis=0, mode="nearest") if sigma else slices
    # Beyond the outermost slices, repeat them.
    wanted = np.clip(edges[0] + (np.arange(count) + 0.5) * step, places[0], places[-1])
    between = interpolate.make_interp_spline(places, smooth, k=1)
    return np.asarray(between(wanted), dtype=np.float32)
