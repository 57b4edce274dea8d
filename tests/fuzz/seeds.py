"""A small real file of every supported format, to be damaged."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK as sitk  # noqa: N813
import tifffile
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, RLELossless, generate_uid

from ..conftest import SLICES
from ..sources.dicom.dicom_files import enhanced_of, series_of, slice_file, xray_file


def write_seeds(folder: Path) -> list[Path]:
    """Write one file of each kind, 64 x 64 pixels of a real slice, into a folder; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = tifffile.imread(SLICES / "lctsc-S1-101-hu.tif")
    hu = np.ascontiguousarray(whole[::8, ::8])
    grey = np.clip((hu + 1350) / 1500 * 255, 0, 255).astype(np.uint8)
    volume = np.stack([hu, np.roll(hu, 3, 0), np.roll(hu, 5, 1)])
    picture = Image.fromarray(grey)
    picture.save(folder / "grey.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(folder / "sixteen.png")
    picture.convert("P").save(folder / "palette.png")
    picture.convert("RGBA").save(folder / "alpha.png")
    picture.save(folder / "grey.jpg")
    picture.convert("CMYK").save(folder / "cmyk.jpg")
    tifffile.imwrite(folder / "hu.tif", volume, photometric="minisblack")
    tifffile.imwrite(folder / "packed.tif", grey, compression="zlib", predictor=True)
    np.save(folder / "hu.npy", hu)
    image = nibabel.Nifti1Image(volume.T, np.diag([-1.5, -1.5, 3, 1]))
    nibabel.save(image, folder / "hu.nii")
    nibabel.save(image, folder / "hu.nii.gz")
    for suffix in ("nrrd", "mha"):
        sitk.WriteImage(sitk.GetImageFromArray(volume), str(folder / f"hu.{suffix}"), useCompression=suffix == "nrrd")
    _write_dicom(folder, hu, volume)
    return sorted(folder.iterdir())


def _write_dicom(folder: Path, hu: np.ndarray, volume: np.ndarray) -> None:
    for name, syntax in (("plain", None), ("rle", RLELossless), ("j2k", JPEG2000Lossless)):
        data = slice_file(hu, series=generate_uid())
        if syntax:
            data.compress(syntax)
        data.save_as(folder / f"{name}.dcm")
    enhanced_of(series_of(volume)).save_as(folder / "frames.dcm")
    _jpeg_slice(hu).save_as(folder / "jpeg.dcm")
    _xray(hu).save_as(folder / "xray.dcm")
    with zipfile.ZipFile(folder / "series.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for index, data in enumerate(series_of(volume)):
            content = io.BytesIO()
            data.save_as(content)
            archive.writestr(f"{index}.dcm", content.getvalue())


def _xray(hu: np.ndarray):
    """Return an X-ray with everything that changes its grey values: rescale tags, a table, padding, MONOCHROME1."""
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [4096, 0, 16], (16 * np.arange(4096)).astype("<u2").tobytes()
    stored = np.clip(hu + 1024, 0, 4095).astype(np.uint16)
    return xray_file(stored, photometric="MONOCHROME1", VOILUTSequence=[table], PixelPaddingValue=0)


def _jpeg_slice(hu: np.ndarray):
    """Return a slice whose pixels are a JPEG, as in old archives."""
    from pydicom.encaps import encapsulate

    data = slice_file(hu, series=generate_uid())
    content = io.BytesIO()
    Image.fromarray(np.clip((hu + 1024) / 8, 0, 255).astype(np.uint8)).save(content, "JPEG")
    data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation, data.RescaleSlope = 7, 0, 8
    data.PixelData = encapsulate([content.getvalue()])
    data["PixelData"].is_undefined_length = True
    return data
