"""What a search leaves out is counted and named, and archives of pictures and volumes are read."""

import gzip
import zipfile

import nibabel
import numpy as np
import pytest
from PIL import Image

from lungct.sources import SourceError, find_sources, read_scan
from lungct.sources.foreign.names import counted, kind_of_name

from ..conftest import ROOT

SERIES = sorted((ROOT / "examples/series").glob("*.dcm"))
GREY = np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)


def zipped(path, **members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, file in members.items():
            archive.write(file, name.replace("__", "/").replace("_dot_", "."))
    return path


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    Image.fromarray(GREY).save(folder / "a.png")
    values = np.random.default_rng(3).integers(-1000, 500, (40, 36, 3)).astype(np.int16)
    nibabel.Nifti1Image(values, np.diag([-2.0, -2.0, 5.0, 1.0])).to_filename(folder / "v.nii.gz")
    (folder / "letter.docx").write_bytes(b"PK\x03\x04 and more")
    return folder


@pytest.mark.parametrize("name", ["a.png", "v.nii.gz"])
def test_the_one_scan_in_an_archive_is_read_like_the_file(tmp_path, files, name):
    archive = zipped(tmp_path / "a.zip", **{f"inner__{name.replace('.', '_dot_')}": files / name})
    scan, expected = read_scan(archive), read_scan(files / name)
    np.testing.assert_array_equal(scan.pixels, expected.pixels)
    assert scan.source == f"{archive}[inner/{name}]"
    assert scan.warnings == expected.warnings
    (only,) = find_sources(archive).sources
    np.testing.assert_array_equal(read_scan(only).pixels, expected.pixels)


def test_npz_with_one_array_is_read_and_with_two_is_listed(tmp_path):
    np.savez(tmp_path / "one.npz", GREY)
    assert read_scan(tmp_path / "one.npz").shape == (1, 40, 50)
    np.savez_compressed(tmp_path / "two.npz", image=GREY, mask=GREY > 9)
    with pytest.raises(SourceError, match=r"holds 2 scans .*image\.npy.*mask\.npy"):
        read_scan(tmp_path / "two.npz")


def test_previews_beside_a_series_in_an_archive_are_counted_not_read(tmp_path, files):
    members = {path.name.replace(".", "_dot_"): path for path in SERIES}
    archive = zipped(tmp_path / "a.zip", preview_dot_png=files / "a.png", **members)
    found = find_sources(archive)
    assert len(found.sources) == 1
    assert found.left_out == {".png": 1}
    assert len(read_scan(archive)) == len(SERIES)


def test_other_files_are_counted_by_kind(tmp_path, files):
    (files / "slice.dcm.gz").write_bytes(gzip.compress(SERIES[0].read_bytes()))
    (files / "README").write_text("words")
    (files / "b.docx").write_bytes(b"PK\x03\x04")
    found = find_sources(files)
    assert sorted(path.name for path in found.sources) == ["a.png", "v.nii.gz"]
    assert counted(found.left_out) == "2 .docx, 1 .dcm.gz, 1 without a suffix"
    assert not found.refused


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("a.webp", b"RIFF\0\0\0\0WEBP", "only 1 .webp"),
        ("a.dcm.gz", gzip.compress(b"\0" * 128 + b"DICM"), "only 1 .dcm.gz"),
        ("a.tar", b"\0" * 257 + b"ustar", "only 1 .tar"),
        (".hidden", b"x", "no files at all"),
    ],
)
def test_a_folder_without_scans_says_what_it_holds(tmp_path, name, content, named):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=named) as caught:
        read_scan(tmp_path)
    assert "lungct info" not in str(caught.value)


def test_an_archive_in_an_archive_is_named(tmp_path, files):
    inner = zipped(tmp_path / "inner.zip", a_dot_png=files / "a.png")
    with pytest.raises(SourceError, match=r"only 1 \.zip"):
        read_scan(zipped(tmp_path / "outer.zip", inner_dot_zip=inner))


@pytest.mark.parametrize(
    ("record", "name", "own"),
    [
        ("predictions.csv", "x_overlay.png", True),
        ("predictions.csv", "x_slice012_mask.png", True),
        ("segmentations.csv", "x_roi.tif", True),
        ("x.json", "x_mask.nii.gz", True),
        ("x.json", "x-infection.png", True),
        ("x.json", "y_mask.png", False),
        ("labels.csv", "x_mask.png", False),
        ("predictions.csv", "x.png", False),
    ],
)
def test_results_of_lungct_are_no_inputs_but_masks_of_data_sets_are(tmp_path, record, name, own):
    (tmp_path / record).write_text("{}")
    Image.fromarray(GREY).save(tmp_path / "x_mask.png")
    (tmp_path / name).write_bytes((tmp_path / "x_mask.png").read_bytes())
    assert (tmp_path / name not in find_sources(tmp_path).sources) is own


def test_results_of_a_job_below_a_folder_are_no_inputs(tmp_path):
    pictures = tmp_path / "out/images/ab"
    pictures.mkdir(parents=True)
    (tmp_path / "out/run.json").write_text("{}")
    Image.fromarray(GREY).save(pictures / "0.png")
    assert find_sources(tmp_path).sources == []
    assert counted(find_sources(tmp_path).left_out) == "1 .json, 1 result of lungct"
    assert find_sources(tmp_path / "out").sources == [pictures / "0.png"]  # asked for by name


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("A.DOCX", ".docx"),
        ("x/a.tar.gz", ".tar.gz"),
        ("1.2.840.10008", ".10008"),
        ("README", "without a suffix"),
        ("v.1.docx", ".docx"),
    ],
)
def test_kind_of_name(name, kind):
    assert kind_of_name(name) == kind
