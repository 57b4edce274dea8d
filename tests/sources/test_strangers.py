"""An untrusted file affects only itself: it is refused by name, within the stated memory."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from pydicom.uid import JPEG2000Lossless, RLELossless, generate_uid

from lungct.sources import Limits, SourceError, find_sources, read_scan
from lungct.sources.files import BoundedFile

from . import attacks
from .dicom.dicom_files import series_of, slice_file

MEGABYTES = 300
"""Memory that reading may take beyond the result: see `lungct.sources.Limits`."""

KINDS = {
    "tiff page": (attacks.tiff_page_bomb, "x.tif"),
    "deflated": (attacks.deflated_dicom, "x.dcm"),
    "jpeg 2000": (attacks.j2k_that_says_it_is_huge, "x.dcm"),
    "run length": (attacks.rle_bomb, "x.dcm"),
    "elements": (attacks.many_elements, "x.dcm"),
    "elements inside": (attacks.many_elements_inside, "x.dcm"),
    "groups": (attacks.many_groups, "x.dcm"),
    "directory": (attacks.zip_of_many_entries, "x.zip"),
    "array": (attacks.npy_of_much, "x.npy"),
    "array header": (attacks.npy_of_a_long_header, "x.npy"),
}

READ = """
import json, re, sys, threading, time
from pathlib import Path
import lungct.sources, pydicom.pixels, tifffile, zipfile, numpy
def held(pid="self"):
    text = Path(f"/proc/{pid}/status").read_text()
    return {name: int(re.search(rf"{name}:\\s+(\\d+)", text)[1]) / 1024 for name in ("VmRSS", "VmHWM")}
before, most = held()["VmRSS"], [0.0]
def watch():
    while True:
        for task in Path("/proc/self/task").iterdir():
            try:
                for child in (task / "children").read_text().split():
                    most[0] = max(most[0], held(child)["VmHWM"])
            except (OSError, TypeError):
                pass
        time.sleep(0.02)
threading.Thread(target=watch, daemon=True).start()
begun, said = time.monotonic(), None
try:
    lungct.sources.read_scan(sys.argv[1])
except lungct.sources.SourceError as error:
    said = str(error)
print(json.dumps([held()["VmHWM"] - before, most[0], time.monotonic() - begun, said]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory in /proc")
@pytest.mark.parametrize("kind", list(KINDS))
def test_bombs_are_refused_within_the_stated_memory(tmp_path, kind):
    make, name = KINDS[kind]
    content = make()
    (tmp_path / name).write_bytes(content)
    done = subprocess.run([sys.executable, "-c", READ, tmp_path / name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    own, cell, seconds, said = json.loads(done.stdout)
    held = len(content) >> 20
    assert (said or "").startswith(str(tmp_path / name)) or kind == "run length"  # its decoder truncates long runs
    assert own < MEGABYTES + 4 * held
    assert cell < MEGABYTES + 512 + 4 * held
    assert seconds < 10


def test_archives_are_opened_once_for_all_members(tmp_path, monkeypatch):
    """Each opening reads the whole directory: a thousand members took twelve seconds."""
    (data,) = series_of(np.full((1, 64, 64), -800, dtype=np.float32))
    content = attacks.saved(data)
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        for number in range(300):
            archive.writestr(f"{number:05d}.dcm", content)
    opened = []
    reading = zipfile.ZipFile._RealGetContents
    monkeypatch.setattr(zipfile.ZipFile, "_RealGetContents", lambda self: (opened.append(1), reading(self)))
    assert len(find_sources(tmp_path / "s.zip").sources[0].files) == 1  # the others are copies
    assert read_scan(tmp_path / "s.zip").shape == (1, 64, 64)
    assert len(opened) <= 4


def test_members_that_python_would_unpack_whole_are_refused(tmp_path):
    (tmp_path / "x.zip").write_bytes(attacks.zip_of_bzip2(1 << 26))
    with pytest.raises(SourceError, match=r"is packed by bzip2. Pack it as plain ZIP"):
        read_scan(tmp_path / "x.zip")


def test_circular_pages_are_refused(tmp_path):
    (tmp_path / "x.tif").write_bytes(attacks.tiff_circle())
    with pytest.raises(SourceError, match="link in a loop"):
        read_scan(tmp_path / "x.tif")


@pytest.mark.parametrize("name", ["x.dcm", "x.npy", "x.nii", "x.png"])
def test_a_file_that_shrinks_is_an_error_and_not_a_crash(tmp_path, name):
    """A mapped file would end the process by a bus error."""
    code = f"""
import os, sys
from pathlib import Path
import nibabel, numpy as np
from PIL import Image
from pydicom.uid import generate_uid
import lungct.sources.files as files
from lungct.sources import SourceError, read_scan
path = Path({str(tmp_path / name)!r})
hu = np.random.default_rng(0).normal(-500, 300, (512, 512)).astype(np.int16)
{{
    ".dcm": lambda: path.write_bytes(Path({str(tmp_path / "made")!r}).read_bytes()),
    ".npy": lambda: np.save(path, hu),
    ".nii": lambda: nibabel.save(nibabel.Nifti1Image(hu[..., None], np.eye(4)), path),
    ".png": lambda: Image.fromarray((hu % 256).astype(np.uint8)).save(path),
}}[path.suffix]()
import lungct.sources.limits as limits
check = limits.Limits.check_shape
def shrink(self, *given):
    os.truncate(path, 1000)
    return check(self, *given)
limits.Limits.check_shape = shrink
try:
    read_scan(path)
except SourceError as error:
    print(error.problem)
"""
    (tmp_path / "made").write_bytes(attacks.saved(slice_file(attacks.hu(), series=generate_uid())))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, bool(done.stdout)) == (0, True), done.stderr


def test_good_files_of_the_same_kinds_are_read(tmp_path):
    hu = np.random.default_rng(0).normal(-500, 300, (64, 64)).round().astype(np.float32)
    for name, syntax in (("j2k", JPEG2000Lossless), ("rle", RLELossless)):
        data = slice_file(hu, series=generate_uid())
        data.compress(syntax)
        (tmp_path / f"{name}.dcm").write_bytes(attacks.saved(data))
        np.testing.assert_array_equal(read_scan(tmp_path / f"{name}.dcm").pixels[0], np.maximum(hu, -1024))
    small = attacks.deflated_dicom(1 << 24)  # 16 MB of private bytes after the pixels
    (tmp_path / "d.dcm").write_bytes(small)
    scan = read_scan(tmp_path / "d.dcm", limits=Limits(max_member_bytes=1 << 26))
    assert scan.pixels.max() == scan.pixels.min() == -800
    assert scan.metadata["transfer_syntax"] == "Deflated Explicit VR Little Endian"


def test_limited_files_never_return_more_than_they_hold(tmp_path):
    (tmp_path / "x").write_bytes(b"0123456789")
    with BoundedFile((tmp_path / "x").open("rb"), "x", longest=4, reads=3) as file:
        assert file.read(4) == b"0123"
        with pytest.raises(SourceError, match="more than 4 bytes"):
            file.read(1 << 40)
        assert file.read(4) == b"4567"
        with pytest.raises(SourceError, match="too many elements"):
            file.read(1)
