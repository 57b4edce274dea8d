"""Folders and archives of DICOM: series are separated, and everything but CT slices is refused with a reason."""

import zipfile

import pytest
from pydicom.uid import generate_uid

from lungct.sources import Limits, SourceError, find_sources, read_scan

from .dicom_files import series_of, slice_file, write


def test_mixed_series_are_separated(tmp_path, volume):
    write(tmp_path, series_of(volume), name="a{index}")
    write(tmp_path, series_of(volume[:2]), name="b{index}")
    localizer = slice_file(volume[0], series=generate_uid())
    localizer.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    write(tmp_path, [localizer], name="c")
    found = find_sources(tmp_path)
    assert sorted(len(series.files) for series in found.sources) == [2, 4]
    assert len({str(series) for series in found.sources}) == 2
    assert ["localizer" in error.problem for error in found.refused] == [True]
    shapes = {len(read_scan(series)) for series in found.sources}
    assert shapes == {2, 4}
    with pytest.raises(SourceError, match="holds 2 scans"):
        read_scan(tmp_path)


def changed(**values):
    def change(data):
        for name, value in values.items():
            setattr(data, name, value)

    return change


def without(*names):
    def change(data):
        for name in names:
            delattr(data, name)

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (changed(Modality="MR"), "modality MR, not CT"),
        (changed(ImageType=["DERIVED", "SECONDARY", "LOCALIZER"]), "localizer"),
        (changed(ImageType="LOCALIZER"), "localizer"),
        (changed(ImageType=["DERIVED", "SECONDARY", "SCREEN SAVE"]), "picture of a screen"),
        (changed(ImageOrientationPatient=[1, 0, 0, 0, 0, -1]), "coronal"),
        (changed(ImageOrientationPatient=[0, 1, 0, 0, 0, -1]), "sagittal"),
        (changed(PhotometricInterpretation="RGB", SamplesPerPixel=3), "colour"),
        (without("Rows"), "without an image"),
        (without("PixelData"), "can't be decoded"),
        (changed(PixelData=b"\0" * 100), "can't be decoded"),
        (changed(Rows=60000, Columns=60000), "over the limit"),
        (changed(NumberOfFrames=2_000_000), "over the limit"),
        (changed(RescaleSlope=1e38), "implausible rescale"),
    ],
)
def test_everything_but_ct_slices_is_refused(tmp_path, volume, change, reason):
    data = slice_file(volume[0], series=generate_uid())
    change(data)
    path = write(tmp_path, [data]) / "000.dcm"
    with pytest.raises(SourceError, match=reason) as caught:
        read_scan(path)
    assert caught.value.source.startswith(str(path))
    assert caught.value.remedy


def test_archives_are_limited(tmp_path, volume):
    data = slice_file(volume[0], series=generate_uid())
    write(tmp_path, [data])
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "000.dcm", "../../escape.dcm")
        archive.writestr("big.dcm", (tmp_path / "000.dcm").read_bytes() + b"\0" * 5_000_000)
        archive.writestr("readme.txt", "no scan")
    found = find_sources(bomb, Limits(max_member_bytes=1_000_000))
    assert [len(source.files) for source in found.sources] == [1]
    assert "unpacks to more than" in found.refused[0].problem
    assert not (tmp_path.parent.parent / "escape.dcm").exists()
    with pytest.raises(SourceError, match="more than 2 files"):
        find_sources(bomb, Limits(max_files=2))
    (tmp_path / "cut.zip").write_bytes(bomb.read_bytes()[:1500])
    with pytest.raises(SourceError, match="damaged ZIP"):
        read_scan(tmp_path / "cut.zip")


def test_odd_folders(tmp_path, volume):
    write(tmp_path / "a" / "b", series_of(volume))
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a", target_is_directory=True)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a" / "self")
    (tmp_path / "a" / "notes.txt").write_text("nothing")
    assert read_scan(tmp_path).shape == volume.shape
    with pytest.raises(SourceError, match="does not exist"):
        read_scan(tmp_path / "a" / "self")
    with pytest.raises(SourceError, match="holds no readable scan"):
        read_scan(write(tmp_path / "empty", []))
