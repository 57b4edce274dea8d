"""What a file doesn't say is marked, units are applied, and masks get the header of a NIfTI input."""

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from lungct.sources import SourceError, read_scan
from lungct.sources.nifti import write_nifti

from ..conftest import make_chest
from .raw.raw_files import mha, nrrd, written

NOTHING = ("unknown-orientation", "unknown-spacing")
AFFINE = np.array([[-0.7, 0, 0, 30], [0, -0.8, 0, 40], [0, 0, 2.5, -50], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def volume():
    slices = [np.rint(make_chest(48, 48, seed=index)[0] + index) for index in range(5)]
    return np.maximum(np.stack(slices), -1024).astype(np.int16)


def image_of(volume, affine=AFFINE, sform=1, qform=1, unit=None, kind=nibabel.Nifti1Image):
    image = kind(volume.T, affine)
    image.header.set_sform(affine, sform)
    image.header.set_qform(affine, qform)
    if unit:
        image.header.set_xyzt_units(unit)
    return kind(volume.T, None, image.header)  # given an affine, nibabel would set a code


@pytest.mark.parametrize("affine", [np.eye(4), np.diag([-1.0, -1, 1, 1])])
@pytest.mark.parametrize("unit", [None, "mm", "micron"])
def test_an_identity_affine_says_nothing(tmp_path, volume, affine, unit):
    nibabel.save(image_of(volume, affine, unit=unit), tmp_path / "eye.nii.gz")
    scan = read_scan(tmp_path / "eye.nii.gz")
    assert (scan.warnings, scan.spacing, scan.affine, scan.voxel_volumes) == (NOTHING, None, None, None)
    np.testing.assert_array_equal(scan.pixels, volume)  # in file order


def test_what_simpleitk_writes_without_being_told_says_nothing(tmp_path, volume):
    for name in ("a.mha", "a.nrrd", "a.nii.gz"):
        image = sitk.GetImageFromArray(volume)
        sitk.WriteImage(image, str(tmp_path / name))
        scan = read_scan(tmp_path / name)
        assert (scan.warnings, scan.spacing) == (NOTHING, None), name
        np.testing.assert_array_equal(scan.pixels, volume)
        image.SetSpacing((0.7, 0.7, 3.0))
        image.SetOrigin((-10, -20, 30))
        sitk.WriteImage(image, str(tmp_path / name))
        assert (read_scan(tmp_path / name).warnings, len(read_scan(tmp_path / name).spacing)) == ((), 3)


def test_headers_that_leave_out_orientation_or_spacing(tmp_path, volume):
    whole = "1 0 0 0 1 0 0 0 1"
    for changed, warnings in (
        ({}, NOTHING),
        ({"TransformMatrix": whole, "Offset": "1 2 3"}, NOTHING[1:]),
        ({"ElementSpacing": "0.7 0.7 3"}, NOTHING[:1]),
        ({"ElementSpacing": "0.7 0.7 3", "TransformMatrix": whole}, ()),
        ({"ElementSpacing": "1 1 1", "TransformMatrix": whole, "DistanceUnits": "um"}, NOTHING),
        ({"ElementSpacing": "1 1 1", "TransformMatrix": whole, "Offset": "-170 -160 12"}, ()),
    ):
        assert read_scan(written(tmp_path / "a.mha", mha(volume, **changed))).warnings == warnings
    for directions, warnings in (("(1,0,0) (0,1,0) (0,0,1)", NOTHING), ("(0.7,0,0) (0,0.7,0) (0,0,3)", ())):
        changed = {"space": "left-posterior-superior", "space directions": directions, "space origin": "(0,0,0)"}
        assert read_scan(written(tmp_path / "a.nrrd", nrrd(volume, **changed))).warnings == warnings


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1e-3), ("mm", 1), ("micron", 1e3), ("unknown", 1)])
def test_units_of_nifti_are_applied(tmp_path, volume, unit, factor):
    affine = np.diag([factor] * 3 + [1]) @ AFFINE
    nibabel.save(image_of(volume, affine, unit=unit), tmp_path / "a.nii.gz")
    scan = read_scan(tmp_path / "a.nii.gz")
    assert scan.spacing == pytest.approx((2.5, 0.8, 0.7))
    np.testing.assert_allclose(scan.affine[:3, 3], [-30, -40, -50], rtol=1e-5)
    assert scan.voxel_volumes == pytest.approx([1.4] * 5, rel=1e-5)


@pytest.mark.parametrize("unit", ["um", "microns", "micrometer", "µm"])
def test_units_of_nrrd_are_applied(tmp_path, volume, unit):
    changed = {"space": "LPS", "space directions": "(700,0,0) (0,800,0) (0,0,2500)", "space units": f'"{unit}" ' * 3}
    scan = read_scan(
        written(tmp_path / "a.nrrd", nrrd(volume, **{**changed, "space units": changed["space units"][:-1]}))
    )
    assert scan.spacing == pytest.approx((2.5, 0.8, 0.7))


def test_codes_of_zero_keep_the_order_and_only_a_real_spacing(tmp_path, volume):
    image = image_of(volume, sform=0, qform=0)
    nibabel.save(image, tmp_path / "a.nii")
    scan = read_scan(tmp_path / "a.nii")
    assert scan.warnings == NOTHING[:1]
    assert scan.spacing == pytest.approx((2.5, 0.8, 0.7))
    np.testing.assert_array_equal(scan.pixels, volume)
    image.header["pixdim"][1:4] = [0.7, 0.8, 0]
    image.header["vox_offset"] = 352
    with (tmp_path / "zero.nii").open("wb") as file:
        file.write(image.header.binaryblock + bytes(4) + volume.tobytes())
    zero = read_scan(tmp_path / "zero.nii")
    assert (zero.warnings, zero.spacing) == (NOTHING, None)


def test_the_odd_axis_is_that_of_the_slices(tmp_path, volume):
    for order in ((0, 1, 2), (1, 2, 0), (1, 0, 2)):  # of the array (x, y, z) = (slices, rows, columns) and so on
        nibabel.save(nibabel.Nifti1Image(volume.transpose(order), np.eye(4)), tmp_path / "a.nii")
        scan = read_scan(tmp_path / "a.nii")
        assert scan.shape == (5, 48, 48)
        assert any(np.array_equal(scan.pixels, way) for way in (volume, volume.transpose(0, 2, 1)))
        back = nibabel.load(write_nifti(tmp_path / "mask.nii", scan.pixels > -500, scan))
        np.testing.assert_array_equal(np.asarray(back.dataobj) > 0, volume.transpose(order) > -500)


@pytest.mark.parametrize(("sform", "qform"), [(0, 0), (1, 0), (0, 1), (2, 1), (4, 4)])
@pytest.mark.parametrize("unit", [None, "mm", "meter"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_masks_have_the_header_of_their_input(tmp_path, volume, sform, qform, unit, kind):
    affine = np.diag([1e-3] * 3 + [1]) @ AFFINE if unit == "meter" else AFFINE
    image = image_of(volume, affine, sform, qform, unit, kind)
    image.header["descrip"] = b"Doe^Jane"
    image.header.set_slope_inter(2, 5)
    nibabel.save(image, tmp_path / "a.nii.gz")
    scan = read_scan(tmp_path / "a.nii.gz", intensity="hu")
    write_nifti(tmp_path / "mask.nii.gz", scan.pixels < -500, scan)
    ours, theirs = nibabel.load(tmp_path / "mask.nii.gz"), nibabel.load(tmp_path / "a.nii.gz")
    assert type(ours) is type(theirs)
    for field in ("sform_code", "qform_code", "xyzt_units", "dim", "pixdim", "srow_x", "quatern_b", "qoffset_z"):
        np.testing.assert_array_equal(ours.header[field], theirs.header[field])
    np.testing.assert_array_equal(ours.affine, theirs.affine)
    np.testing.assert_array_equal(np.asarray(ours.dataobj) > 0, theirs.get_fdata() < -500)
    assert (ours.get_data_dtype(), bytes(ours.header["descrip"]).strip(b"\0")) == (np.uint8, b"")
    if kind is nibabel.Nifti2Image:  # not read by SimpleITK
        return
    one, other = (sitk.ReadImage(str(tmp_path / name)) for name in ("a.nii.gz", "mask.nii.gz"))
    sitk.Cast(one, sitk.sitkFloat32) + sitk.Cast(other, sitk.sitkFloat32)  # refuses images of different places


def test_masks_have_the_dimensions_of_their_input(tmp_path, volume):
    for array in (volume[2].T, volume.T[..., None], volume[:1].T):
        image = nibabel.Nifti1Image(array, AFFINE)
        nibabel.save(image, tmp_path / "a.nii")
        scan = read_scan(tmp_path / "a.nii")
        mask = nibabel.load(write_nifti(tmp_path / "mask.nii", scan.pixels < -500, scan))
        assert mask.shape == array.shape
        np.testing.assert_array_equal(np.asarray(mask.dataobj) > 0, array < -500)


def test_big_endian_input_and_regions_of_interest(tmp_path, volume):
    image = image_of(volume)
    swapped = nibabel.Nifti1Image(volume.T, None, image.header.as_byteswapped(">"))
    nibabel.save(swapped, tmp_path / "a.nii")
    scan = read_scan(tmp_path / "a.nii")
    np.testing.assert_array_equal(scan.pixels, volume)
    region = nibabel.load(write_nifti(tmp_path / "roi.nii", volume, scan))
    np.testing.assert_array_equal(np.asarray(region.dataobj), volume.T)
    np.testing.assert_allclose(region.affine, AFFINE, rtol=1e-6)


def test_a_nan_direction_is_refused(tmp_path, volume):
    changed = {"space": "LPS", "space directions": "(nan,nan,nan) (0,0.8,0) (0,0,2.5)"}
    with pytest.raises(SourceError, match="axes"):
        read_scan(written(tmp_path / "a.nrrd", nrrd(volume, **changed)))
