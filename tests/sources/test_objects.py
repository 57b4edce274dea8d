"""Objects of other tools: each is the scan that its file would be, and what can't be taken is named by its type."""

import copy
import io
import pickle
from pathlib import Path

import nibabel
import numpy as np
import pandas
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from PIL import Image

from lungct.sources import SourceError, read_scan
from lungct.sources.reader import is_single

from ..conftest import ROOT

SERIES = sorted((ROOT / "examples/series").glob("*.dcm"))


@pytest.fixture
def png(tmp_path):
    grey = np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    return tmp_path / "grey.png"


def test_bytes_and_open_files_are_read_like_the_file(png):
    expected = read_scan(png).pixels
    content = png.read_bytes()
    with png.open("rb") as file:
        for source in (content, bytearray(content), memoryview(content), io.BytesIO(content), file):
            assert is_single(source)
            scan = read_scan(source)
            np.testing.assert_array_equal(scan.pixels, expected)
            assert scan.warnings == ()


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mha", ".nrrd", ".tif"])
def test_volumes_in_memory_are_read_like_the_file(tmp_path, suffix):
    values = np.random.default_rng(1).integers(-1000, 500, (5, 40, 50)).astype(np.int16)
    sitk.WriteImage(sitk.GetImageFromArray(values), tmp_path / f"a{suffix}")
    expected, scan = read_scan(tmp_path / f"a{suffix}"), read_scan((tmp_path / f"a{suffix}").read_bytes())
    np.testing.assert_array_equal(scan.pixels, expected.pixels)
    assert scan.spacing == expected.spacing


def test_npy_in_memory_is_read():
    file = io.BytesIO()
    np.save(file, np.asfortranarray(np.arange(1200, dtype=np.int32).reshape(30, 40).repeat(2, axis=0)))
    assert read_scan(file.getvalue()).shape == (1, 60, 40)


def test_a_file_at_its_end_a_text_file_and_an_archive_in_memory_are_refused(tmp_path, png):
    file = io.BytesIO(png.read_bytes())
    file.read()
    (tmp_path / "a.txt").write_text("words")
    with (tmp_path / "a.txt").open() as text:
        for source, message in (
            (file, r"seek\(0\)"),
            (text, "opened as text"),
            (b"", "is empty"),
            (b"PK\x03\x04" + b"\0" * 99, "archive in memory"),
            (b"no picture", "not in a known format"),
        ):
            with pytest.raises(SourceError, match=message):
                read_scan(source)


def test_pydicom_datasets_are_read_like_their_files():
    expected = read_scan(ROOT / "examples/series")
    datasets = [pydicom.dcmread(path) for path in reversed(SERIES)]
    assert is_single(datasets)
    assert is_single(datasets[0])
    scan = read_scan(datasets)
    np.testing.assert_array_equal(scan.pixels, expected.pixels)
    assert scan.spacing == expected.spacing
    one = read_scan(datasets[0])
    np.testing.assert_array_equal(one.pixels, read_scan(SERIES[-1]).pixels)
    datasets[0].SeriesInstanceUID = "1.2.3"
    with pytest.raises(SourceError, match="belong to 2 series"):
        read_scan(datasets)


def test_simpleitk_and_nibabel_images_are_read_like_their_files(tmp_path):
    values = np.random.default_rng(1).integers(-1000, 500, (5, 40, 50)).astype(np.int16)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((0.5, 0.75, 5.0))
    image.SetOrigin((3.0, -4.0, 50.0))
    image.SetDirection((-1, 0, 0, 0, 1, 0, 0, 0, -1))
    sitk.WriteImage(image, tmp_path / "a.nii.gz")
    expected = read_scan(tmp_path / "a.nii.gz")
    for source in (image, nibabel.load(tmp_path / "a.nii.gz"), sitk.ReadImage(tmp_path / "a.nii.gz")):
        assert is_single(source)
        scan = read_scan(source)
        np.testing.assert_array_equal(scan.pixels, expected.pixels)
        np.testing.assert_allclose(scan.affine, expected.affine, atol=1e-5)
    assert expected.spacing == pytest.approx((5.0, 0.75, 0.5))
    in_memory = nibabel.Nifti1Image(np.zeros((40, 50, 3), np.float32), np.eye(4))
    assert read_scan(in_memory).shape == (3, 50, 40)
    assert read_scan(image[:, :, 2]).shape == (1, 40, 50)


def test_a_last_axis_of_one_is_grey():
    grey = np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)
    np.testing.assert_array_equal(read_scan(grey[..., None]).pixels, read_scan(grey).pixels)


def test_a_column_of_paths_is_several_sources():
    paths = ["a.png", "b.png"]
    assert not any(map(is_single, (pandas.Series(paths), np.array(paths), np.array(list(map(Path, paths))), paths)))
    with pytest.raises(SourceError, match=r"pandas\.Series as array .* give its tolist"):
        read_scan(pandas.Series(paths))


@pytest.mark.parametrize(
    ("source", "name"), [(object(), "object"), (1.5, "float"), ({"a": 1}, "dict"), (pandas.Timestamp(0), "Timestamp")]
)
def test_what_cannot_be_taken_is_named_by_its_type(source, name):
    assert is_single(source)
    with pytest.raises(SourceError, match=f"object of type .*{name}: is neither a path nor an array"):
        read_scan(source)


@pytest.mark.parametrize("source", ["", " ", "\t"])
def test_an_empty_path_is_not_the_current_folder(source):
    with pytest.raises(SourceError, match="names no file"):
        read_scan(source)


def test_a_scan_can_be_pickled_and_copied():
    scan = read_scan(SERIES[0])
    for other in (pickle.loads(pickle.dumps(scan)), copy.deepcopy(scan)):  # noqa: S301 - our own bytes
        np.testing.assert_array_equal(other.pixels, scan.pixels)
        assert dict(other.metadata) == dict(scan.metadata)
        with pytest.raises(TypeError):
            other.metadata["new"] = 1
