"""One scan gives the same answer in every format."""

import nibabel
import numpy as np
import pytest
import tifffile

from lungct.lungseg.evaluation.scores import dice

from ..conftest import SLICES
from ..sources.dicom.dicom_files import series_of, write


@pytest.fixture(scope="module")
def volume():
    """Three slices in HU, as integers: a real one, and slightly smaller versions of it."""
    hu = tifffile.imread(SLICES / "lctsc-S1-101-hu.tif").astype(np.int16)
    return np.maximum(np.stack([hu, np.roll(hu, 3, axis=0), np.roll(hu, 4, axis=1)]), -1024)


@pytest.fixture(scope="module")
def forms(volume, tmp_path_factory):
    folder = tmp_path_factory.mktemp("forms")
    write(folder / "series", series_of(volume)[::-1])
    affine = np.diag([-0.8, -0.7, 2.0, 1.0])
    straight = nibabel.Nifti1Image(volume.T, affine)
    nibabel.save(straight, folder / "straight.nii.gz")
    nibabel.save(straight.as_reoriented(np.array([[2, -1], [0, 1], [1, -1]])), folder / "turned.nii")
    np.save(folder / "volume.npy", volume)
    grey = np.rint(np.clip((volume + 1350.0) / 1500, 0, 1) * 255).astype(np.uint8)
    tifffile.imwrite(folder / "grey.tif", grey, photometric="minisblack")
    return folder


def test_hounsfield_forms_give_the_same_mask_and_probability(pipe, forms):
    first, *others = [pipe.predict(forms / name) for name in ("series", "straight.nii.gz", "turned.nii", "volume.npy")]
    assert first.lung_mask.shape == (3, 512, 512)
    assert 0.05 < first.lung_fraction < 0.4
    for other in others:
        np.testing.assert_array_equal(other.lung_mask, first.lung_mask)
        assert other.probability == pytest.approx(first.probability, abs=1e-6)
    assert [one.lung_volume_ml is None for one in (first, *others)] == [False, False, False, True]
    assert others[0].lung_volume_ml == pytest.approx(first.lung_volume_ml, rel=1e-5)


def test_pictures_give_nearly_the_same_mask(pipe, forms):
    scan, pictures = pipe.predict([forms / "series", forms / "grey.tif"])
    assert dice(pictures.lung_mask, scan.lung_mask) >= 0.98
