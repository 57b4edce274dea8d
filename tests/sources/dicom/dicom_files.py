"""DICOM files made for tests: what a scanner would write, with small changes."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

STUDY, FRAME = generate_uid(), generate_uid()


def slice_file(hu, *, series, number=1, z=0.0, step=2.0, y=0.0, spacing=(0.7, 0.8), directions=(1, 0, 0, 0, 1, 0)):
    """Return a CT slice (height, width) in HU as a dataset with everything a viewer needs."""
    data = FileDataset("", {}, file_meta=FileMetaDataset(), preamble=b"\0" * 128)
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = CTImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = STUDY, series, FRAME
    data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = "Made^Up", "1", "19500101", "O"
    data.StudyDate, data.StudyTime, data.StudyID, data.AccessionNumber = "20200401", "120000", "1", "1"
    data.ReferringPhysicianName, data.Manufacturer, data.PositionReferenceIndicator = "", "tests", ""
    data.Modality, data.SeriesNumber, data.InstanceNumber = "CT", 2, number
    data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.ImagePositionPatient, data.ImageOrientationPatient = [-60.0, -50.0 + y, z], list(directions)
    data.PixelSpacing, data.SliceThickness = list(spacing), step
    data.Rows, data.Columns = hu.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    data.RescaleSlope, data.RescaleIntercept, data.RescaleType = 1, -1024, "HU"
    data.PixelData = (np.rint(hu) + 1024).astype("<i2").tobytes()
    return data


def series_of(volume, *, step=2.0, shear=0.0, **how):
    """Return datasets of a volume (slices, height, width), from the feet to the head, `step` mm apart."""
    uid = generate_uid()
    return [
        slice_file(hu, series=uid, number=index + 1, z=index * step, y=index * shear, step=step, **how)
        for index, hu in enumerate(volume)
    ]


def xray_file(stored, *, bits=12, photometric="MONOCHROME2", modality="DX", **tags):
    """Return an X-ray of stored values (height, width) as a dataset."""
    data = slice_file(np.zeros(stored.shape), series=generate_uid())
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "RescaleType"):
        delattr(data, name)
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = DigitalXRayImageStorageForPresentation
    data.Modality, data.ImageType, data.PhotometricInterpretation = modality, ["ORIGINAL", "PRIMARY"], photometric
    data.BitsStored, data.HighBit, data.PixelRepresentation = bits, bits - 1, 0
    data.RescaleSlope, data.RescaleIntercept = 1, 0
    data.ViewPosition, data.ImagerPixelSpacing = "PA", [0.2, 0.3]
    for name, value in tags.items():
        setattr(data, name, value)
    data.PixelData = stored.astype("<u2").tobytes()
    return data


def write(folder, datasets, name="{index:03d}.dcm"):
    """Write datasets into a folder; return the folder."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for index, data in enumerate(datasets):
        data.save_as(Path(folder) / name.format(index=index), enforce_file_format=True)
    return Path(folder)


def enhanced_of(datasets):
    """Return the slices as one enhanced multi-frame file."""
    from highdicom.legacy import LegacyConvertedEnhancedCTImage

    return LegacyConvertedEnhancedCTImage(
        datasets,
        series_instance_uid=generate_uid(),
        series_number=9,
        sop_instance_uid=generate_uid(),
        instance_number=1,
    )


def item(**values):
    """Return a sequence item."""
    data = Dataset()
    for name, value in values.items():
        setattr(data, name, value)
    return data
