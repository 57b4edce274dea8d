"""Write masks as DICOM segmentations, which viewers and archives accept, through the optional package highdicom."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...common.optional import require
from ..errors import DECODER_ERRORS, SourceError
from ..scan import Scan
from .header import pydicom_errors

ANATOMY = ("123037004", "Anatomical Structure")
ABNORMAL = ("49755003", "Morphologically Abnormal Structure")
"""SNOMED CT codes of categories, from CID 7150 of the standard."""

LUNG = ("39607008", "Lung")


class Segment(NamedTuple):
    """What a segment shows: its label, and the SNOMED CT codes and meanings of its type, category and region."""

    label: str
    kind: tuple[str, str]
    category: tuple[str, str] = ANATOMY
    region: tuple[str, str] | None = None


LUNGS = Segment("Lungs", LUNG)
SIDES = (Segment("Right lung", ("3341006", "Right lung")), Segment("Left lung", ("44029006", "Left lung")))
INFECTION = Segment("Lung infection", ("52988006", "Lesion"), ABNORMAL, LUNG)
"""Infected lung. "Lesion" is from CID 7159, the standard's types for abnormal structures, and fits ground glass as well
as consolidation; 95436008, "Lung consolidation (disorder)", would leave ground glass out."""


def write_seg(
    path: str | Path,
    mask: NDArray[np.bool_] | NDArray[np.uint8],
    scan: Scan,
    provenance: Mapping[str, Mapping[str, str]],
    infection: NDArray[np.bool_] | None = None,
) -> Path:
    """Write masks of the lungs and of infection as a DICOM segmentation that refers to every slice of its source.

    Parameters
    ----------
    path : path
        Ends in ``.dcm``.
    mask : ndarray of bool or uint8, shape (slices, height, width)
        In the scan's own order. Lung, one segment; or labels, two segments: 1 right lung, 2 left lung.
    scan : Scan
        A scan read from DICOM.
    provenance : mapping
        ``name`` and ``version`` of the networks: ``segmenter`` found the lungs, ``classifier`` the infection.
    infection : ndarray of bool, shape (slices, height, width), optional
        Infected lung, the last segment; it overlaps with the lungs.

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

    network = provenance["segmenter"]
    lungs = [(LUNGS, mask)] if mask.dtype == np.bool_ else [(one, mask == label) for label, one in enumerate(SIDES, 1)]
    parts = [(segment, part, network) for segment, part in lungs]
    if infection is not None:
        parts.append((INFECTION, infection, provenance["classifier"]))
    segments = [_described(number, segment, by) for number, (segment, _, by) in enumerate(parts, start=1)]
    headers, own = _sources(scan, np.stack([scan.grid.to_own(part) for _, part, _ in parts], axis=-1))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # highdicom and pydicom quote values, such as patients' names
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
                manufacturer_model_name=network["name"],
                software_versions=network["version"],
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


def _described(number: int, segment: Segment, network: Mapping[str, str]) -> Any:
    """Return the description of a segment that a network found."""
    import highdicom as hd
    from highdicom.sr.coding import CodedConcept

    def concept(code: tuple[str, str]) -> Any:
        return CodedConcept(code[0], "SCT", code[1])

    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=segment.label,
        segmented_property_category=concept(segment.category),
        segmented_property_type=concept(segment.kind),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=network["name"],
            version=network["version"],
            family=CodedConcept("123109", "DCM", "Artificial Intelligence"),
        ),
        anatomic_regions=None if segment.region is None else [concept(segment.region)],
    )


def _sources(scan: Scan, own: NDArray[Any]) -> tuple[list[Any], NDArray[Any]]:
    """Return the headers to refer to, and the masks in their order; a multi-frame file counts as one header."""
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
