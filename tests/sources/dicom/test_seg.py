"""DICOM SEG: read back by highdicom, the mask is aligned with its slices."""

import highdicom as hd
import numpy as np
import pytest
from pydicom.sr.codedict import codes
from scipy.spatial.transform import Rotation

from lungct.sources import SourceError, read_scan
from lungct.sources.dicom.seg import write_seg

from ...conftest import make_chest
from .dicom_files import enhanced_of, series_of, write

PROVENANCE = {"segmenter": {"name": "net", "version": "1"}, "classifier": {"name": "other", "version": "2"}}


@pytest.fixture(scope="module")
def volume():
    return np.stack([make_chest(48, 56, seed=index)[0] for index in range(4)])


def check(path, scan, mask):
    """Compare with what highdicom reads, voxel by voxel in mm."""
    segmentation = hd.seg.segread(path)
    found = segmentation.get_volume(segment_numbers=[1], combine_segments=True)
    ours, theirs = (
        {tuple(np.round(point, 2)) for point in points}
        for points in (
            (scan.affine[:3, :3] @ np.argwhere(mask).T[::-1]).T + scan.affine[:3, 3],
            (found.affine[:3, :3] @ np.argwhere(found.array > 0).T).T + found.affine[:3, 3],
        )
    )
    assert ours == theirs
    return segmentation


OBLIQUE = tuple(Rotation.from_euler("xy", [12, -7], degrees=True).as_matrix().T[:2].ravel())


@pytest.mark.parametrize("directions", [(1, 0, 0, 0, 1, 0), (-1, 0, 0, 0, -1, 0), OBLIQUE])
def test_series(tmp_path, volume, directions):
    files = series_of(volume, directions=directions)
    across = np.cross(directions[:3], directions[3:])
    for index, data in enumerate(files):
        data.ImagePositionPatient = [float(value) for value in np.array([-60.0, -50.0, 0.0]) + 2.0 * index * across]
    scan = read_scan(write(tmp_path / "series", files[::-1]))
    mask = scan.pixels < -500
    mask[2] = False  # slices without lung are referenced as well
    segmentation = check(write_seg(tmp_path / "seg.dcm", mask, scan, PROVENANCE), scan, mask)
    referred = segmentation.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    assert {item.ReferencedSOPInstanceUID for item in referred} == {
        frame.header.SOPInstanceUID for frame in scan.frames
    }
    assert segmentation.NumberOfFrames == 4
    assert segmentation.SegmentSequence[0].SegmentLabel == "Lungs"
    assert segmentation.PatientID == "1"


def test_labels_become_two_segments(tmp_path, volume):
    scan = read_scan(write(tmp_path / "series", series_of(volume)))
    lungs = scan.pixels < -500
    right = np.arange(lungs.shape[2]) < lungs.shape[2] // 2
    labels = np.where(lungs, np.where(right, 1, 2), 0).astype(np.uint8)
    path = write_seg(tmp_path / "seg.dcm", labels, scan, PROVENANCE)
    segmentation = hd.seg.segread(path)
    found = [(one.SegmentLabel, one.segmented_property_type.value) for one in segmentation.SegmentSequence]
    assert found == [("Right lung", "3341006"), ("Left lung", "44029006")]
    for number in (1, 2):
        part = segmentation.get_volume(segment_numbers=[number], combine_segments=True)
        assert (part.array > 0).sum() == (labels == number).sum()


@pytest.mark.parametrize("sides", [False, True])
def test_infection_is_a_further_segment_inside_the_lungs(tmp_path, volume, sides):
    scan = read_scan(write(tmp_path / "series", series_of(volume)))
    lungs = scan.pixels < -500
    infection = lungs & (np.arange(lungs.shape[1])[:, None] > 30)
    found = np.where(lungs, np.where(np.arange(lungs.shape[2]) < 28, 1, 2), 0).astype(np.uint8) if sides else lungs
    path = write_seg(tmp_path / "seg.dcm", found, scan, PROVENANCE, infection)
    segmentation = hd.seg.segread(path)
    last = segmentation.SegmentSequence[-1]
    assert segmentation.number_of_segments == (3 if sides else 2)
    assert last.segmented_property_category == codes.SCT.MorphologicallyAbnormalStructure
    assert last.segmented_property_type == codes.SCT.Lesion
    assert last.anatomic_regions == [codes.SCT.Lung]
    assert last.algorithm_identification.name == "other"
    if not sides:
        check(path, scan, lungs)
    part = segmentation.get_volume(segment_numbers=[last.segment_number], combine_segments=True)
    assert (part.array > 0).sum() == infection.sum() > 0


def test_multi_frame_and_single_slice(tmp_path, volume):
    enhanced_of(series_of(volume)).save_as(tmp_path / "all.dcm")
    scan = read_scan(tmp_path / "all.dcm")
    mask = scan.pixels < -500
    check(write_seg(tmp_path / "seg.dcm", mask, scan, PROVENANCE), scan, mask)
    one = read_scan(write(tmp_path / "one", series_of(volume[:1])))
    check(write_seg(tmp_path / "one.dcm", mask[:1], one, PROVENANCE), one, mask[:1])


def test_several_multi_frame_files_are_refused(tmp_path, volume):
    for number in (0, 2):
        enhanced = enhanced_of(series_of(volume[number : number + 2]))
        for index, group in enumerate(enhanced.PerFrameFunctionalGroupsSequence):
            group.PlanePositionSequence[0].ImagePositionPatient = [-60.0, -50.0, 2.0 * (number + index)]
        enhanced.SeriesInstanceUID = "1.2.3"
        enhanced.save_as(tmp_path / f"{number}.dcm")
    scan = read_scan(tmp_path)
    assert scan.shape == volume.shape
    with pytest.raises(SourceError, match="several multi-frame files"):
        write_seg(tmp_path / "seg.dcm", scan.pixels < -500, scan, PROVENANCE)


def test_other_formats_and_missing_tags_are_refused(tmp_path, volume):
    picture = read_scan(np.zeros((48, 56), np.uint8))
    with pytest.raises(SourceError, match="not read from DICOM"):
        write_seg(tmp_path / "seg.dcm", np.zeros((1, 48, 56), bool), picture, PROVENANCE)
    files = series_of(volume)
    for data in files:
        del data.StudyInstanceUID
    scan = read_scan(write(tmp_path / "series", files))
    with pytest.raises(SourceError, match="a DICOM SEG can't refer to"):
        write_seg(tmp_path / "seg.dcm", scan.pixels < -500, scan, PROVENANCE)
