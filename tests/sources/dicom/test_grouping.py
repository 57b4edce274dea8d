"""What belongs together: slices are grouped by patient, series, acquisition and place, and doubt is told."""

import shutil

import numpy as np
import pytest
from pydicom.uid import generate_uid

from lungct.sources import find_sources, read_scan

from .dicom_files import series_of, slice_file, write


@pytest.fixture
def six(volume):
    """Six slices, 2 mm apart."""
    return np.concatenate([volume, volume[:2] + 7])


def two_of(six, shift, **tags):
    """Return two acquisitions with one SeriesInstanceUID, the second `shift` mm higher and 20 HU denser."""
    first, second = series_of(six), series_of(six + 20)
    for number, data in enumerate(second):
        data.SeriesInstanceUID = first[0].SeriesInstanceUID
        data.InstanceNumber = 7 + number
        data.ImagePositionPatient[2] += shift
        for name, value in tags.items():
            setattr(data, name, value[1])
            setattr(first[number], name, value[0])
    return first, second


def scans_in(folder):
    return [read_scan(source) for source in find_sources(folder).sources]


def check_both(scans, six, code):
    assert [len(scan) for scan in scans] == [6, 6]
    for scan, hu in zip(sorted(scans, key=lambda scan: scan.pixels.mean()), (six, six + 20), strict=True):
        np.testing.assert_array_equal(scan.pixels, np.maximum(hu, -1024))
        assert scan.warnings == ((code,) if code else ())
        assert scan.spacing[0] == pytest.approx(2.0)
    assert len({scan.source for scan in scans}) == 2


@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
@pytest.mark.parametrize(
    "tags",
    [
        {"AcquisitionNumber": (1, 2)},
        {"AcquisitionTime": ("120000", "120001")},
        {"ConvolutionKernel": ("B31f", "B70f")},
        {"ImageType": (["ORIGINAL", "PRIMARY", "AXIAL"], ["DERIVED", "SECONDARY", "AXIAL"])},
        {"SeriesNumber": (2, 3)},
    ],
)
def test_acquisitions_that_overlap_are_divided_by_their_tags(tmp_path, six, shift, tags):
    first, second = two_of(six, shift, **tags)
    check_both(scans_in(write(tmp_path, [*first, *second])), six, "split-by-tags")


@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("restart", [False, True])
def test_acquisitions_without_tags_are_divided_by_their_order(tmp_path, six, shift, restart):
    first, second = two_of(six, shift)
    for number, data in enumerate(second):
        data.InstanceNumber = number + 1 if restart else number + 7
    check_both(scans_in(write(tmp_path, [*first, *second])), six, "split-by-order")


def test_steps_of_one_scan_stay_together(tmp_path, six):
    files = series_of(six)
    for index, data in enumerate(files):
        data.AcquisitionNumber, data.AcquisitionTime = index // 2 + 1, f"12000{index}"
    (scan,) = scans_in(write(tmp_path, files))
    np.testing.assert_array_equal(scan.pixels, np.maximum(six, -1024))
    assert scan.warnings == ()


@pytest.mark.parametrize("shift", [0.0, 1.0])
@pytest.mark.parametrize("tag", ["PatientID", "PatientBirthDate", "PatientName", "StudyInstanceUID"])
def test_one_patient_never_completes_another(tmp_path, six, tag, shift):
    values = {"PatientBirthDate": ("19500101", "19600101"), "StudyInstanceUID": (generate_uid(), generate_uid())}
    first, second = two_of(six, shift, **{tag: values.get(tag, ("Ada", "Bob"))})
    for name in ("folders", "together"):
        write(tmp_path / name / "a", first, name="a{index}")
        write(tmp_path / name / ("b" if name == "folders" else "a"), second, name="b{index}")
        scans = scans_in(tmp_path / name)
        check_both(scans, six, None)
        assert not any("Ada" in scan.source or "Bob" in scan.source for scan in scans)


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_patients_without_names_are_told_apart_by_folder(tmp_path, six, shift):
    first, second = two_of(six, shift)
    for one, other in zip(first, second, strict=True):
        other.InstanceNumber, other.SOPInstanceUID = one.InstanceNumber, one.SOPInstanceUID
        other.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        one.PatientID = other.PatientID = one.PatientName = other.PatientName = ""
    write(tmp_path / "a", first)
    write(tmp_path / "b", second)
    check_both(scans_in(tmp_path), six, "split-by-folder")


def test_copies_are_left_out(tmp_path, six):
    write(tmp_path / "a", series_of(six))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    (scan,) = scans_in(tmp_path)
    assert (len(scan), scan.warnings) == (6, ("duplicate-slices",))


def test_an_emptied_name_does_not_divide_a_patient(tmp_path, six):
    files = series_of(six)
    del files[2].PatientID
    files[4].PatientName = ""
    del files[5].SeriesInstanceUID
    (scan,) = scans_in(write(tmp_path, files))
    assert (len(scan), scan.warnings) == (6, ("grouped-without-uid",))


@pytest.mark.parametrize("own", [False, True])
def test_slices_without_a_common_uid_are_put_together(tmp_path, six, own):
    files = series_of(six)
    for data in files:
        data.SeriesInstanceUID = generate_uid() if own else ""
    scan = read_scan(write(tmp_path, files))
    np.testing.assert_array_equal(scan.pixels, np.maximum(six, -1024))
    assert scan.warnings == ("grouped-without-uid",)


def test_without_a_uid_other_folders_numbers_and_patients_stay_apart(tmp_path, six):
    for name, change in (("a", {}), ("b", {}), ("c", {"SeriesNumber": 5}), ("d", {"PatientID": "2"})):
        files = series_of(six)
        for data in files:
            del data.SeriesInstanceUID
            for tag, value in change.items():
                setattr(data, tag, value)
        write(tmp_path / ("c" if name == "d" else name), files, name=name + "{index}")
    scans = scans_in(tmp_path)
    assert [len(scan) for scan in scans] == [6, 6, 6, 6]
    assert len({scan.source for scan in scans}) == 4


def test_single_slices_of_strangers_are_not_a_series(tmp_path, volume):
    files = [slice_file(hu, series=generate_uid(), z=2.0 * index) for index, hu in enumerate(volume)]
    for index, data in enumerate(files):
        data.PatientID, data.StudyInstanceUID = str(index), generate_uid()
    assert [len(scan) for scan in scans_in(write(tmp_path, files))] == [1, 1, 1, 1]


def test_sizes_spacings_and_directions_are_told_apart_by_name(tmp_path, six):
    kinds = [series_of(six), series_of(six[:, :48]), series_of(six, spacing=(0.5, 0.5))]
    kinds.append(series_of(six, directions=(-1, 0, 0, 0, -1, 0)))
    for number, files in enumerate(kinds):
        for data in files:
            data.SeriesInstanceUID, data.SeriesDescription = "1.2.3.4.5.6.7", "CHEST W/O \x1b[2J 5.0\\B31f"
        write(tmp_path, files, name=f"{number}-{{index}}")
    scans = scans_in(tmp_path)
    assert [len(scan) for scan in scans] == [6] * 4
    names = [scan.source.removeprefix(str(tmp_path)) for scan in scans]
    assert len(set(names)) == 4
    assert any("48 x 80" in name for name in names)
    assert any("0.5 mm" in name for name in names)
    assert not any(one in name for name in names for one in "/\\\x1b")


def test_a_slice_given_alone_says_that_it_is_one_of_many(tmp_path, volume):
    write(tmp_path / "s", series_of(volume))
    write(tmp_path / "t", [slice_file(hu, series=generate_uid()) for hu in volume])
    assert read_scan(tmp_path / "s" / "001.dcm").warnings == ("part-of-series",)
    assert read_scan(tmp_path / "t" / "001.dcm").warnings == ()
    assert read_scan(tmp_path / "s").warnings == ()
