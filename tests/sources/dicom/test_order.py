"""Order of slices, and how much each counts: by position, else by location or number; gaps add nothing."""

import nibabel
import numpy as np
import pytest

from lungct.sources import SourceError, read_scan
from lungct.sources.nifti import write_nifti

from .dicom_files import enhanced_of, series_of, write

VOXEL = 2.0 * 0.7 * 0.8


def clipped(volume):
    return np.maximum(volume, -1024)


@pytest.mark.parametrize("away", [1.0, -1.0])
@pytest.mark.parametrize("height", [40.0, 1600.0])
def test_a_stray_slice_counts_as_one(tmp_path, volume, away, height):
    files = series_of(volume)
    files[3 if away > 0 else 0].ImagePositionPatient[2] = away * height
    scan = read_scan(write(tmp_path, files))
    assert scan.warnings == ("missing-slices",)
    assert scan.spacing[0] == pytest.approx(2.0)
    np.testing.assert_allclose(scan.voxel_volumes, VOXEL)


def test_a_gap_adds_no_volume(tmp_path, volume):
    files = series_of(np.concatenate([volume, volume]))
    for data in files[4:]:
        data.ImagePositionPatient[2] += 180
    scan = read_scan(write(tmp_path, files))
    assert scan.warnings == ("missing-slices",)
    np.testing.assert_allclose(scan.voxel_volumes, VOXEL)


def test_thicker_slices_count_for_their_thickness(tmp_path, volume):
    files = series_of(np.concatenate([volume, volume, volume[:2]]))
    for number, data in enumerate(files[7:], start=1):
        data.ImagePositionPatient[2], data.SliceThickness = 12.0 + 5 * number, 5
    scan = read_scan(write(tmp_path, files))
    np.testing.assert_allclose(scan.slice_depths, [2, 2, 2, 2, 2, 2, 2, 5, 5, 5])


@pytest.mark.parametrize("directions", [(1, 0, 0, 0, 1, 0), (1, 0, 0, 0, -1, 0), (-1, 0, 0, 0, -1, 0)])
def test_a_mask_lies_where_the_slices_lie(tmp_path, volume, directions):
    files = series_of(volume, directions=directions)
    for data, z in zip(files, (0, 2, 40, 42), strict=True):
        data.ImagePositionPatient[2] = float(z)
    scan = read_scan(write(tmp_path / "s", files))
    mask = np.zeros(scan.shape, dtype=bool)
    mask[2] = True
    np.testing.assert_allclose((scan.affine @ [0, 0, 0, 1])[2], 0)
    image = nibabel.load(write_nifti(tmp_path / "mask.nii.gz", mask, scan))
    assert image.shape[2] == 22
    marked = np.argwhere(np.asarray(image.dataobj))
    assert {round(float(z), 3) for z in nibabel.affines.apply_affine(image.affine, marked)[:, 2]} == {40.0}


def test_an_even_series_keeps_its_grid(tmp_path, volume):
    scan = read_scan(write(tmp_path / "s", series_of(volume)))
    image = nibabel.load(write_nifti(tmp_path / "mask.nii.gz", scan.pixels > -500, scan))
    assert image.shape == scan.shape[::-1]
    np.testing.assert_array_equal(np.asarray(image.dataobj).T, scan.pixels > -500)


@pytest.mark.parametrize("where", [[0, 0, 0], [-60, -50, -200], None])
def test_slices_at_one_position_are_ordered_by_location(tmp_path, volume, where):
    files = series_of(volume)
    for index, data in enumerate(files):
        data.SliceLocation, data.InstanceNumber = 3.0 * index - 7, 4 - index
        data.ImagePositionPatient = where
    scan = read_scan(write(tmp_path, files))
    np.testing.assert_array_equal(scan.pixels, clipped(volume))
    assert scan.warnings == ("ordered-by-location", "unknown-orientation")
    assert scan.spacing == pytest.approx((3.0, 0.7, 0.8))
    assert scan.affine is None


@pytest.mark.parametrize("zeroed", [2, 3, 4])
def test_slices_at_zero_are_ordered_by_number(tmp_path, volume, zeroed):
    files = series_of(volume)
    for data in files[-zeroed:]:
        data.ImagePositionPatient = [0, 0, 0]
    scan = read_scan(write(tmp_path, files[::-1]))
    np.testing.assert_array_equal(scan.pixels, clipped(volume))
    assert scan.warnings == ("ordered-by-number", "unknown-orientation")
    assert scan.spacing == pytest.approx((2.0, 0.7, 0.8))


def test_slices_that_are_at_one_place_have_no_volume(tmp_path, volume):
    """Bolus tracking shows one place again and again."""
    files = series_of(volume)
    for data in files:
        data.ImagePositionPatient, data.SliceLocation = [-60, -50, -200], -200
    scan = read_scan(write(tmp_path, files))
    assert scan.warnings == ("ordered-by-number", "unknown-orientation")
    assert (len(scan), scan.spacing, scan.voxel_volumes) == (4, None, None)


def test_a_file_with_several_acquisitions_is_refused(tmp_path, volume):
    first, second = series_of(volume), series_of(volume)
    for data in second:
        data.SeriesInstanceUID = first[0].SeriesInstanceUID
        data.InstanceNumber += 4
    enhanced_of([*first, *second]).save_as(tmp_path / "all.dcm")
    with pytest.raises(SourceError, match=r"several slices at most positions.*Export each acquisition"):
        read_scan(tmp_path / "all.dcm")
