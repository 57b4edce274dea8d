"""Read, judge and write back a series of 300 slices of 512 x 512: seconds a stage, and the process's peak memory.

Run: python benchmarks/series.py FOLDER [SLICES]

FOLDER holds a CT series; its slices are repeated, at new positions, until there are enough.
"""

import copy
import resource
import sys
import tempfile
import time
from pathlib import Path

import pydicom
from pydicom.uid import generate_uid
from rich.console import Console
from rich.table import Table

from lungct.lungseg import find_lungs
from lungct.pipeline import Pipeline
from lungct.sources import read_scan
from lungct.sources.dicom_seg import write_seg
from lungct.sources.nifti import write_nifti


def repeat(folder: Path, slices: int, target: Path) -> None:
    """Write a series of so many slices, 1 mm apart, there and back through the given one."""
    files = sorted(folder.rglob("*.dcm"), key=lambda path: pydicom.dcmread(path).ImagePositionPatient[2])
    uid = generate_uid()
    for index in range(slices):
        at = index % (2 * len(files) - 2)
        data = copy.deepcopy(pydicom.dcmread(files[min(at, 2 * len(files) - 2 - at)]))
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        data.SeriesInstanceUID, data.InstanceNumber, data.SliceThickness = uid, index + 1, 1
        data.ImagePositionPatient[2] = float(index)
        data.save_as(target / f"{index:04d}.dcm")


def peak() -> float:
    """Return the most memory this process has held, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the table."""
    slices = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    table = Table("stage", "s", "ms a slice", "peak memory so far, MB", title=f"{slices} slices, one run")
    with tempfile.TemporaryDirectory() as made:
        series, out = Path(made) / "series", Path(made) / "out"
        series.mkdir()
        out.mkdir()
        repeat(Path(sys.argv[1]), slices, series)
        start = time.perf_counter()

        def done(stage: str) -> None:
            nonlocal start
            seconds = time.perf_counter() - start
            table.add_row(stage, f"{seconds:.1f}", f"{1000 * seconds / slices:.1f}", f"{peak():.0f}")
            start = time.perf_counter()

        pipe = Pipeline.from_pretrained()
        done("opening the networks")
        scan = read_scan(series)
        done("reading")
        scan, lungs = find_lungs(pipe.segmenter, scan)
        done("finding the lungs")
        pipe.classifier.classify(scan, lungs.mask)
        done("classifying")
        write_nifti(out / "mask.nii.gz", lungs.mask, scan)
        done("writing NIfTI")
        write_seg(out / "mask.dcm", lungs.mask, scan, model="lungct", version="benchmark")
        done("writing DICOM SEG")
    Console().print(table)


if __name__ == "__main__":
    main()
