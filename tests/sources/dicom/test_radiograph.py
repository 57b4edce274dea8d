"""Chest X-rays in DICOM: shown as on a screen, distinguished from CT, and refused where they don't belong."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from lungct.sources import NotCTError, SourceError, find_sources, read_scan

from .dicom_files import series_of, write, xray_file


@pytest.fixture
def stored():
    return np.random.default_rng(0).integers(0, 4096, (40, 50)).astype(np.uint16)


def read(folder, data):
    return read_scan(write(folder, [data]) / "000.dcm")


@pytest.mark.parametrize("modality", ["DX", "CR"])
def test_an_xray_is_one_slice_of_grey(tmp_path, stored, modality):
    scan = read(tmp_path, xray_file(stored, modality=modality))
    assert (scan.shape, scan.intensity, scan.modality) == ((1, 40, 50), "display", "xray")
    assert scan.spacing == (1.0, 0.2, 0.3)
    assert scan.metadata["view"] == "PA"
    assert not scan.warnings
    assert not scan.intensity_guessed
    low, high = int(stored.min()), int(stored.max())
    np.testing.assert_allclose(scan.pixels[0], (stored.astype(float) - low) / (high - low), atol=1e-6)


def test_bone_is_white_in_monochrome1_and_monochrome2(tmp_path, stored):
    plain = read(tmp_path / "2", xray_file(stored))
    inverted = read(tmp_path / "1", xray_file(4095 - stored, photometric="MONOCHROME1"))
    np.testing.assert_allclose(inverted.pixels, plain.pixels, atol=1e-6)
    assert not inverted.warnings  # plates are normally stored this way


@given(centre=st.integers(500, 3500), width=st.integers(100, 3000))
@settings(max_examples=20, deadline=None)
def test_the_window_is_applied_as_on_a_screen(tmp_path_factory, centre, width):
    ramp = np.linspace(0, 4095, 1280).reshape(32, 40).astype(np.uint16)
    scan = read(tmp_path_factory.mktemp("x"), xray_file(ramp, WindowCenter=centre, WindowWidth=width))
    grey = scan.pixels[0].ravel()
    assert (np.diff(grey) >= 0).all()
    inside = (ramp.ravel() > centre - width / 2 + 5) & (ramp.ravel() < centre + width / 2 - 5)
    assert (np.diff(grey[inside]) > 0).all()
    below = ramp.ravel() < centre - width / 2 - 1
    assert (grey[below] == 0).all()


def test_a_table_of_grey_values_is_applied(tmp_path, stored):
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [4096, 0, 16], (16 * np.arange(4096)[::-1]).astype("<u2").tobytes()
    scan = read(tmp_path / "lut", xray_file(stored, VOILUTSequence=[table]))
    plain = read(tmp_path / "plain", xray_file(stored))
    np.testing.assert_allclose(scan.pixels, 1 - plain.pixels, atol=1e-3)


@pytest.mark.parametrize("width", [0, ""])
def test_a_window_that_shows_nothing_is_ignored(tmp_path, stored, width):
    scan = read(tmp_path / "window", xray_file(stored, WindowCenter=1000, WindowWidth=width))
    np.testing.assert_array_equal(scan.pixels, read(tmp_path / "plain", xray_file(stored)).pixels)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black(tmp_path, stored, photometric):
    stored[:, :5] = 4000
    scan = read(tmp_path, xray_file(stored, photometric=photometric, PixelPaddingValue=4000))
    assert (scan.pixels[0][:, :5] == 0).all()


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"ViewPosition": "LL"}, "lateral"),
        ({"PatientOrientation": ["P", "F"]}, "lateral"),
        ({"BodyPartExamined": "KNEE"}, "another part of the body"),
        ({"NumberOfFrames": 3}, "3 X-ray frames"),
        ({"modality": "MG"}, "modality MG"),
    ],
)
def test_everything_but_frontal_xrays_is_refused(tmp_path, stored, tags, said):
    path = write(tmp_path, [xray_file(stored, **tags)]) / "000.dcm"
    with pytest.raises(SourceError, match=said) as caught:
        read_scan(path)
    assert str(path) in str(caught.value)


def test_an_xray_of_one_grey_is_refused(tmp_path):
    with pytest.raises(SourceError, match="same grey everywhere"):
        read(tmp_path, xray_file(np.full((40, 50), 7)))


@pytest.fixture
def study(tmp_path, stored):
    """Return a folder with a CT series and two X-rays, one of them lateral."""
    write(tmp_path / "ct", series_of(np.random.default_rng(1).normal(-500, 300, (3, 32, 32))))
    write(tmp_path / "dx", [xray_file(stored), xray_file(stored, ViewPosition="LL")])
    return tmp_path


def test_a_mixed_study_is_searched_for_the_requested_modality(study):
    ct, xray = find_sources(study), find_sources(study, modality="xray")
    assert [len(source.files) for source in ct.sources] == [3]
    assert [str(source) for source in xray.sources] == [str(study / "dx" / "000.dcm")]
    assert all(isinstance(error, NotCTError) for error in (*ct.refused, *xray.refused))
    assert {"--modality xray" in str(error) for error in ct.refused} == {True}
    assert sum("--modality ct" in str(error) for error in xray.refused) == 3
    assert read_scan(study).modality == "ct"
    assert read_scan(xray.sources[0]).modality == "xray"


def test_a_folder_with_one_xray_alone_is_read(study):
    (study / "dx" / "001.dcm").unlink()
    assert read_scan(study / "dx").modality == "xray"


@pytest.mark.parametrize(
    ("array", "modality"),
    [
        (np.full((32, 32), -900, np.int16), "ct"),
        (np.zeros((3, 32, 32), np.uint8), "ct"),
        (np.zeros((32, 32), np.uint8), None),
    ],
)
def test_arrays_are_ct_if_their_values_or_slices_show_it(array, modality):
    scan = read_scan(array)
    assert scan.modality == modality
    scan.check_is("ct")
    if modality == "ct":
        with pytest.raises(SourceError, match="is CT, not a chest X-ray"):
            scan.check_is("xray")
