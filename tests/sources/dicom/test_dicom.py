"""DICOM: every slice is in its place with the right values, or refused with a reason."""

import shutil

import numpy as np
import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless, generate_uid

from lungct.sources import Limits, SourceError, cell, find_sources, read_scan

from .dicom_files import enhanced_of, series_of, slice_file, write


def clipped(volume):
    return np.maximum(volume, -1024)


def test_series_is_sorted_by_position_whatever_names_and_numbers_say(tmp_path, volume):
    files = series_of(volume)
    for number, data in zip((3, 1, 4, 2), files, strict=True):
        data.InstanceNumber = number
    write(tmp_path, [files[index] for index in (2, 0, 3, 1)], name="IM{index}")
    scan = read_scan(tmp_path)
    np.testing.assert_array_equal(scan.pixels, clipped(volume))
    assert (scan.intensity, scan.intensity_guessed, scan.warnings) == ("hu", False, ())
    assert scan.spacing == pytest.approx((2.0, 0.7, 0.8))
    np.testing.assert_allclose(scan.affine @ [0, 0, 3, 1], [-60, -50, 6, 1])
    assert scan.source == str(tmp_path)
    np.testing.assert_allclose(scan.voxel_volumes, 2.0 * 0.7 * 0.8)


def test_series_in_a_zip_is_the_same(tmp_path, volume):
    write(tmp_path / "s", series_of(volume))
    archive = shutil.make_archive(str(tmp_path / "study"), "zip", tmp_path / "s")
    scan = read_scan(archive)
    np.testing.assert_array_equal(scan.pixels, clipped(volume))
    assert scan.source == archive


@pytest.mark.parametrize("directions", [(-1, 0, 0, 0, -1, 0), (1, 0, 0, 0, -1, 0), (0, 1, 0, 1, 0, 0)])
def test_patients_in_other_positions_are_turned(tmp_path, volume, directions):
    turned = np.array(directions).reshape(2, 3)
    own = volume
    if directions[0] == 0:
        own = own.transpose(0, 2, 1)
    own = own[:, :: int(turned[1].sum()), :: int(turned[0].sum())]
    if np.cross(*turned)[2] < 0:
        own = own[::-1]  # series_of stacks along z, whatever the directions
        files = series_of(own[::-1], directions=directions)
    else:
        files = series_of(own, directions=directions)
    scan = read_scan(write(tmp_path, files))
    np.testing.assert_array_equal(scan.pixels, clipped(volume))


def test_unsigned_signed_and_padding(tmp_path, volume):
    data = slice_file(volume[0], series=generate_uid())
    stored = np.frombuffer(data.PixelData, "<i2").reshape(64, 80).copy()
    stored[:5] = -2000
    data.PixelData, data.PixelPaddingValue = stored.tobytes(), -2000
    write(tmp_path / "signed", [data])
    signed = read_scan(tmp_path / "signed" / "000.dcm")
    assert (signed.pixels[0, :5] == -1024).all()
    np.testing.assert_array_equal(signed.pixels[0, 5:], clipped(volume)[0, 5:])
    data.PixelRepresentation = 0
    data.PixelData = np.maximum(stored, 0).astype("<u2").tobytes()
    del data.PixelPaddingValue
    unsigned = read_scan(write(tmp_path / "unsigned", [data]))
    np.testing.assert_array_equal(unsigned.pixels, signed.pixels)


def test_padding_given_as_its_unsigned_twin(tmp_path, volume):
    data = slice_file(volume[0] + 100, series=generate_uid())
    stored = np.frombuffer(data.PixelData, "<i2").reshape(64, 80).copy()
    stored[0] = -3000
    data.PixelData = stored.tobytes()
    data.add_new(0x00280120, "US", 65536 - 3000)
    assert (read_scan(write(tmp_path, [data])).pixels[0, 0] == -1024).all()


def test_inverted_monochrome1_is_restored(tmp_path, volume):
    data = slice_file(volume[0], series=generate_uid())
    data.PhotometricInterpretation = "MONOCHROME1"
    as_it_is = read_scan(write(tmp_path / "hu", [data]))
    np.testing.assert_array_equal(as_it_is.pixels[0], clipped(volume)[0])  # Hounsfield units are left unchanged
    stored = np.frombuffer(data.PixelData, "<i2")
    data.PixelData = (stored.max() + stored.min() - stored).astype("<i2").tobytes()
    exchanged = read_scan(write(tmp_path / "exchanged", [data]))
    assert exchanged.warnings == ("inverted",)
    np.testing.assert_array_equal(exchanged.pixels, as_it_is.pixels)


def test_inverted_values_are_restored_within_the_range_of_their_type(tmp_path, volume):
    data = slice_file(volume[0], series=generate_uid())
    data.PhotometricInterpretation, data.PixelRepresentation = "MONOCHROME1", 0
    data.BitsStored, data.HighBit = 12, 11
    stored = np.clip(np.rint(clipped(volume)[0]) + 1024, 0, 4095).astype("<u2")
    mirrored = 4095 - stored
    mirrored[:3] = 0  # padding on all sides
    mirrored[-3:] = mirrored[:, :3] = mirrored[:, -3:] = 0
    data.PixelData = mirrored.tobytes()
    data.add_new(0x00280120, "US", 0)
    scan = read_scan(write(tmp_path, [data]))
    assert scan.warnings == ("inverted",)
    np.testing.assert_array_equal(scan.pixels[0, 3:-3, 3:-3], clipped(volume)[0, 3:-3, 3:-3])
    assert (scan.pixels[0, 0] == -1024).all()


def test_bare_files_without_preamble_and_syntax(tmp_path, volume):
    data = slice_file(volume[0], series=generate_uid())
    data.save_as(tmp_path / "whole.dcm", enforce_file_format=True)
    whole = (tmp_path / "whole.dcm").read_bytes()
    start = 144 + int.from_bytes(whole[140:144], "little")
    (tmp_path / "bare").write_bytes(whole[start:])
    np.testing.assert_array_equal(read_scan(tmp_path / "bare").pixels, read_scan(tmp_path / "whole.dcm").pixels)


def test_spacing_between_slices_is_not_invented(tmp_path, volume):
    files = series_of(volume, step=5.0)
    for data in files:
        del data.SliceThickness
    assert read_scan(write(tmp_path / "placed", files)).spacing == pytest.approx((5.0, 0.7, 0.8))
    for data in files:
        del data.ImagePositionPatient
    unplaced = read_scan(write(tmp_path / "unplaced", files))
    assert unplaced.spacing is None
    assert unplaced.voxel_volumes is None


def test_a_series_that_mixes_rescale_tags_is_refused(tmp_path, volume):
    files = series_of(volume)
    del files[1].RescaleIntercept
    with pytest.raises(SourceError, match="with and without rescale"):
        read_scan(write(tmp_path, files))


def test_rounded_directions_do_not_split_a_series(tmp_path, volume):
    files = series_of(volume)
    for sign, data in zip((1, -1, 1, -1), files, strict=True):
        angle = np.radians(2.866 + sign * 0.001)  # on the edge where 0.05 rounds to 0.0 or 0.1
        data.ImageOrientationPatient = [1, 0, 0, 0, float(np.cos(angle)), float(np.sin(angle))]
    assert len(find_sources(write(tmp_path, files)).sources) == 1


def test_more_frames_than_bytes_and_deflated_bombs_are_refused(tmp_path, volume):
    data = slice_file(volume[0], series=generate_uid())
    data.NumberOfFrames = 10_000
    with pytest.raises(SourceError, match="more than it has room for"):
        read_scan(write(tmp_path / "frames", [data]))
    del data.NumberOfFrames
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    small = write(tmp_path / "deflated", [data])
    np.testing.assert_array_equal(read_scan(small).pixels[0], clipped(volume)[0])
    with pytest.raises(SourceError, match="unpacks to more"):
        read_scan(small / "000.dcm", limits=Limits(max_member_bytes=5000))


def test_an_interrupted_decoder_never_returns_another_slice(tmp_path, volume, monkeypatch):
    for index in range(2):
        data = slice_file(volume[index], series=generate_uid())
        data.compress(JPEG2000Lossless)
        write(tmp_path / str(index), [data])
    first = read_scan(tmp_path / "0")

    def interrupted(stream, count):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(cell, "_read", interrupted)
        with pytest.raises(KeyboardInterrupt):
            read_scan(tmp_path / "0")
    np.testing.assert_array_equal(read_scan(tmp_path / "1").pixels[0], clipped(volume)[1])
    np.testing.assert_array_equal(read_scan(tmp_path / "0").pixels, first.pixels)


def test_files_beside_a_scan_are_not_run(tmp_path, volume, monkeypatch):
    data = slice_file(volume[0], series=generate_uid())
    data.compress(JPEG2000Lossless)
    write(tmp_path, [data])
    (tmp_path / "pydicom.py").write_text("raise SystemExit('run by accident')")
    monkeypatch.chdir(tmp_path)
    cell.CELLS._reset()  # the next one starts here
    np.testing.assert_array_equal(read_scan(tmp_path / "000.dcm").pixels[0], clipped(volume)[0])


def test_lost_rescale_tags(tmp_path, volume):
    data = slice_file(volume[0], series=generate_uid())
    del data.RescaleSlope, data.RescaleIntercept
    offset = read_scan(write(tmp_path / "offset", [data]))
    assert (offset.intensity, offset.intensity_guessed) == ("hu", True)
    np.testing.assert_array_equal(offset.pixels[0], clipped(volume)[0])
    data.PixelData = np.clip((volume[0] + 1350) / 1500 * 255, 0, 255).astype("<i2").tobytes()
    data.WindowCenter, data.WindowWidth = 128, 256
    grey = read_scan(write(tmp_path / "grey", [data]))
    assert (grey.intensity, grey.intensity_guessed) == ("display", True)
    assert 0 <= grey.pixels.min() < 0.3 < 0.9 < grey.pixels.max() <= 1
    assert grey.pixels.max() == np.float32((255 - 127.5) / 255 + 0.5)  # PS3.3 C.11.2.1.2.1: less half a value
    data.VOILUTFunction = "SIGMOID"
    curved = read_scan(write(tmp_path / "curved", [data]))
    stored = np.clip((volume[0] + 1350) / 1500 * 255, 0, 255).astype("<i2").astype(float)
    np.testing.assert_allclose(curved.pixels[0], 1 / (1 + np.exp(-4 * (stored - 128) / 256)), atol=1e-6)
    data.RescaleSlope, data.RescaleIntercept = 1, 0
    data.PixelData = (np.rint(volume[0]) + 1024).astype("<i2").tobytes()
    np.testing.assert_array_equal(read_scan(write(tmp_path / "zero", [data])).pixels, offset.pixels)


def test_duplicates_gaps_and_tilt_are_noticed(tmp_path, volume):
    files = series_of(volume)
    again = slice_file(volume[1], series=files[0].SeriesInstanceUID, number=9, z=2.0)
    duplicate = read_scan(write(tmp_path / "twice", [*files, again]))
    assert duplicate.warnings == ("duplicate-slices",)
    np.testing.assert_array_equal(duplicate.pixels, clipped(volume))
    ten = series_of(np.repeat(volume, 3, axis=0)[:10])
    missing = read_scan(write(tmp_path / "missing", [*ten[:4], *ten[5:]]))
    assert missing.warnings == ("missing-slices",)
    assert missing.voxel_volumes.sum() == pytest.approx(9 * 2.0 * 0.7 * 0.8)  # the missing one is not made up
    ten[9].ImagePositionPatient[2] += 0.6
    assert read_scan(write(tmp_path / "uneven", ten)).warnings == ("uneven-spacing",)
    tilted = read_scan(write(tmp_path / "tilted", series_of(volume, shear=0.5)))
    assert tilted.warnings == ("gantry-tilt",)
    assert tilted.spacing == pytest.approx((2.0, 0.7, 0.8))
    np.testing.assert_allclose(tilted.affine @ [0, 0, 2, 1], [-60, -49, 4, 1])


def test_without_positions_instance_numbers_determine_the_order(tmp_path, volume):
    files = series_of(volume)
    for data in files:
        del data.ImagePositionPatient
    scan = read_scan(write(tmp_path, files[::-1]))
    np.testing.assert_array_equal(scan.pixels, clipped(volume))
    assert scan.warnings == ("ordered-by-number", "unknown-orientation")
    assert scan.affine is None


def test_multi_frame_file_is_a_volume(tmp_path, volume):
    enhanced = enhanced_of(series_of(volume))
    enhanced.save_as(tmp_path / "all.dcm")
    scan = read_scan(tmp_path / "all.dcm")
    np.testing.assert_array_equal(scan.pixels, clipped(volume))
    assert scan.spacing == pytest.approx((2.0, 0.7, 0.8))


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless])
def test_compressed_pixels(tmp_path, volume, syntax):
    data = slice_file(volume[0], series=generate_uid())
    data.compress(syntax)
    np.testing.assert_array_equal(read_scan(write(tmp_path, [data])).pixels[0], clipped(volume)[0])


def test_odd_values_are_not_quoted_in_warnings(tmp_path, volume, recwarn):
    """The text of a header may contain a patient's name."""
    files = series_of(volume)
    for data in files:
        data.SeriesInstanceUID = "2.25.1"
    write(tmp_path, files)
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        assert b"2.25.1" in content
        path.write_bytes(content.replace(b"2.25.1", b"J^Doe1"))
    with pytest.warns(UserWarning, match="J.Doe1"):  # pydicom would
        assert pydicom.dcmread(path).SeriesInstanceUID == "J^Doe1"
    recwarn.clear()
    np.testing.assert_array_equal(read_scan(tmp_path).pixels, clipped(volume))
    assert not recwarn.list


def test_a_missing_slope_beside_an_intercept_is_one(tmp_path, volume):
    data = slice_file(volume[0], series=generate_uid())
    for change in (lambda: setattr(data, "RescaleSlope", None), lambda: delattr(data, "RescaleSlope")):
        change()
        scan = read_scan(write(tmp_path, [data]))
        assert (scan.intensity, scan.intensity_guessed) == ("hu", False)
        np.testing.assert_array_equal(scan.pixels[0], clipped(volume)[0])


@pytest.mark.parametrize(("stored", "high"), [(12, 15), (16, 11), (12, 12), (17, 16), (0, 0)])
def test_bits_that_contradict_are_refused(tmp_path, volume, stored, high):
    data = slice_file(volume[0], series=generate_uid())
    data.BitsStored, data.HighBit = stored, high
    with pytest.raises(SourceError, match=f"BitsStored {stored}, HighBit {high}.*HighBit must be BitsStored - 1"):
        read_scan(write(tmp_path, [data]) / "000.dcm")
