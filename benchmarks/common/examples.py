"""The repository's root, and the scans in its examples/."""

from pathlib import Path

ROOT = Path(__file__).parents[2]

SLICES = ROOT / "examples" / "slices"

PICTURE = SLICES / "covid19-ny-sbu-A002304.png"
"""One slice of 512 x 512, as a picture."""

CT_SLICE = SLICES / "lctsc-S1-101-hu.tif"
"""One slice of 512 x 512, in Hounsfield units."""

SERIES = ROOT / "examples" / "series"
"""Slices of one DICOM series."""
