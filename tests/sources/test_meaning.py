"""Whether values are Hounsfield units is decided by where air, lung and soft tissue lie, not by one extreme value."""

import nibabel
import numpy as np
import pytest
from PIL import Image

from lungct.sources import Scan, SourceError, read_scan
from lungct.sources.intensity import can_be_hu, meaning_of

from ..conftest import make_chest
from .dicom.dicom_files import series_of, write

AFFINE = np.diag([-0.7, -0.7, 5.0, 1.0])


@pytest.fixture(scope="module")
def chest():
    """Return three slices in HU, int16, clipped at air as scanners do."""
    slices = [np.rint(make_chest(96, 112, seed=index)[0]) for index in range(3)]
    return np.maximum(np.stack(slices), -1024).astype(np.int16)


@pytest.fixture
def outside(chest):
    """Return what is outside the field of view."""
    rows, columns = np.ogrid[:96, :112]
    return np.broadcast_to(np.hypot((rows - 47.5) / 48, (columns - 55.5) / 56) > 1, chest.shape)


def nifti(path, array):
    nibabel.save(nibabel.Nifti1Image(array.T, AFFINE), path)
    return path


@pytest.mark.parametrize("padding", [-2000, -3024, -32768])
def test_padding_is_air_whatever_its_value(tmp_path, chest, outside, padding):
    expected = np.where(outside, -1024, chest)
    scan = read_scan(nifti(tmp_path / "hu.nii.gz", np.where(outside, padding, chest).astype(np.int16)))
    assert (scan.intensity, scan.intensity_guessed) == ("hu", False)
    np.testing.assert_array_equal(scan.pixels, expected)
    raw = read_scan(nifti(tmp_path / "raw.nii.gz", np.where(outside, padding, chest + 1024).astype(np.int16)))
    assert (raw.intensity, raw.intensity_guessed) == ("hu", True)
    np.testing.assert_array_equal(raw.pixels, expected)


@pytest.mark.parametrize(
    ("offset", "dtype"),
    [
        (1024, np.int16), (1024, np.uint16), (1024, np.float32), (-1024, np.int16), (8192, np.int16),
        (32768, np.uint16), (33792, np.int32), (-32768, np.int32), (-31744, np.int16),
    ],
)  # fmt: skip
def test_a_constant_added_to_hu_is_recognised_and_removed(chest, offset, dtype):
    scan = read_scan((chest.astype(np.int32) + offset).astype(dtype))
    assert (scan.intensity, scan.intensity_guessed) == ("hu", True)
    np.testing.assert_array_equal(scan.pixels, chest)


def test_one_value_doesnt_decide(chest):
    raw = chest + 1024
    raw[0, 0, 0] = -500
    scan = read_scan(raw)
    assert (scan.intensity, scan.intensity_guessed) == ("hu", True)
    np.testing.assert_array_equal(scan.pixels[1:], chest[1:])


def test_grey_stays_grey_and_its_padding_is_black(chest, outside):
    grey = np.clip((chest.astype(np.float32) + 1350) / 1500, 0, 1)
    for picture in (grey, grey * 255, np.rint(grey * 255).astype(np.uint8), np.rint(grey * 65535).astype(np.uint16)):
        assert read_scan(picture).intensity == "display"
    padded = np.where(outside, -2000, np.rint(grey * 5000 + 100)).astype(np.int16)
    scan = read_scan(padded, intensity="display")
    assert (scan.pixels.min(), scan.pixels.max()) == (0, 1)
    assert np.ptp(scan.pixels[~outside]) == 1


def test_values_over_the_whole_range_are_hardly_hu():
    noise = np.random.default_rng(0).integers(-32768, 32767, (96, 112)).astype(np.int16)
    assert not meaning_of(noise).sure
    assert meaning_of(np.random.default_rng(0).integers(-1024, 1500, (96, 112)).astype(np.int16)).sure


@pytest.mark.parametrize(
    "wrong",
    [
        lambda hu: hu + 1024,
        lambda hu: (hu + 1024.0) / 4096,
        lambda hu: np.clip((hu + 1350.0) / 1500 * 255, 0, 255).astype(np.uint8),
        lambda hu: (hu.astype(np.int32) + 32768).astype(np.uint16),
        lambda hu: np.where(hu < -1015, -2000, hu + 1024),
    ],
)
def test_declared_hu_that_cannot_be_true_is_marked(chest, wrong):
    scan = read_scan(wrong(chest), intensity="hu")
    assert (scan.intensity, scan.intensity_guessed, scan.intensity_possible) == ("hu", False, False)
    assert read_scan(chest, intensity="hu").intensity_possible
    assert can_be_hu(chest)


def test_declared_hu_of_dicom_is_checked_too(tmp_path, chest):
    datasets = series_of(chest.astype(np.float32))
    for data in datasets:
        data.RescaleIntercept = 0
    folder = write(tmp_path / "raw", datasets)
    assert not read_scan(folder, intensity="hu").intensity_possible
    guessed = read_scan(folder)
    assert (guessed.intensity, guessed.intensity_guessed, guessed.intensity_possible) == ("hu", True, True)
    np.testing.assert_array_equal(guessed.pixels, chest)


def test_dicom_padding_without_its_tag_is_padding(tmp_path, chest, outside):
    datasets = series_of(np.where(outside, -2000 - 1024, chest))
    for data in datasets:
        data.RescaleIntercept = 0
    scan = read_scan(write(tmp_path / "padded", datasets))
    assert (scan.intensity, scan.intensity_guessed) == ("hu", True)
    np.testing.assert_array_equal(scan.pixels, np.where(outside, -1024, chest))


@pytest.mark.parametrize("word", ["HU", "displays", "offset", "grey", "", 1])
def test_an_unknown_word_is_one_error_for_every_source(tmp_path, chest, word):
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(tmp_path / "a.png")
    sources = [
        chest, Scan(np.zeros((1, 40, 40), np.float32), "hu"), nifti(tmp_path / "a.nii.gz", chest), tmp_path / "a.png",
        write(tmp_path / "series", series_of(chest)), tmp_path / "missing.png", Image.new("L", (40, 40)), object(),
    ]  # fmt: skip
    for source in sources:
        with pytest.raises(ValueError, match="intensity must be one of") as caught:
            read_scan(source, intensity=word)
        assert not isinstance(caught.value, SourceError)
