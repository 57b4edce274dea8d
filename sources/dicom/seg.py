"""Write masks as DICOM segmentations, which viewers and archives accept, through the optional package highdicom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.optional import require
from ..errors import DECODER_ERRORS, SourceError
from ..scan import Scan
from .header import pydicom_errors

LUNGS = ("Lungs", "39607008", "Lung")
RIGHT_LUNG = ("Right lung", "3341006", "Right lung")
LEFT_LUNG = ("Left lung", "44029006", "Left lung")
"""Label of a segment, and the SNOMED CT code and meaning of what it shows."""


def write_seg(
    path: str | Path, mask: NDArray[np.bool_] | NDArray[np.uint8], scan: Scan, *, model: str, version: str
) -> Path:
    """Write a lung mask as a DICOM segmentation that refers to every slice of its source.

    Parameters
    ----------
    path : path
        Ends in ``.dcm``.
    mask : ndarray of bool or uint8, shape (slices, height, width)
        In the scan's own order. Lung, one segment; or labels, two segments: 1 right lung, 2 left lung.
    scan : Scan
        A scan read from DICOM.
    model, version : str
        Name and version of the network that found the lungs.

    Returns
    -------
    Path

    Raises
    ------
    SourceError
        When the scan was not DICOM, or its headers lack attributes that the standard requires.
    MissingPackageError
        When highdicom is not installed.
    """
    if not scan.frames or scan.grid is None:
        raise SourceError(scan.source, "was not read from DICOM", "Write its mask as NIfTI instead")
    require("highdicom", purpose="A mask as DICOM SEG", extra="seg")
    import highdicom as hd
    from highdicom.sr.coding import CodedConcept

    own = scan.grid.to_own(mask)
    segments = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=label,
            segmented_property_category=CodedConcept("123037004", "SCT", "Anatomical Structure"),
            segmented_property_type=CodedConcept(code, "SCT", meaning),
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=hd.AlgorithmIdentificationSequence(
                name=model, version=version, family=CodedConcept("123109", "DCM", "Artificial Intelligence")
            ),
        )
        for number, (label, code, meaning) in enumerate(
            [LUNGS] if mask.dtype == np.bool_ else [RIGHT_LUNG, LEFT_LUNG], start=1
        )
    ]
    headers, own = _sources(scan, own)
    try:
        segmentation: Any = hd.seg.Segmentation(
            source_images=headers,
            pixel_array=own.astype(np.uint8),
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=segments,
            series_instance_uid=hd.UID(),
            series_number=900,
            sop_instance_uid=hd.UID(),
            instance_number=1,
            manufacturer="lungct",
            manufacturer_model_name=model,
            software_versions=version,
            device_serial_number="0",
            series_description="Lungs (lungct, research use)",
            omit_empty_frames=False,
        )
    except DECODER_ERRORS + pydicom_errors() as error:
        raise SourceError(
            scan.source, f"has headers that a DICOM SEG can't refer to ({error})", "Write its mask as NIfTI instead"
        ) from error
    segmentation.save_as(path)
    return Path(path)


def _sources(scan: Scan, own: NDArray[Any]) -> tuple[list[Any], NDArray[Any]]:
    """Return the headers to refer to, and the mask in their order; a multi-frame file counts as one header."""
    if len({id(frame.header) for frame in scan.frames}) == len(scan.frames):
        return [frame.header for frame in scan.frames], own
    header = scan.frames[0].header
    if any(frame.header is not header for frame in scan.frames):
        raise SourceError(
            scan.source, "is spread over several multi-frame files, which one SEG can't refer to", "Write NIfTI instead"
        )
    ordered = np.zeros((int(header.NumberOfFrames), *own.shape[1:]), dtype=own.dtype)
    for frame, mask in zip(scan.frames, own, strict=True):
        ordered[frame.index] = mask
    return [header], ordered
