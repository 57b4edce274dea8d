"""The test files of pydicom and nibabel: CT and plain volumes are read, the rest refused with a reason."""

import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest

from lungct.sources import Limits, SourceError, read_scan

FOLDERS = {
    "pydicom": Path(find_spec("pydicom").origin).parent / "data" / "test_files",
    "pydicom-data": Path(find_spec("data_store").origin).parent / "data",
    "nibabel": Path(find_spec("nibabel").origin).parent / "tests" / "data",
}

READ = {
    # Slices of 16 x 16 pixels: read only if the limit on small sides is lifted, as here.
    **{f"pydicom:dicomdirtests/77654033/CT2/{name}": (1, 16, 16) for name in ("17106", "17136", "17166", "17196")},
    **{f"pydicom:dicomdirtests/98892001/CT5N/{name}": (1, 16, 16) for name in ("2062", "2392", "2693", "3023", "3353")},
    **{f"pydicom:dicomdirtests/77654033/{name}": (1, 16, 16) for name in ("CR2/6247", "CR3/6278")},  # X-rays
    "pydicom:CT_small.dcm": (1, 128, 128),
    "pydicom:693_J2KI.dcm": (1, 512, 512),
    "pydicom:J2K_pixelrep_mismatch.dcm": (1, 512, 512),
    **{f"pydicom-data:RG1_{name}.dcm": (1, 1955, 1841) for name in ("J2KI", "J2KR", "UNCI", "UNCR")},  # an X-ray
    "pydicom-data:693_J2KR.dcm": (1, 512, 512),
    "pydicom-data:693_UNCI.dcm": (1, 512, 512),
    "pydicom-data:693_UNCR.dcm": (1, 512, 512),
    "pydicom-data:bad_sequence.dcm": (1, 512, 512),
    "pydicom-data:eCT_Supplemental.dcm": (2, 512, 512),
    "pydicom-data:explicit_VR-UN.dcm": (1, 512, 512),
    "nibabel:anatomical.nii": (25, 41, 33),
    "nibabel:reoriented_anat_moved.nii": (22, 26, 21),
    "nibabel:resampled_anat_moved.nii": (3, 21, 17),
    "nibabel:standard.nii.gz": (7, 5, 4),
}
"""Everything else is another modality, a localizer, not an image, four-dimensional, or of another format."""


@pytest.mark.parametrize("package", list(FOLDERS))
def test_every_file_of_a_package_is_read_or_refused_with_a_reason(package):
    read, errors = {}, []
    for path in sorted(FOLDERS[package].rglob("*")):
        if not path.is_file():
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # pydicom warns about oddities in its own test files
                scan = read_scan(path, limits=Limits(min_side=1))
            read[f"{package}:{path.relative_to(FOLDERS[package])}"] = scan.shape
        except SourceError as error:
            errors.append((path, error))
    assert read == {name: shape for name, shape in READ.items() if name.startswith(f"{package}:")}
    assert errors
    for path, error in errors:
        assert str(path) in error.source
        assert len(error.problem) > 8
        assert error.remedy


def test_original_and_compressed_twins_contain_the_same_slice():
    original, lossless = (read_scan(FOLDERS["pydicom-data"] / f"693_{name}.dcm") for name in ("UNCR", "J2KR"))
    assert (original.pixels == lossless.pixels).all()
    lossy, plain = (
        read_scan(path) for path in (FOLDERS["pydicom"] / "693_J2KI.dcm", FOLDERS["pydicom-data"] / "693_UNCI.dcm")
    )
    assert abs(lossy.pixels - plain.pixels).mean() < 5
