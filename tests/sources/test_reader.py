"""Reading: a picture is the same scan in every format, and broken files are refused with name and remedy."""

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from lungct.sources import Scan, SourceError, read_scan

from ..conftest import ROOT

GREY = np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)


def png_with_header(width, height):
    """A PNG whose header promises more pixels than its data contains."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )


@pytest.fixture
def png(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "grey.png")
    return (tmp_path / "grey.png").read_bytes()


def test_same_picture_in_every_lossless_format(tmp_path):
    forms = {"grey.png": Image.fromarray(GREY), "rgb.png": Image.fromarray(GREY).convert("RGB")}
    forms["rgba.png"] = Image.fromarray(GREY).convert("RGBA")
    forms["palette.png"] = Image.fromarray(GREY).convert("P")
    forms["grey.tif"] = Image.fromarray(GREY)
    forms["rgb.tiff"] = Image.fromarray(GREY).convert("RGB")
    for name, picture in forms.items():
        picture.save(tmp_path / name)
    np.save(tmp_path / "grey.npy", GREY)
    sources = [tmp_path / name for name in [*forms, "grey.npy"]]
    sources += [
        GREY,
        memoryview_like(GREY),
        Image.fromarray(GREY),
        np.repeat(GREY[..., None], 3, axis=2),
        str(sources[0]),
    ]
    for source in sources:
        scan = read_scan(source)
        assert scan.shape == (1, 40, 50)
        assert scan.intensity == "display"
        assert not scan.intensity_guessed
        np.testing.assert_array_equal(scan.pixels[0], GREY.astype(np.float32) / np.float32(255), err_msg=str(source))


def memoryview_like(array):
    """Something that is not an array but that NumPy can convert."""

    class Tensor:
        def __array__(self, dtype=None, copy=None):
            return np.asarray(array, dtype=dtype)

    return Tensor()


def test_jpeg_is_read(tmp_path):
    Image.fromarray(np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1))).save(tmp_path / "ramp.jpg", quality=95)
    pixels = read_scan(tmp_path / "ramp.jpg").pixels[0]
    assert np.abs(pixels - np.tile(np.arange(64) * 4 / 255, (64, 1))).max() < 0.03


def test_transparent_parts_are_black(tmp_path):
    rgba = np.dstack([np.full((40, 40), 200, np.uint8)] * 3 + [np.zeros((40, 40), np.uint8)])
    rgba[:, 20:, 3] = 255
    Image.fromarray(rgba).save(tmp_path / "alpha.png")
    pixels = read_scan(tmp_path / "alpha.png").pixels[0]
    assert (pixels[:, :20] == 0).all()
    np.testing.assert_allclose(pixels[:, 20:], 200 / 255, atol=1e-6)


def test_tiff_palettes_inks_and_orientation_read_as_other_formats_do(tmp_path):
    grey = np.linspace(0, 255, 64 * 84).reshape(84, 64).astype(np.uint8)
    picture = Image.fromarray(grey)
    picture.convert("P").save(tmp_path / "palette.tif")
    picture.convert("CMYK").save(tmp_path / "inks.tif")
    for name in ("palette.tif", "inks.tif"):
        assert abs(read_scan(tmp_path / name).pixels[0] - grey / 255).max() < 0.02
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[274] = orientation
        picture.save(tmp_path / "turned.png", exif=exif)
        tifffile.imwrite(tmp_path / "turned.tif", grey, extratags=[(274, "H", 1, orientation, True)])
        png, tif = (read_scan(tmp_path / name).pixels for name in ("turned.png", "turned.tif"))
        np.testing.assert_array_equal(tif, png)


def test_animations_and_overfull_tiffs_are_refused(tmp_path):
    frames = [Image.fromarray(np.full((40, 50), value, np.uint8)) for value in (0, 200)]
    frames[0].save(tmp_path / "moving.png", save_all=True, append_images=frames[1:])
    with pytest.raises(SourceError, match="animation of 2"):
        read_scan(tmp_path / "moving.png")
    tifffile.imwrite(tmp_path / "full.tif", np.zeros((64, 64), np.uint8), compression="zlib")
    with tifffile.TiffFile(tmp_path / "full.tif", mode="r+b") as file:
        file.pages.first.tags["StripByteCounts"].overwrite(10_000_000)
    with pytest.raises(SourceError, match="for a page that unpacks to 4096"):
        read_scan(tmp_path / "full.tif")


def test_signed_16_bit_is_hu_and_unsigned_is_a_guess(tmp_path):
    hu = np.random.default_rng(1).integers(-1024, 1500, (3, 40, 50)).astype(np.int16)
    tifffile.imwrite(tmp_path / "volume.tif", hu, photometric="minisblack")
    scan = read_scan(tmp_path / "volume.tif")
    assert (scan.intensity, scan.intensity_guessed) == ("hu", False)
    np.testing.assert_array_equal(scan.pixels, hu.astype(np.float32))
    tifffile.imwrite(tmp_path / "unsigned.tif", (hu + 1024).astype(np.uint16), photometric="minisblack")
    scan = read_scan(tmp_path / "unsigned.tif")
    assert (scan.intensity, scan.intensity_guessed) == ("display", True)
    assert (scan.pixels.min(), scan.pixels.max()) == (0, 1)
    Image.fromarray((hu[0] + 1024).astype(np.uint16)).save(tmp_path / "unsigned.png")
    assert read_scan(tmp_path / "unsigned.png").pixels.max() == 1


def test_given_intensity_takes_precedence():
    array = np.linspace(-100, 400, 40 * 50, dtype=np.float32).reshape(40, 50)
    np.testing.assert_array_equal(read_scan(array, intensity="hu").pixels[0], array)
    assert read_scan(array).intensity == "display"
    with pytest.raises(ValueError, match="intensity must be one of"):
        read_scan(array, intensity="houndsfield")


def test_scan_is_passed_through():
    scan = Scan(np.zeros((1, 40, 40), np.float32), "hu")
    assert read_scan(scan) is scan
    with pytest.raises(ValueError, match="float32"):
        Scan(np.zeros((40, 40)), "hu")


def npy():
    file = io.BytesIO()
    np.save(file, np.zeros((40, 40), np.uint8))
    return file.getvalue()


@pytest.mark.parametrize("name", ["array.png", "no_suffix"])
def test_an_array_with_the_wrong_suffix_is_read_by_its_content(tmp_path, name):
    (tmp_path / name).write_bytes(npy())
    assert read_scan(tmp_path / name).warnings == ("suffix-mismatch",)


def test_bmp_is_read(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "grey.bmp")
    np.testing.assert_array_equal(read_scan(tmp_path / "grey.bmp").pixels[0], GREY.astype(np.float32) / np.float32(255))


@pytest.mark.parametrize("name", ["really_a_png.jpg", "really_a_png.npy", "really_a_png", "A.JPEG"])
def test_a_picture_with_the_wrong_suffix_is_read_by_its_content(tmp_path, png, name):
    (tmp_path / name).write_bytes(png)
    (tmp_path / "right.png").write_bytes(png)
    scan, right = read_scan(tmp_path / name), read_scan(tmp_path / "right.png")
    np.testing.assert_array_equal(scan.pixels, right.pixels)
    assert scan.warnings == ("suffix-mismatch",)
    assert right.warnings == ()


def bad_files(png):
    return {
        "empty.png": (b"", "empty file"),
        "text.png": (b"this is no picture, only words", "is named .png but its content is not PNG"),
        "words.txt": (b"hello there", "not in a known format"),
        "truncated.png": (png[: len(png) // 2], "damaged or cut off"),
        "truncated.tif": (b"II*\0\x08\0\0\0\x10\0", "damaged or cut off"),
        "truncated.npy": (b"\x93NUMPY\x01\0v\0{'descr'", "not a readable NumPy array"),
        "moving.gif": (b"GIF89a" + b"\0" * 40, "is a GIF picture, which is not read. Save it as PNG"),
        "volume.mat": (b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + b"\0" * 400, "is a MATLAB file"),
        "analyze.hdr": (b"\x5c\x01\0\0" + b"\0" * 344, "Analyze 7.5 header"),
        "lonely.hdr": (b"\x5c\x01\0\0" + b"\0" * 340 + b"ni1\0", "Put lonely.img beside it"),
        "huge.png": (png_with_header(20000, 20000), "decompression bomb"),
        "large.png": (png_with_header(10000, 10000), "over the limit"),
        "one.png": (png_with_header(1, 1), "only 1 x 1"),
        "zero.png": (png_with_header(0, 0), "only 0 x 0|damaged"),
        "slice.dcm": (b"\0" * 128 + b"DICM" + b"\0" * 300, "DICOM file without an image"),
        "volume.nii": (b"\0" * 344 + b"n+1\0" + b"\0" * 10, "damaged or cut off"),
        "volume.nii.gz": (b"\x1f\x8b" + b"\0" * 60, "gzip file, not a scan"),
    }


@pytest.mark.parametrize("name", list(bad_files(b"\x89PNG\r\n\x1a\n")))
def test_bad_file_is_refused_with_name_and_remedy(tmp_path, png, name):
    content, message = bad_files(png)[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError, match=message) as caught:
        read_scan(path)
    assert caught.value.source == str(path)
    assert str(path) in str(caught.value)
    assert caught.value.remedy


def test_missing_files_folders_and_unknown_objects_are_refused(tmp_path):
    for source, message in (
        (tmp_path / "missing.png", "does not exist"),
        (tmp_path, "holds no readable scan"),
        ("\0", "can't be opened|does not exist"),
        (42, "neither a path nor an array"),
        (None, "neither a path nor an array"),
    ):
        with pytest.raises(SourceError, match=message):
            read_scan(source)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((40, 40), np.nan), "NaN"),
        (np.where(np.eye(40) > 0, np.inf, 0), "infinite"),
        (np.zeros((0, 40, 40)), "no slices"),
        (np.zeros(40), "1 dimensions"),
        (np.zeros((2, 2, 40, 40)), "4 dimensions"),
        (np.zeros((1, 1)), "only 1 x 1"),
        (np.zeros((40, 0)), "only 0 x 40"),
        (np.zeros((40, 40), complex), "complex128"),
        (np.full((40, 40), "a"), "not real numbers"),
        (np.full((40, 40), None), "object"),
        (np.lib.stride_tricks.as_strided(np.zeros(1), (20000, 20000), (0, 0)), "over the limit"),
        (np.full((40, 40), 1e300), "beyond float32"),
    ],
)
def test_bad_array_is_refused(tmp_path, array, message):
    with pytest.raises(SourceError, match=message) as caught:
        read_scan(array)
    assert "array" in caught.value.source
    if array.dtype.kind in "fc" and array.nbytes < 10**6:
        np.save(tmp_path / "bad.npy", array)
        with pytest.raises(SourceError, match=message) as caught:
            read_scan(tmp_path / "bad.npy")
        assert "bad.npy" in str(caught.value)


def test_npy_with_pickle_is_refused(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}] * 40, dtype=object), allow_pickle=True)
    with pytest.raises(SourceError, match="not a readable NumPy array"):
        read_scan(tmp_path / "objects.npy")


@given(
    arrays(
        st.sampled_from([np.uint8, np.uint16, np.int16, np.int32, np.float32, np.float64, np.bool_]),
        st.tuples(st.integers(1, 3), st.integers(32, 40), st.integers(32, 40)),
        elements=st.integers(0, 1),
        fill=st.just(0),
    ),
    st.floats(-2000, 3000),
)
def test_any_array_becomes_a_finite_scan_of_its_shape(array, scale):
    values = array if array.dtype.kind in "bu" else (array * scale).astype(array.dtype)
    scan = read_scan(values)
    assert scan.shape == values.shape
    assert scan.pixels.dtype == np.float32
    if scan.intensity == "display":
        assert 0 <= scan.pixels.min() <= scan.pixels.max() <= 1
    else:
        assert values.min() < -200
        np.testing.assert_allclose(scan.pixels, values, rtol=1e-6)


@given(st.binary(max_size=600), st.sampled_from([".png", ".jpg", ".tif", ".npy"]), st.booleans())
def test_random_bytes_raise_nothing_but_source_error(tmp_path_factory, content, suffix, with_magic):
    magic = {
        ".png": b"\x89PNG\r\n\x1a\n",
        ".jpg": b"\xff\xd8\xff\xe0",
        ".tif": b"II*\0\x08\0\0\0",
        ".npy": b"\x93NUMPY\x01\0",
    }
    path = tmp_path_factory.getbasetemp() / f"random{suffix}"
    path.write_bytes((magic[suffix] if with_magic else b"") + content)
    with pytest.raises(SourceError) as caught:
        read_scan(path)
    assert str(path) in str(caught.value)


def test_a_folder_with_the_name_of_a_module_is_not_a_damaged_file(tmp_path):
    (tmp_path / "pydicom").mkdir()
    (tmp_path / "pydicom/__init__.py").write_text("raise AttributeError('module dl has no attribute RTLD_NOW')")
    code = "from lungct.sources import read_scan; import sys; read_scan(sys.argv[1])"
    command = [sys.executable, "-c", code, str(ROOT / "examples/series")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "InstallationError: a library that reads such files can't be imported (module dl has no" in done.stderr
    assert "damaged" not in done.stderr.splitlines()[-1]
