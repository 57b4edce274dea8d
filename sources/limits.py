"""Limits on input size, checked before memory is allocated."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import SourceError

IN_PYTHON = "In Python, raise the limit with limits=lungct.sources.Limits({}=…); commands have no option for it"
"""Remedy for sizes beyond a limit."""


@dataclass(frozen=True)
class Limits:
    """Sizes beyond which an input is refused.

    Reading takes 300 MB for the libraries and 4 bytes per pixel for the result; while unpacking, at most 12 bytes per
    pixel for files of up to 32 bits per pixel, and 16 for 64 bits. Compressed DICOM and TIFF are decoded in another
    process, which takes at most 400 MB, plus twice the file size, plus 64 bytes per pixel of one DICOM frame or 8 per
    byte of an unpacked TIFF.

    Parameters
    ----------
    min_side : int
        Shortest side of a slice in pixels; in smaller slices a lung can't be distinguished from noise.
    max_slice_pixels : int
        Largest slice: by default sixteen times the area of the largest CT matrix in clinical use (2048 x 2048).
    max_scan_pixels : int
        Largest scan: by default 1500 slices of 512 x 512, 1.6 GB as float32.
    max_files : int
        Most files searched in a folder or an archive.
    max_member_bytes : int
        Largest file unpacked from an archive.
    detached : bool
        Whether a header, ``.mhd`` or ``.nhdr``, may keep its pixels in a file beside it.
    """

    min_side: int = 32
    max_slice_pixels: int = 8192 * 8192
    max_scan_pixels: int = 1500 * 512 * 512
    max_files: int = 20_000
    max_member_bytes: int = 512 * 1024 * 1024
    detached: bool = True

    def check_shape(self, source: str, shape: tuple[int, ...]) -> None:
        """Refuse shapes that can't be a scan or are too large, using the header alone.

        Parameters
        ----------
        source : str
            Name of the input, for the error.
        shape : tuple of int
            (height, width) or (slices, height, width).

        Raises
        ------
        SourceError
            For another number of dimensions, no slices, or a size outside the limits.
        """
        if len(shape) not in (2, 3):
            raise SourceError(
                source,
                f"has {len(shape)} dimensions, shape {shape}",
                "Give one slice (height, width), a colour picture (height, width, 3 or 4) "
                "or a volume (slices, height, width)",
            )
        slices = shape[0] if len(shape) == 3 else 1
        height, width = shape[-2:]
        if slices <= 0:
            raise SourceError(source, f"holds no slices, shape {shape}", "Give at least one slice")
        if min(height, width) < self.min_side:
            raise SourceError(
                source,
                f"is only {width} x {height} pixels",
                f"Give slices of at least {self.min_side} x {self.min_side} pixels; "
                "the original picture, not a thumbnail",
            )
        if height * width > self.max_slice_pixels or slices * height * width > self.max_scan_pixels:
            raise SourceError(
                source,
                f"says it holds {slices} x {height} x {width} pixels, over the limit of "
                f"{self.max_slice_pixels} per slice and {self.max_scan_pixels} per scan",
                "Check that it is a CT scan and not damaged; give the chest alone, or thicker slices. "
                f"{IN_PYTHON.format('max_scan_pixels')}",
            )

    def check_count(self, source: str, files: int) -> None:
        """Refuse folders and archives with more files than allowed.

        Raises
        ------
        SourceError
        """
        if files > self.max_files:
            raise SourceError(
                source,
                f"holds more than {self.max_files} files",
                f"Give a folder of one study. {IN_PYTHON.format('max_files')}",
            )
