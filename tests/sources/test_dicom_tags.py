"""What headers say of scanner and patient, and headers that say nonsense."""

from types import SimpleNamespace

import pydicom

from lungct.sources import read_scan
from lungct.sources.dicom_tags import tags_of

from ..conftest import ROOT, SLICES


def test_a_series_names_its_scanner_and_a_picture_none():
    assert tags_of(read_scan(ROOT / "examples" / "series")) == {
        "manufacturer": "SIEMENS", "scanner": "Sensation 10", "sex": "F", "age": "53", "slice thickness": "8",
        "tube voltage": "120", "kernel": "B40f",
    }  # fmt: skip
    assert tags_of(read_scan(SLICES / "covid19-ny-sbu-A002304.png")) == {}


def test_numbers_are_tidied_and_damage_is_left_out():
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
