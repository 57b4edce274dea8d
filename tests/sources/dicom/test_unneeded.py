"""Tags that the pixels don't need never refuse a file, and a false transfer syntax never gives garbage."""

import numpy as np
import pydicom
import pytest
from pydicom import uid

from lungct.sources import SourceError, read_scan
from lungct.sources.dicom.seg import write_seg

from .dicom_files import series_of, slice_file, write


def write_text(folder, files, name, text):
    """Write slices whose attribute is text that its value representation doesn't allow; return the folder."""
    tag = pydicom.tag.Tag(name)
    start = tag.group.to_bytes(2, "little") + tag.element.to_bytes(2, "little")
    for data in files:
        data.add_new(tag, "LO", text.split("\\"))
    for path in write(folder, files).iterdir():
        found = pydicom.datadict.dictionary_VR(tag)
        content = path.read_bytes()
        assert start + b"LO" in content
        path.write_bytes(content.replace(start + b"LO", start + found.encode(), 1))
    return folder


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("WindowCenter", "N/A"),
        ("WindowCenter", "-600,0"),
        ("WindowWidth", "[00400, 00400]"),
        ("SliceThickness", "5.0 mm"),
        ("AcquisitionNumber", "A1"),
        ("InstanceNumber", "IM3"),
        ("SliceLocation", "feet"),
    ],
)
def test_an_unreadable_tag_counts_as_missing(tmp_path, volume, name, text):
    scan = read_scan(write_text(tmp_path, series_of(volume), name, text))
    np.testing.assert_array_equal(scan.pixels, np.maximum(volume, -1024))
    assert scan.spacing == pytest.approx((2.0, 0.7, 0.8))
    assert scan.warnings == ("unreadable-tags",)


@pytest.mark.parametrize("name", ["PixelSpacing", "ImagePositionPatient"])
def test_geometry_with_decimal_commas_is_unknown(tmp_path, volume, name):
    text = "0,7\\0,8" + "\\1,0" * (name != "PixelSpacing")
    scan = read_scan(write_text(tmp_path, series_of(volume), name, text))
    np.testing.assert_array_equal(scan.pixels, np.maximum(volume, -1024))
    assert "unreadable-tags" in scan.warnings
    assert scan.affine is None


@pytest.mark.parametrize("representation", ["UT", "LT", "ST"])
def test_numbers_with_another_value_representation_are_read(tmp_path, volume, representation):
    data = slice_file(volume[0], series=uid.generate_uid())
    data.add_new("PixelSpacing", representation, "0.7\\0.8")
    scan = read_scan(write(tmp_path, [data]))
    assert scan.spacing == pytest.approx((2.0, 0.7, 0.8))
    assert scan.warnings == ()


def test_an_unreadable_rescale_still_refuses(tmp_path, volume):
    data = slice_file(volume[0], series=uid.generate_uid())
    write_text(tmp_path, [data], "RescaleSlope", "1,0")
    with pytest.raises(SourceError, match="damaged"):
        read_scan(tmp_path / "000.dcm")


SYNTAXES = (
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.RLELossless,
    uid.JPEG2000Lossless,
    uid.JPEGLSLossless,
    uid.JPEGBaseline8Bit,
    uid.JPEGLosslessSV1,
)


@pytest.mark.parametrize("said", SYNTAXES, ids=lambda syntax: syntax.keyword)
@pytest.mark.parametrize(
    "real",
    [
        uid.ExplicitVRLittleEndian,
        uid.ImplicitVRLittleEndian,
        uid.RLELossless,
        uid.JPEG2000Lossless,
        uid.JPEGLSLossless,
    ],
    ids=lambda syntax: syntax.keyword,
)
def test_a_false_transfer_syntax_never_gives_other_values(tmp_path, volume, real, said):
    data = slice_file(volume[0], series=uid.generate_uid())
    if real.is_compressed:
        data.compress(real)
    data.file_meta.TransferSyntaxUID = real
    path = write(tmp_path, [data]) / "000.dcm"
    path.write_bytes(_claiming(path.read_bytes(), real, said))
    try:
        scan = read_scan(path)
    except SourceError:
        assert said != real
    else:
        np.testing.assert_array_equal(scan.pixels[0], np.maximum(volume[0], -1024))


def _claiming(content, real, said):
    """Return a file's bytes with another transfer syntax in its file meta information."""
    old, new = (one.encode() + b"\0" * (len(one) % 2) for one in (real, said))
    start = content.index(old)
    group = int.from_bytes(content[140:144], "little") + len(new) - len(old)
    head = content[:140] + group.to_bytes(4, "little") + content[144 : start - 2]
    return head + len(new).to_bytes(2, "little") + new + content[start + len(old) :]


def test_a_segmentation_tells_nobody_the_patients_name(tmp_path, volume, recwarn):
    files = series_of(volume)
    for data in files:
        data.PatientName = "MUELLER HANS"
    scan = read_scan(write(tmp_path / "s", files))
    network = {"name": "net", "version": "1"}
    write_seg(tmp_path / "seg.dcm", scan.pixels < -500, scan, {"segmenter": network, "classifier": network})
    assert not recwarn.list
