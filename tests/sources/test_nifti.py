"""NIfTI, NRRD and MHA: read from any orientation, written back onto the same grid, in agreement with SimpleITK."""

import gzip

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from scipy.spatial.transform import Rotation

from lungct.sources import Limits, SourceError, find_sources, read_scan
from lungct.sources.nifti import write_nifti

from ..conftest import make_chest
from .dicom.dicom_files import series_of, write
from .test_grid import ORIENTATIONS

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def volume():
    slices = [np.rint(make_chest(48, 56, seed=index)[0] + index) for index in range(5)]
    return np.maximum(np.stack(slices), -1024).astype(np.int16)


def plain_affine(spacing=(0.7, 0.8, 2.5)):
    """From RAS indices of an (x, y, z) array whose axes run left, back, up."""
    return LPS @ np.diag([*spacing, 1.0])


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_all_48_orders_and_flips_give_the_same_scan(tmp_path, volume, order, signs):
    straight = nibabel.Nifti1Image(volume.T, plain_affine())
    # As in nibabel: for each axis of the straight array, which axis of the stored one it becomes, and its sign.
    stored = straight.as_reoriented(np.stack([order, signs], axis=1))
    nibabel.save(stored, tmp_path / "scan.nii")
    scan = read_scan(tmp_path / "scan.nii")
    np.testing.assert_array_equal(scan.pixels, volume)
    assert (scan.intensity, scan.intensity_guessed, scan.warnings) == ("hu", False, ())
    assert scan.spacing == pytest.approx((2.5, 0.8, 0.7))
    mask = scan.pixels > -500
    back = nibabel.load(write_nifti(tmp_path / "mask.nii.gz", mask, scan))
    np.testing.assert_allclose(back.affine, stored.affine)
    np.testing.assert_array_equal(np.asarray(back.dataobj) > 0, stored.get_fdata() > -500)


def oblique_file(path, volume):
    """Write a rotated, anisotropic, flipped volume with SimpleITK."""
    image = sitk.GetImageFromArray(volume)
    image.SetSpacing((0.7, 0.9, 3.0))
    image.SetOrigin((12.0, -34.0, 56.0))
    turn = Rotation.from_euler("xyz", [12, -8, 20], degrees=True).as_matrix() @ np.diag([-1, 1, -1])
    image.SetDirection(turn.ravel())
    sitk.WriteImage(image, str(path))
    return image


@pytest.mark.parametrize("name", ["scan.nii.gz", "scan.nrrd", "scan.mha"])
def test_masks_are_aligned_with_the_lungs_in_another_library(tmp_path, volume, name):
    image = oblique_file(tmp_path / name, volume)
    scan = read_scan(tmp_path / name)
    mask = scan.pixels < -500
    write_nifti(tmp_path / "mask.nii.gz", mask, scan)
    other = sitk.ReadImage(str(tmp_path / "mask.nii.gz"))
    np.testing.assert_allclose(other.GetDirection(), image.GetDirection(), atol=1e-6)
    np.testing.assert_allclose(other.GetOrigin(), image.GetOrigin(), atol=1e-4)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(other) > 0, volume < -500)
    for index in ((0, 0, 0), (40, 20, 4), (3, 47, 2)):
        physical = image.TransformIndexToPhysicalPoint(index)
        column, row, level = np.rint(np.linalg.solve(scan.affine, [*physical, 1])[:3]).astype(int)
        assert scan.pixels[level, row, column] == volume[index[::-1]]


def test_dicom_series_as_nifti_has_the_position_that_simpleitk_reads(tmp_path, volume):
    folder = write(tmp_path / "series", series_of(volume))
    scan = read_scan(folder)
    write_nifti(tmp_path / "roi.nii", scan.pixels, scan)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    theirs, ours = reader.Execute(), sitk.ReadImage(str(tmp_path / "roi.nii"))
    np.testing.assert_allclose(ours.GetOrigin(), theirs.GetOrigin(), atol=1e-4)
    np.testing.assert_allclose(ours.GetSpacing(), theirs.GetSpacing(), atol=1e-5)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(ours), sitk.GetArrayFromImage(theirs))


def test_a_picture_without_a_position_gets_only_spacing(tmp_path):
    scan = read_scan(np.zeros((40, 50), np.uint8))
    image = nibabel.load(write_nifti(tmp_path / "mask.nii", np.ones((1, 40, 50), bool), scan))
    assert image.shape == (50, 40, 1)
    assert image.header.get_zooms() == (1, 1, 1)


def test_scaled_values_and_padding(tmp_path, volume):
    stored = (volume + 1024).astype(np.uint16)
    image = nibabel.Nifti1Image(stored.T, plain_affine())
    image.header.set_slope_inter(1, -1024)
    nibabel.save(image, tmp_path / "scaled.nii")
    scaled = read_scan(tmp_path / "scaled.nii")
    np.testing.assert_array_equal(scaled.pixels, volume)
    assert not scaled.intensity_guessed
    floats = volume.astype(np.float32)
    floats[:, :4] = np.nan
    nibabel.save(nibabel.Nifti1Image(floats.T, plain_affine()), tmp_path / "nan.nii.gz")
    padded = read_scan(tmp_path / "nan.nii.gz")
    assert (padded.pixels[:, :4] == -1024).all()
    np.testing.assert_array_equal(padded.pixels[:, 4:], volume[:, 4:])


def test_unknown_orientation_is_reported(tmp_path, volume):
    image = nibabel.Nifti1Image(volume.T, None)
    nibabel.save(image, tmp_path / "bare.nii")
    assert read_scan(tmp_path / "bare.nii").warnings == ("unknown-orientation", "unknown-spacing")


def saved(path, array, affine=None):
    nibabel.save(nibabel.Nifti1Image(array, plain_affine() if affine is None else affine), path)


def test_an_nrrd_without_orientation(tmp_path, volume):
    (tmp_path / "bare.nrrd").write_bytes(
        b"NRRD0004\ntype: int16\ndimension: 3\nsizes: 56 48 5\nencoding: raw\nendian: little\n\n" + volume.tobytes()
    )
    scan = read_scan(tmp_path / "bare.nrrd")
    np.testing.assert_array_equal(scan.pixels, volume)
    assert scan.warnings == ("unknown-orientation", "unknown-spacing")


def test_everything_but_volumes_is_refused(tmp_path, volume):
    saved(tmp_path / "four.nii.gz", np.stack([volume.T, volume.T], axis=-1))
    colour = np.zeros((40, 50, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    saved(tmp_path / "colour.nii", colour)
    saved(tmp_path / "complex.nii", np.zeros((40, 50, 4), np.complex64))
    saved(tmp_path / "three.nii.gz", volume.T)
    whole = (tmp_path / "three.nii.gz").read_bytes()
    (tmp_path / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "other.nii.gz").write_bytes(gzip.compress(b"no volume at all" * 100))
    saved(tmp_path / "big.nii", volume.T)
    header = bytearray((tmp_path / "big.nii").read_bytes())
    header[42:48] = np.array([30000, 30000, 30000], "<i2").tobytes()
    (tmp_path / "big.nii").write_bytes(header)
    (tmp_path / "away.mha").write_text(
        "ObjectType = Image\nComment = ElementDataFile = LOCAL\nNDims = 3\nDimSize = 4 4 4\nElementDataFile = ../x\n"
    )
    (tmp_path / "away.nrrd").write_text("NRRD0004\n" + "# words\n" * 9000 + "dimension: 3\ndata file: ../x.raw\n\n")
    late = bytearray(gzip.decompress(whole))
    late[108:112] = np.float32(2e8).tobytes()
    (tmp_path / "late.nii.gz").write_bytes(gzip.compress(bytes(late)))
    for name, reason in {
        "four.nii.gz": "several volumes",
        "colour.nii": "not grey values",
        "complex.nii": "not grey values",
        "cut.nii.gz": "damaged or cut off",
        "other.nii.gz": "gzip file, not a scan",
        "big.nii": "over the limit",
        "away.mha": "in another file",
        "away.nrrd": "whose end doesn't come within 2000 lines",
        "late.nii.gz": "start at byte 2e\\+08",
    }.items():
        with pytest.raises(SourceError, match=reason) as caught:
            read_scan(tmp_path / name)
        assert name in caught.value.source


def test_a_fourth_axis_of_length_one_is_ignored(tmp_path, volume):
    saved(tmp_path / "one.nii.gz", volume.T[..., None])
    np.testing.assert_array_equal(read_scan(tmp_path / "one.nii.gz", limits=Limits()).pixels, volume)


@pytest.mark.parametrize("kind", ["Nifti1Pair", "Nifti2Pair"])
def test_a_pair_of_files_is_read_from_either_and_is_one_source(tmp_path, kind):
    values = np.random.default_rng(3).integers(-1000, 500, (40, 36, 3)).astype(np.int16)
    affine = np.diag([-2.0, -2.0, 5.0, 1.0])
    getattr(nibabel, kind)(values, affine).to_filename(tmp_path / "a.hdr")
    nibabel.Nifti1Image(values, affine).to_filename(tmp_path / "whole.nii")
    whole = read_scan(tmp_path / "whole.nii")
    for name in ("a.hdr", "a.img"):
        scan = read_scan(tmp_path / name)
        np.testing.assert_array_equal(scan.pixels, whole.pixels)
        assert scan.spacing == (5.0, 2.0, 2.0)
    assert [path.name for path in find_sources(tmp_path).sources] == ["a.hdr", "whole.nii"]
    with pytest.raises(SourceError, match="keeps its pixels in another file"):
        read_scan(tmp_path / "a.hdr", limits=Limits(detached=False))
    (tmp_path / "a.img").unlink()
    (tmp_path / "a.img").symlink_to(tmp_path / "whole.nii")
    with pytest.raises(SourceError, match="it is a link"):
        read_scan(tmp_path / "a.hdr")


@pytest.mark.parametrize("name", ["plain.nii.gz", "scan.dat", "plain.png"])
def test_a_volume_with_the_wrong_suffix_is_read_by_its_content(tmp_path, name):
    values = np.random.default_rng(3).integers(-1000, 500, (40, 36, 3)).astype(np.int16)
    nibabel.Nifti1Image(values, np.eye(4)).to_filename(tmp_path / "a.nii")
    (tmp_path / "a.nii").rename(tmp_path / name)
    scan = read_scan(tmp_path / name)
    assert scan.shape == (3, 36, 40)
    assert "suffix-mismatch" in scan.warnings
