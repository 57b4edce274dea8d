"""NRRD and MHA volumes through SimpleITK, an extra."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from .errors import SourceError, explained
from .options import DEFAULTS, ReadOptions
from .scan import Scan
from .volumes import volume_to_scan

HEADER_BYTES = 65536


def read_itk(path: Path, options: ReadOptions = DEFAULTS) -> Scan:
    """Read an NRRD or MHA volume of any orientation.

    Parameters
    ----------
    path : Path
    options : ReadOptions

    Raises
    ------
    SourceError
        When SimpleITK is missing, or the file is damaged, in colour, of a fourth axis, or names another file for its
        pixels.
    """
    name = str(path)
    try:
        import SimpleITK as sitk  # noqa: N813
    except ModuleNotFoundError as error:
        raise SourceError(name, "needs SimpleITK", "Run: pip install 'lungct[itk]'") from error
    _refuse_other_files(path)
    with explained(name, "is damaged or cut off", "Copy or export the file again"):
        reader: Any = sitk.ImageFileReader()
        reader.SetFileName(name)
        reader.ReadImageInformation()
        if reader.GetDimension() != 3 or reader.GetNumberOfComponents() != 1:
            raise SourceError(
                name,
                f"has {reader.GetDimension()} axes and {reader.GetNumberOfComponents()} values a pixel",
                "Give one volume of three axes and one value a pixel",
            )
        options.limits.check_shape(name, tuple(sorted(int(length) for length in reader.GetSize())))
        image = reader.Execute()
        affine = np.eye(4)
        affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * np.asarray(image.GetSpacing())
        affine[:3, 3] = image.GetOrigin()
        nrrd = path.suffix.lower() == ".nrrd"
        unplaced = nrrd and "NRRD_space" not in image.GetMetaDataKeys()
        return volume_to_scan(
            sitk.GetArrayFromImage(image),
            affine,
            options,
            source=name,
            metadata={"format": "NRRD" if nrrd else "MetaImage"},
            warnings=("unknown-orientation",) if unplaced else (),
        )


def _refuse_other_files(path: Path) -> None:
    """Refuse headers that send the reader to another file, which may be anywhere."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if header.startswith(b"NRRD"):
        head, end, _ = header.replace(b"\r\n", b"\n").partition(b"\n\n")
        own = bool(end) and not re.search(rb"^\s*data\s?file\s*:", head, re.IGNORECASE | re.MULTILINE)
    else:
        places = re.findall(rb"^\s*ElementDataFile\s*=\s*(\S*)", header, re.IGNORECASE | re.MULTILINE)
        own = bool(places) and places[0].upper() == b"LOCAL"
    if not own:
        raise SourceError(
            str(path), "keeps its pixels in another file", "Save header and pixels as one file, .nrrd or .mha"
        )
