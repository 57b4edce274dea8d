"""MetaImage and NRRD files written by hand, in which any line can be changed, and what SimpleITK reads from them."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813

from lungct.sources import Limits, SourceError, read_scan

LIMITS = Limits(min_side=1)
TYPES = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")
MET = dict(
    zip(
        TYPES,
        "CHAR UCHAR SHORT USHORT INT UINT LONG_LONG ULONG_LONG FLOAT DOUBLE".split(),  # noqa: SIM905
        strict=True,
    )
)
TEEM = dict(
    zip(
        TYPES,
        ("signed char", "uchar", "short", "uint16", "int", "uint32_t", "long long", "uint64", "float", "double"),
        strict=True,
    )
)


def numbers(dtype="i2", shape=(3, 4, 5)):
    """Return a small volume (slices, rows, columns) whose values use their type's range, as far as float32 holds it."""
    count = np.arange(np.prod(shape)).reshape(shape)
    values = count * 1.5 - 20 if np.dtype(dtype).kind == "f" else count - (20 if np.dtype(dtype).kind == "i" else 0)
    return values.astype(dtype)


def mha_lines(volume, **changed):
    """Return the header's lines as a dict, with LOCAL last; None removes a line."""
    lines = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "DimSize": " ".join(map(str, volume.shape[::-1])),
        "ElementType": f"MET_{MET[volume.dtype.str[1:]]}",
        **changed,
    }
    last = lines.pop("ElementDataFile", "LOCAL")
    return {**{key: value for key, value in lines.items() if value is not None}, "ElementDataFile": last}


def mha(volume, data=None, **changed):
    """Return a MetaImage file."""
    head = "".join(f"{key} = {value}\n" for key, value in mha_lines(volume, **changed).items())
    return head.encode() + (volume.tobytes() if data is None else data)


def nrrd(volume, data=None, *more, **changed):
    """Return an NRRD file; underscores in names of fields are blanks, `more` are whole lines."""
    lines = {
        "type": TEEM[volume.dtype.str[1:]],
        "dimension": "3",
        "sizes": " ".join(map(str, volume.shape[::-1])),
        "endian": "little",
        "encoding": "raw",
        **changed,
    }
    fields = [f"{key.replace('_', ' ')}: {value}" for key, value in lines.items() if value is not None]
    head = "\n".join(["NRRD0004", *fields, *more, "", ""])
    return head.encode() + (volume.tobytes() if data is None else data)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def read(path, **options):
    """Return the scan of a small file."""
    return read_scan(path, limits=LIMITS, intensity="hu", **options)


def assert_as_simpleitk(path):
    """Check that pixels and position equal those that SimpleITK reads; return our scan."""
    image, scan = sitk.ReadImage(str(path)), read(path)
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * np.asarray(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    np.testing.assert_allclose(scan.grid.affine, affine, atol=1e-9)
    stored = sitk.GetArrayFromImage(image)
    np.testing.assert_array_equal(scan.grid.to_own(scan.pixels), stored.astype(np.float32))
    assert scan.metadata["dtype"] in (stored.dtype, "float32")
    return scan


def said_by(fmt, head):
    """Return the result of parsing a header: a `RawVolume` or the `SourceError`."""
    try:
        return fmt.volume(fmt.header("a", head))
    except SourceError as error:
        return error


@contextmanager
def within(seconds):
    """Fail if the block takes longer or hangs."""

    def late(number, frame):
        raise AssertionError(f"took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


MEASURED = """
import re, sys
from pathlib import Path
from lungct.sources import SourceError, read_scan

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1000

read_scan(sys.argv[1])
before = peak()
for path in sys.argv[2:]:
    try:
        print(read_scan(path).shape)
    except SourceError as error:
        print(error.problem)
print(peak() - before)
"""


def measured(small, *paths):
    """Read files in a separate process; return the outcomes of all but the first, and the additional MB they took."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, small, *paths], capture_output=True, text=True, timeout=120, check=True
    )
    *said, megabytes = done.stdout.splitlines()
    return said, float(megabytes)
