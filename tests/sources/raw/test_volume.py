"""Headers with their pixels in a separate file: a regular file in the same folder, and no other."""

import os
from pathlib import Path

import numpy as np
import pytest

from lungct.pipeline.batch.digest import digest
from lungct.pipeline.service.errors import ServiceFault
from lungct.pipeline.service.settings import UploadLimits
from lungct.pipeline.service.uploads import read_upload
from lungct.sources import Limits, SourceError, find_sources, read_scan
from lungct.sources.formats import pixels_beside

from .raw_files import LIMITS, assert_as_simpleitk, mha, nrrd, numbers, read, within, written

VOLUME = numbers(shape=(3, 40, 50))


def header(suffix, name, volume=VOLUME, **changed):
    """Return an .mhd or .nhdr header that names a file of pixels."""
    if suffix == "mhd":
        return mha(volume, b"", ElementDataFile=name, **changed)
    return nrrd(volume, b"", data_file=name, **changed).removesuffix(b"\n")  # no blank line, as ITK


pytestmark = pytest.mark.parametrize("suffix", ["mhd", "nhdr"])


@pytest.mark.parametrize("name", ["a.raw", "other name (1).bin", "A-1_b.raw", "noSuffix"])
def test_pixels_beside_their_header(tmp_path, suffix, name):
    written(tmp_path / name, VOLUME.tobytes())
    path = written(tmp_path / f"a.{suffix}", header(suffix, name))
    np.testing.assert_array_equal(assert_as_simpleitk(path).pixels, VOLUME)
    assert pixels_beside(path) == tmp_path / name


def test_skipped_bytes_in_a_separate_file(tmp_path, suffix):
    written(tmp_path / "a.raw", b"x" * 7 + VOLUME.tobytes())
    for skipped in ("7", "-1"):
        changed = {"HeaderSize": skipped} if suffix == "mhd" else {"byte skip": skipped}
        assert_as_simpleitk(written(tmp_path / f"a.{suffix}", header(suffix, "a.raw", **changed)))


def test_a_header_with_its_own_pixels_may_have_either_suffix(tmp_path, suffix):
    content = mha(VOLUME) if suffix == "mhd" else nrrd(VOLUME)
    path = written(tmp_path / f"a.{suffix}", content)
    np.testing.assert_array_equal(read(path).pixels, VOLUME)
    assert pixels_beside(path) is None


@pytest.mark.parametrize(
    "name",
    [
        "../outside", "inside/../a.raw", "inside/a.raw", "./a.raw", "/etc/passwd", "{tmp}/a.raw", "..", ".", ".hidden",
        "-", "", "LIST", "LIST 2", "a%03d.raw 1 3 1", "C:a.raw", "\\\\host\\a.raw", "~/a.raw", "a.raw\\", "$HOME",
        "grün.raw", "a\traw",
        "x" * 300,
    ],
)  # fmt: skip
def test_names_that_are_not_plain(tmp_path, suffix, name):
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    for place in ("outside", "folder/a.raw", "folder/inside/a.raw", "folder/.hidden"):
        written(tmp_path / place, VOLUME.tobytes())
    path = written(tmp_path / "folder" / f"a.{suffix}", header(suffix, name.format(tmp=tmp_path / "folder")))
    with within(5), pytest.raises(SourceError, match="not a plain file name") as caught:
        read(path)
    assert caught.value.source == str(path)
    assert pixels_beside(path) is None


@pytest.mark.parametrize("what", ["missing", "link", "link away", "broken link", "folder", "pipe", "short", "empty"])
def test_only_regular_files_are_read_as_pixels(tmp_path, suffix, what):
    outside = written(tmp_path / "outside", VOLUME.tobytes())
    folder = tmp_path / "folder"
    folder.mkdir()
    beside = folder / "a.raw"
    written(folder / "b.raw", VOLUME.tobytes())
    {
        "missing": lambda: None,
        "link": lambda: beside.symlink_to("b.raw"),
        "link away": lambda: beside.symlink_to(outside),
        "broken link": lambda: beside.symlink_to("nowhere"),
        "folder": beside.mkdir,
        "pipe": lambda: os.mkfifo(beside),
        "short": lambda: written(beside, VOLUME.tobytes()[:-1]),
        "empty": lambda: written(beside, b""),
    }[what]()
    path = written(folder / f"a.{suffix}", header(suffix, "a.raw"))
    opened = len([*Path("/proc/self/fd").iterdir()])
    reason = "damaged or cut off" if what in ("short", "empty") else "keeps its pixels in a.raw, which can't be opened"
    with within(5), pytest.raises(SourceError, match=reason):
        read(path)
    assert len([*Path("/proc/self/fd").iterdir()]) == opened


def test_detached_pixels_are_refused_where_not_allowed(tmp_path, suffix):
    written(tmp_path / "a.raw", VOLUME.tobytes())
    path = written(tmp_path / f"a.{suffix}", header(suffix, "a.raw"))
    with pytest.raises(SourceError, match=r"another file\. Save header and pixels as one file"):
        read_scan(path, limits=Limits(detached=False))
    with pytest.raises(ServiceFault, match="another file"):
        read_upload(path, UploadLimits.of(10), None, "ct")
    whole = path.rename(path.with_suffix(".mha" if suffix == "mhd" else ".nrrd"))
    with pytest.raises(SourceError, match=rf"a header with a separate pixel file must end in \.{suffix}"):
        read_scan(whole)


def test_limits_hold_before_pixels_are_read(tmp_path, suffix):
    written(tmp_path / "a.raw", b"")
    path = written(tmp_path / f"a.{suffix}", header(suffix, "a.raw"))
    with pytest.raises(SourceError, match="over the limit"):
        read_scan(path, limits=Limits(max_scan_pixels=5999))


def test_a_header_that_is_a_pipe_does_not_block(tmp_path, suffix):
    os.mkfifo(tmp_path / f"a.{suffix}")
    with within(5):
        assert pixels_beside(tmp_path / f"a.{suffix}") is None
        assert find_sources(tmp_path).sources == []


def test_folders_list_headers_and_not_their_pixels(tmp_path, suffix):
    looks_like_dicom = bytes(128) + b"DICM" + VOLUME.tobytes()[132:]
    written(tmp_path / "a.raw", looks_like_dicom)
    written(tmp_path / "b.raw", looks_like_dicom)
    path = written(tmp_path / f"z.{suffix}", header(suffix, "a.raw"))
    found = find_sources(tmp_path, LIMITS)
    assert found.sources == [path]
    assert [error.source for error in found.refused] == [str(tmp_path / "b.raw")]
    (tmp_path / "b.raw").unlink()
    np.testing.assert_array_equal(read(tmp_path).shape, VOLUME.shape)


def test_a_header_does_not_hide_other_scans_in_its_folder(tmp_path, suffix):
    other = written(tmp_path / "scan.mha", mha(VOLUME))
    path = written(tmp_path / f"a.{suffix}", header(suffix, "scan.mha"))
    assert find_sources(tmp_path).sources == [path, other]


def test_the_checksum_covers_header_and_pixels(tmp_path, suffix):
    path = written(tmp_path / f"a.{suffix}", header(suffix, "a.raw"))
    written(tmp_path / "a.raw", VOLUME.tobytes())
    before = digest(path, LIMITS)
    written(tmp_path / "a.raw", VOLUME[::-1].tobytes())
    assert digest(path, LIMITS) != before
