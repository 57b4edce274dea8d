"""MetaImage: files written by SimpleITK are read in the same way, and untrusted headers are refused with a reason."""

import gzip
import os
import zlib

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lungct.sources import SourceError, read_scan
from lungct.sources.metaimage import METAIMAGE

from .raw.raw_files import LIMITS, TYPES, assert_as_simpleitk, mha, mha_lines, numbers, read, said_by, within, written

TURNED = Rotation.from_euler("xyz", [12, -8, 20], degrees=True).as_matrix() @ np.diag([-1, 1, -1])


@pytest.mark.parametrize("suffix", ["mha", "mhd"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", TYPES)
def test_files_written_by_simpleitk_are_read(tmp_path, dtype, packed, suffix):
    image = sitk.GetImageFromArray(numbers(dtype))
    image.SetSpacing((0.7, 0.9, 3.0))
    image.SetOrigin((12.0, -34.0, 56.0))
    image.SetDirection(TURNED.ravel())
    for key, value in {"0008|0060": "CT", "0010|0010": "Müller", "ITK_FileNotes": "a = b : c", "Comment": "x"}.items():
        image.SetMetaData(key, value)
    sitk.WriteImage(image, str(tmp_path / f"a.{suffix}"), useCompression=packed)
    scan = assert_as_simpleitk(tmp_path / f"a.{suffix}")
    assert (scan.metadata["format"], scan.warnings) == ("MetaImage", ())


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", TYPES)
def test_both_byte_orders(tmp_path, dtype, order):
    volume = numbers(dtype)
    content = mha(
        volume, volume.astype(volume.dtype.newbyteorder(order)).tobytes(), BinaryDataByteOrderMSB=order == ">"
    )
    np.testing.assert_array_equal(assert_as_simpleitk(written(tmp_path / "a.mha", content)).pixels, volume)


VOLUME = numbers()
TEXT = " ".join(map(str, VOLUME.ravel())).encode() + b"\n"
PACKED = zlib.compress(VOLUME.tobytes())


@pytest.mark.parametrize(
    ("data", "changed"),
    [
        (None, {"ElementSpacing": "2 3 4", "Offset": "1 2 3", "TransformMatrix": "0 1 0 0 0 1 1 0 0"}),
        (None, {"ElementSpacing": "-2 3 4", "Rotation": "0 -1 0 1 0 0 0 0 1", "Position": "1 2 3"}),
        (None, {"ElementSize": "2 3 4", "Origin": "1e1 -2.5 .5", "Orientation": "1 0 0 0 1 0 0 0 -1"}),
        (None, {"ElementSize": "9 9 9", "ElementSpacing": "2 3 4", "ElementNumberOfChannels": "1"}),
        (None, {"BinaryData": None, "BinaryDataByteOrderMSB": None, "ObjectSubType": "x", "HeaderSize": "0"}),
        (None, {"ElementByteOrderMSB": "False", "Name": "", "Color": "1 0 0 1", "AnatomicalOrientation": "???"}),
        (None, {"ElementDataFile": "Local", "Modality": "MET_MOD_CT", "ElementMin": "-1e99", "ID": "3"}),
        (b"header" + VOLUME.tobytes(), {"HeaderSize": "-1"}),
        (b"\0" * 300 + VOLUME.tobytes(), {"HeaderSize": "400"}),
        (TEXT, {"BinaryData": "False"}),
        (PACKED, {"CompressedData": "True", "CompressedDataSize": str(len(PACKED))}),
    ],
)
def test_keys_have_the_meaning_that_simpleitk_gives_them(tmp_path, data, changed):
    assert_as_simpleitk(written(tmp_path / "a.mha", mha(VOLUME, data, **changed)))


def test_valid_files_that_simpleitk_does_not_read(tmp_path):
    for data, changed in (
        (PACKED, {"CompressedData": "True"}),
        (gzip.compress(VOLUME.tobytes()), {"CompressedData": "True", "CompressedDataSize": "1.2e+02"}),
        (b"\n\n" + TEXT.replace(b" ", b"\r\n"), {"BinaryData": "False"}),
    ):
        np.testing.assert_array_equal(read(written(tmp_path / "a.mha", mha(VOLUME, data, **changed))).pixels, VOLUME)
    lines = "".join(f"{key}={value} \t\r\n" for key, value in mha_lines(VOLUME, Comment="at first").items())
    first = "Comment = x\r\n\r\n" + lines.replace("Comment=at first \t\r\n", "")
    np.testing.assert_array_equal(read(written(tmp_path / "a.mha", first.encode() + VOLUME.tobytes())).pixels, VOLUME)


def test_lengths_are_converted_to_mm(tmp_path):
    for unit, mm in {"um": 1e-3, "mm": 1, "cm": 10, "m": 1000, "?": 1}.items():
        content = mha(VOLUME, DistanceUnits=unit, ElementSpacing="2 3 4", Offset="1 2 3")
        scan = read(written(tmp_path / "a.mha", content))
        np.testing.assert_allclose(scan.spacing, np.multiply((4, 3, 2), mm))
        np.testing.assert_allclose(scan.affine[:3, 3], np.multiply((1, 2, 3), mm))


REFUSED = {
    "axes and 1 values": [{"NDims": "2", "DimSize": "5 12"}, {"NDims": "4", "DimSize": "5 4 3 1"}],
    "3 axes and 3 values per pixel": [{"ElementNumberOfChannels": "3"}],
    "whose NDims": [{"NDims": "-1"}, {"NDims": "3 3"}, {"NDims": "3.0"}, {"NDims": None}, {"NDims": "9" * 5000}],
    "whose DimSize": [{"DimSize": size} for size in ("5 4", "5 4 3 1", "0 4 3", "-5 4 3", "5 4 x", "1e1 4 3", "")],
    "over the limit": [{"DimSize": "2000000000 2000000000 2000000000"}, {"DimSize": "9000 9000 1"}],
    "whose ElementType": [{"ElementType": kind} for kind in ("MET_STRING", "MET_FLOAT_ARRAY", "", None)],
    "whose ElementSpacing": [{"ElementSpacing": said} for said in ("1 1", "0 1 1", "nan 1 1", "inf 1 1", "1e99 1 1")],
    "whose TransformMatrix": [{"TransformMatrix": said} for said in ("1 0 0 1", "1 0 0 0 1 0 0 0 1_0")],
    "gives no directions": [{"TransformMatrix": "0 0 0 0 0 0 0 0 0"}],
    "whose Offset": [{"Offset": "1 2"}, {"Offset": "1 2 --3"}],
    "whose Position contradicts": [{"Offset": "1 2 3", "Position": "1 2 4"}],
    "whose DistanceUnits": [{"DistanceUnits": "inch"}],
    "whose ObjectType": [{"ObjectType": "Tube"}],
    "whose BinaryData ": [{"BinaryData": "maybe"}],
    "whose BinaryDataByteOrderMSB": [{"BinaryDataByteOrderMSB": "2"}],
    "whose HeaderSize": [{"HeaderSize": said} for said in ("-2", "10", "1e3", str(2**41))],
    "rescaled pixels": [{"ElementToIntensityFunctionSlope": "2"}, {"ElementToIntensityFunctionOffset": "-1024"}],
    "damaged": [{"HeaderSize": "5000"}, {"CompressedData": "True"}, {"BinaryData": "False"}, {"DimSize": "5 4 4"}],
    "in another file": [{"ElementDataFile": name} for name in ("a.raw", "/etc/passwd", "../a", "-", "LIST", "a%d 1 2")],
}  # fmt: skip


@pytest.mark.parametrize(("reason", "changed"), [(reason, one) for reason, many in REFUSED.items() for one in many])
def test_invalid_files_are_refused_with_a_reason(tmp_path, reason, changed):
    path = written(tmp_path / "a.mha", mha(VOLUME, **changed))
    with within(5), pytest.raises(SourceError, match=reason) as caught:
        read(path)
    assert caught.value.source == str(path)
    assert caught.value.remedy


HEAD = "ObjectType = Image\nNDims = 3\nDimSize = 5 4 3\nElementType = MET_SHORT\n"


@pytest.mark.parametrize(
    "hidden",
    [
        "ElementDataFile : {secret}\n",
        "ElementDataFile: {secret} = x\n",
        "Comment = x\rElementDataFile = {secret}\n",
        "Comment = x\0\n",
        "Comment = x\x0bElementDataFile = {secret}\n",
        "Element DataFile = {secret}\n",
        "ElementDataFile = {secret}\n",
        "ElementDataFile = LOCAL {secret}\n",
        "DimSize = 5 4 3\n",
        "# a comment\n",
        "=\n",
        "Comment = " + "x" * 9000 + "\n",
        "a = b\n" + "".join(f"k{number} = b\n" for number in range(3000)),
        "".join(f"k{number} = {'x' * 8000}\n" for number in range(9)),
    ],
)
def test_no_line_overrides_another(tmp_path, hidden):
    secret = written(tmp_path / "secret", b"\7" * 500)
    content = HEAD + hidden.format(secret=secret) + "ElementDataFile = LOCAL\n"
    with pytest.raises(SourceError, match=r"whose (line|DimSize|end)|another file"):
        read(written(tmp_path / "a.mha", content.encode() + VOLUME.tobytes()))


@pytest.mark.parametrize("suffix", ["mha", "mhd"])
@pytest.mark.parametrize("name", ["-", "pipe", "/dev/zero", "../pipe", "/etc/passwd", "/proc/self/environ"])
def test_no_other_file_is_opened_and_nothing_blocks(tmp_path, name, suffix):
    (tmp_path / "inside").mkdir()
    for pipe in (tmp_path / "pipe", tmp_path / "inside" / "pipe"):
        os.mkfifo(pipe)
    path = written(tmp_path / "inside" / f"a.{suffix}", mha(VOLUME, ElementDataFile=name))
    with within(5), pytest.raises(SourceError, match="keeps its pixels in"):
        read(path)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=600), st.integers(0, 400))
def test_any_header_is_read_or_refused(noise, place):
    content = mha(VOLUME, ElementSpacing="1 1 1", TransformMatrix="1 0 0 0 1 0 0 0 1")
    said = said_by(METAIMAGE, content[:place] + noise + content[place:])
    if isinstance(said, SourceError):
        assert (said.source, said.problem.isprintable()) == ("a", True)
    else:
        assert all(length > 0 for length in said.shape)
        assert np.isfinite(said.affine).all()


numbers_of_mm = st.floats(-1e4, 1e4).filter(lambda value: abs(value) > 1e-3)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(numbers_of_mm, min_size=3, max_size=3),
    st.lists(st.floats(-1e5, 1e5), min_size=3, max_size=3),
    st.lists(st.floats(-180, 180), min_size=3, max_size=3),
)
def test_every_position_and_direction_is_kept(spacing, offset, angles):
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    parts = {"ElementSpacing": spacing, "Offset": offset, "TransformMatrix": turn.T.ravel().tolist()}
    head = mha(VOLUME, **{key: " ".join(map(repr, map(float, said))) for key, said in parts.items()})
    affine = said_by(METAIMAGE, head).affine
    np.testing.assert_allclose(affine[:3, :3], turn * spacing)
    np.testing.assert_allclose(affine[:3, 3], offset)


def test_a_file_with_the_wrong_suffix_is_read_by_its_content(tmp_path):
    scan = read_scan(written(tmp_path / "a.txt", mha(VOLUME)), limits=LIMITS)
    assert scan.shape == VOLUME.shape
    assert "suffix-mismatch" in scan.warnings
    with pytest.raises(SourceError, match=r"named \.mhd but its content is not MetaImage"):
        read_scan(written(tmp_path / "a.mhd", b"nothing"), limits=LIMITS)
