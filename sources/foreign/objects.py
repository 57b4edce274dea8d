"""Read the objects of other tools, recognised by the module of their type, so that no package is imported for it."""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..arrays import array_to_scan, is_array_like, type_name
from ..dicom.series import read_dicom
from ..errors import SourceError, explained
from ..files import SourceFile
from ..options import ReadOptions
from ..pictures import picture_to_scan
from ..scan import Scan
from ..volumes import volume_to_scan
from .content import read_content

TAKEN = (
    "Give a file path, an open binary file, bytes, an array of numbers, a Scan, a Pillow, SimpleITK or nibabel image, "
    "or pydicom datasets"
)


def read_object(source: Any, options: ReadOptions) -> Scan:
    """Read an object that is not a path.

    Raises
    ------
    SourceError
        Names the object's type if it can't be taken.
    """
    if isinstance(source, Image.Image):
        return picture_to_scan(source, options)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return read_content(f"{len(bytes(source))} bytes", bytes(source), options)
    if _is_dataset(source) or are_datasets(source):
        return _read_datasets([source] if _is_dataset(source) else source, options)
    if _is_a(source, "SimpleITK", "Image"):
        return _read_itk(source, options)
    if _is_a(source, "nibabel", "SpatialImage"):
        return _read_nibabel(source, options)
    if callable(getattr(source, "read", None)):
        return _read_file(source, options)
    if _is_a(source, "torch", "Tensor"):
        source = _plain_tensor(source)
    if is_array_like(source):
        return array_to_scan(source, options)
    raise SourceError(f"object of type {type_name(source)}", "is neither a path nor an array nor a known image", TAKEN)


def is_object(source: Any) -> bool:
    """Tell whether an object that may be iterable is one source."""
    bare = isinstance(source, (bytes, bytearray, memoryview, dict)) or callable(getattr(source, "read", None))
    known = (("SimpleITK", "Image"), ("nibabel", "SpatialImage"), ("torch", "Tensor"))
    return bare or _is_dataset(source) or are_datasets(source) or any(_is_a(source, *names) for names in known)


def are_datasets(source: Any) -> bool:
    """Tell whether an object is a list of pydicom datasets, which together are one series."""
    return isinstance(source, (list, tuple)) and bool(source) and all(map(_is_dataset, source))


def _is_a(source: Any, package: str, name: str) -> bool:
    """Tell whether an object's class, or one that it derives from, has this name in this package."""
    return any(kind.__name__ == name and kind.__module__.split(".")[0] == package for kind in type(source).__mro__)


def _is_dataset(source: Any) -> bool:
    return _is_a(source, "pydicom", "Dataset")


def _read_file(file: Any, options: ReadOptions) -> Scan:
    """Read an open file from where it stands."""
    name = file.name if isinstance(getattr(file, "name", None), str) else f"{type(file).__name__} object"
    most = options.limits.max_member_bytes
    with explained(name, "can't be read", "Give an open binary file"):
        content = file.read(most + 1)
    if inspect.iscoroutine(content):
        content.close()
        raise SourceError(name, "is an asynchronous file", "Give what it reads: await file.read()")
    if isinstance(content, str):
        raise SourceError(name, "was opened as text", 'Open it as open(path, "rb")')
    if not isinstance(content, (bytes, bytearray)):
        raise SourceError(name, f"gives {type_name(content)} instead of bytes when read", TAKEN)
    if not content:
        raise SourceError(name, "holds nothing from where it stands", "Call its seek(0) first, if it was read before")
    if len(content) > most:
        raise SourceError(name, f"holds more than {most} bytes", "Give its path, or raise the limit: limits=Limits(…)")
    return read_content(name, bytes(content), options)


def _read_datasets(datasets: Sequence[Any], options: ReadOptions) -> Scan:
    """Read pydicom datasets: each is written to memory, so that it is read under the rules for files."""
    title = f"{len(datasets)} pydicom datasets" if len(datasets) > 1 else "pydicom dataset"
    series = {str(dataset.get("SeriesInstanceUID") or "") for dataset in datasets}
    if len(series) > 1:
        raise SourceError(title, f"belong to {len(series)} series", "Give the datasets of one series at a time")
    files = []
    for number, dataset in enumerate(datasets, 1):
        known = getattr(dataset, "filename", None)
        name = str(known) if isinstance(known, (str, Path)) else f"pydicom dataset {number}"
        with explained(name, "can't be written as DICOM", "Give a dataset as pydicom.dcmread returns it"):
            files.append(SourceFile(Path(name), content=_as_file(dataset)))
    return read_dicom(files, options, str(files[0]) if len(files) == 1 else title)


def _as_file(dataset: Any) -> bytes:
    """Return a dataset as the bytes of a file."""
    written = io.BytesIO()
    meta = getattr(dataset, "file_meta", None)
    encoded = (meta is not None and "TransferSyntaxUID" in meta) or dataset.original_encoding[0] is not None
    encoding = {} if encoded else {"implicit_vr": False, "little_endian": True}
    dataset.save_as(written, enforce_file_format=False, **encoding)
    return written.getvalue()


def _read_itk(image: Any, options: ReadOptions) -> Scan:
    """Read a SimpleITK image; its coordinates are those of DICOM."""
    name = f"SimpleITK image {image.GetSize()} {image.GetPixelIDTypeAsString()}"
    values = np.array(sys.modules["SimpleITK"].GetArrayViewFromImage(image))
    if image.GetDimension() != 3:
        return array_to_scan(values, options, source=name, metadata={"format": "SimpleITK"})
    options.limits.check_shape(name, values.shape)
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return volume_to_scan(values, affine, options, source=name, metadata={"format": "SimpleITK"})


def _read_nibabel(image: Any, options: ReadOptions) -> Scan:
    """Read a nibabel image through the bytes of a NIfTI file, so that it is read under the rules for files."""
    import nibabel

    known = image.get_filename() if hasattr(image, "get_filename") else None
    name = str(known) if known else f"nibabel image {tuple(image.shape)}"
    with explained(name, "can't be written as NIfTI", "Save it as NIfTI", (nibabel.spatialimages.HeaderDataError,)):
        whole: Any = image if type(image) in (nibabel.Nifti1Image, nibabel.Nifti2Image) else None
        content = (whole or nibabel.Nifti1Image.from_image(image)).to_bytes()
    return read_content(name, content, options)


def _plain_tensor(tensor: Any) -> Any:
    """Return a tensor in main memory, without its gradient; half-precision bfloat16, which NumPy lacks, as float."""
    plain = tensor.detach().cpu()
    return plain.float() if str(plain.dtype) == "torch.bfloat16" else plain
