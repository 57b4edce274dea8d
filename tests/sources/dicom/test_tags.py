"""What headers say about scanner and patient, and nonsensical headers."""

from types import SimpleNamespace

import pydicom

from lungct.sources import read_scan
from lungct.sources.dicom.tags import identity_of, tags_of

from ...conftest import ROOT, SLICES


def test_a_series_names_its_scanner_and_a_picture_does_not():
    assert tags_of(read_scan(ROOT / "examples" / "series")) == {
        "manufacturer": "SIEMENS", "scanner": "Sensation 10", "sex": "F", "age": "53", "slice thickness": "8",
        "tube voltage": "120", "kernel": "B40f",
    }  # fmt: skip
    assert tags_of(read_scan(SLICES / "covid19-ny-sbu-A002304.png")) == {}


def test_numbers_are_cleaned_and_damaged_tags_left_out():
    header = pydicom.Dataset()
    header.SliceThickness = "2.500000"
    header.ConvolutionKernel = ["I30f", "3"]
    header.PatientAge = "010M"
    header.Manufacturer = " "
    header["KVP"] = pydicom.dataelem.RawDataElement(
        pydicom.tag.Tag("KVP"), "DS", 4, b"a lot", 0, is_implicit_VR=False, is_little_endian=True
    )
    scan = SimpleNamespace(frames=[SimpleNamespace(header=header)], source="made.dcm")
    assert tags_of(scan) == {"slice thickness": "2.5", "kernel": "I30f/3", "age": "010M"}


def made(**attributes):
    """Return a stand-in for a scan whose header has only these tags."""
    header = pydicom.Dataset()
    for name, value in attributes.items():
        setattr(header, name, value)
    return SimpleNamespace(frames=[SimpleNamespace(header=header)], source="made.dcm")


def test_two_scans_of_one_patient_are_recognised_and_no_others():
    first = identity_of(made(PatientID="17", PatientBirthDate="19500101", SeriesInstanceUID="1.2.3"))
    assert first == identity_of(made(PatientID="17", PatientBirthDate="19500101", SeriesInstanceUID="1.2.4"))
    assert first != identity_of(made(PatientID="17", PatientBirthDate="19600202", SeriesInstanceUID="1.2.3"))
    nobody = identity_of(made(PatientID="Anonymous", SeriesInstanceUID="1.2.3"))
    assert nobody == identity_of(made(SeriesInstanceUID="1.2.3"))
    assert nobody != identity_of(made(PatientID="ANONYMOUS", SeriesInstanceUID="1.2.4"))
    assert identity_of(made()) == identity_of(read_scan(SLICES / "covid19-ny-sbu-A002304.png")) == ""
