"""Slices for training: their contents, in files and from the generator, and interrupted runs."""

import csv
import subprocess
import sys

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image
from typer.testing import CliRunner

from lungct.classify import RoiPreprocessing
from lungct.lungseg import find_lungs
from lungct.pipeline.batch.locks import StoreError
from lungct.pipeline.commands.cli import app
from lungct.pipeline.preprocess import job as preprocess_job
from lungct.pipeline.preprocess.job import run_preprocess
from lungct.pipeline.preprocess.slice_files import FORMATS, read_slice, write_slice
from lungct.pipeline.preprocess.slices import PreprocessSettings, preprocess
from lungct.pipeline.settings import SegmenterSettings, open_segmenter
from lungct.sources import read_scan
from lungct.sources.intensity import apply_window

from ...conftest import ROOT, SLICES, make_chest

SMALL = PreprocessSettings(size=48)


@pytest.fixture(scope="module")
def volume():
    """Four slices in HU: three chests and, below them, one with only air."""
    return np.stack([np.full((160, 200), -1000, np.float32), *(make_chest(seed=seed)[0] for seed in range(3))])


@pytest.fixture(scope="module")
def folder(tmp_path_factory, volume):
    """Six pictures (one unreadable, one without lung), the volume, and a table of all of them and a missing one."""
    folder = tmp_path_factory.mktemp("inputs")
    for number in range(6):
        grey = np.rint(apply_window(make_chest(seed=number)[0], "hu", (-1000, 400)) * 255).astype(np.uint8)
        Image.fromarray(grey if number != 4 else np.zeros_like(grey)).save(folder / f"{number}.png")
    (folder / "3.png").write_bytes(b"words")
    np.save(folder / "volume.npy", volume)
    names = [*sorted(path.name for path in folder.iterdir()), "missing.png"]
    with (folder / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "patient", "file"])
        writer.writerows([name, f"00{number // 2}", "F"] for number, name in enumerate(names))
    return folder


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory):
    """The folder of an unbroken run."""
    out = tmp_path_factory.mktemp("whole")
    counts = run_preprocess([folder / "table.csv"], out, settings=SMALL)
    assert (counts.inputs, counts.done, counts.failed) == (8, 8, 2)
    return out


def rows(out):
    return pyarrow.parquet.read_table(out / "manifest.parquet").to_pylist()


def images(out):
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.glob("images/**/*") if path.is_file()}


@pytest.mark.parametrize("region", ["masked", "crop", "whole"])
@pytest.mark.parametrize("name", ["lctsc-S1-101-hu.tif", "covid19-ny-sbu-A002304.png"])
def test_slices_are_what_the_classifier_sees(region, name):
    scan, lungs = find_lungs(open_segmenter(), read_scan(SLICES / name))
    expected, box = RoiPreprocessing(region=region)(scan.pixels[0], scan.intensity, lungs.mask[0])
    (found,) = preprocess(SLICES / name, PreprocessSettings(region=region))
    np.testing.assert_array_equal(found.pixels, expected)
    assert (found.box, found.shape, found.intensity) == (box, scan.shape[1:], scan.intensity)
    assert found.lung_fraction == pytest.approx(lungs.mask.mean())


def test_without_size_and_stretch_the_region_is_slice_times_mask(volume):
    scan, lungs = find_lungs(open_segmenter(), read_scan(volume, intensity="hu"))
    settings = PreprocessSettings(size=None, stretch=False, window=(-1200, 200))
    found = list(preprocess(volume, settings, lungs=SegmenterSettings(intensity="hu")))
    assert [one.index for one in found] == [1, 2, 3]
    for one in found:
        undone = np.zeros(one.shape, np.float32)
        undone[one.box] = one.pixels
        inside = lungs.mask[one.index]
        np.testing.assert_array_equal(undone > 0, inside & (scan.pixels[one.index] > -1200))
        hounsfield = np.clip(scan.pixels[one.index], -1200, 200)
        np.testing.assert_allclose(undone[inside] * 1400 - 1200, hounsfield[inside], atol=1e-3)


def test_slices_are_left_out_on_request(volume):
    def kept(**settings):
        found = preprocess(volume, PreprocessSettings(size=16, **settings), lungs=SegmenterSettings(intensity="hu"))
        return [(one.index, "no-slice-kept" in one.warnings) for one in found]

    assert kept(every=2) == [(2, False)]
    assert kept(region="whole") == [(index, False) for index in range(4)]
    assert kept(region="whole", min_lung=0.01) == [(index, False) for index in range(1, 4)]
    assert kept(min_lung=0.9) == [(None, True)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"window": (400, -1000)},
        {"region": "erased"},
        {"min_lung": 2},
        {"every": 0},
        {"format": "jpeg"},
        {"margin": -1},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PreprocessSettings(**wrong)


@pytest.mark.parametrize(
    ("form", "error"), [("png", 1 / 510), ("png16", 1 / 131070), ("npy16", 2**-12), ("npy32", 0), ("tiff", 0)]
)
def test_formats_round_trip(tmp_path, form, error):
    assert form in FORMATS
    pixels = np.random.default_rng(0).random((20, 30), dtype=np.float32)
    pixels[0, :2] = 0, 1
    found = read_slice(write_slice(tmp_path, "a", pixels, form))
    assert (found.dtype, found.shape) == (np.float32, (20, 30))
    np.testing.assert_array_equal(found[0, :2], [0, 1])
    np.testing.assert_allclose(found, pixels, rtol=0, atol=error + 1e-7)


def test_other_files_are_refused_as_slices(tmp_path):
    with pytest.raises(ValueError, match="is not a slice"):
        read_slice(tmp_path / "a.jpg")


def test_generator_continues_after_unreadable_inputs(folder, volume):
    given = iter([folder / "nothing.png", volume[1], folder / "table.csv"])
    missing, array, *listed = preprocess(given, SMALL, lungs=SegmenterSettings(intensity="hu"))
    assert "does not exist" in missing.error
    assert missing.pixels is None
    assert array.pixels.shape == (48, 48)
    assert {one.extra["patient"] for one in listed} == {"000", "001", "002", "003"}
    assert listed[0].extra["file"] == "F"


def test_files_equal_the_slices_of_the_generator(folder, whole):
    found = list(preprocess(folder / "table.csv", SMALL))
    written = rows(whole)
    assert [one.source for one in found] == [row["source"] for row in written]
    assert len(found) == 3 + 1 + 1 + 3 + 1 + 1  # pictures, unreadable, black, volume, fifth, missing
    for one, row in zip(found, written, strict=True):
        assert (row["error"], row["hash"], row["slice_index"]) == (one.error, one.hash, one.index)
        assert (row["patient"], row["input_file"]) == (one.extra["patient"], "F")
        assert (row["file"] is None) == (one.pixels is None)
        if one.pixels is not None:
            assert row["warnings"] == list(one.warnings)
            box = slice(row["box_top"], row["box_bottom"]), slice(row["box_left"], row["box_right"])
            assert (box, (row["slice_height"], row["slice_width"])) == (one.box, one.shape)
            np.testing.assert_allclose(read_slice(whole / row["file"]), one.pixels, atol=1 / 509)
    black = next(row for row in written if row["source"].endswith("4.png"))
    assert black["warnings"] == ["no-lung", "no-slice-kept"]


def test_manifests_agree(whole):
    with (whole / "manifest.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    for words, row in zip(table, rows(whole), strict=True):
        assert (words["source"], words["patient"], words["file"]) == (row["source"], row["patient"], row["file"] or "")
        assert words["warnings"] == ";".join(row["warnings"] or [])


def test_slices_of_a_volume_keep_their_positions():
    found = list(preprocess(ROOT / "examples" / "series", SMALL))
    assert [(one.index, one.position_mm) for one in found] == [(index, 24.0 * index) for index in range(5)]


@pytest.mark.parametrize("call", [2, 6])
def test_a_batch_killed_anywhere_resumes(tmp_path, folder, whole, call):
    """The process dies, as if by SIGKILL, while it is writing one of the slices."""
    code = f"""
import itertools, os
from lungct.pipeline.preprocess import PreprocessSettings, job
from lungct.pipeline.settings import SegmenterSettings
calls, write = itertools.count(1), job.write_slice
def dying(folder, stem, pixels, form):
    path = write(folder, stem, pixels, form)
    if next(calls) == {call}:
        os.truncate(path, 20)
        os._exit(9)
    return path
job.write_slice = dying
inputs, one = [{str(folder / "table.csv")!r}], SegmenterSettings(threads=1)
job.run_preprocess(inputs, {str(tmp_path)!r}, settings=PreprocessSettings(size=48), lungs=one)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    complete = images(whole)
    assert images(tmp_path).items() < complete.items()  # only whole files
    assert not (tmp_path / "manifest.parquet").exists()
    counts = run_preprocess([folder / "table.csv"], tmp_path, settings=SMALL)
    assert counts.before + counts.done == 8
    assert rows(tmp_path) == rows(whole)
    assert images(tmp_path) == complete
    assert not list(tmp_path.glob(".lungct/*/work/*"))


def test_a_full_disk_stops_the_run_and_it_resumes(tmp_path, folder, whole, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(preprocess_job, "write_slice", full)
        with pytest.raises(OSError, match="No space"):
            run_preprocess([folder / "table.csv"], tmp_path, settings=SMALL)
    assert not images(tmp_path)
    run_preprocess([folder / "table.csv"], tmp_path, settings=SMALL)
    assert rows(tmp_path) == rows(whole)


def test_shards_together_are_the_whole_run(tmp_path, folder, whole):
    for number in (1, 2, 3):
        run_preprocess([folder / "table.csv"], tmp_path, settings=SMALL, shard=(number, 3))
        assert not (tmp_path / "manifest.parquet").exists()
    assert run_preprocess([folder / "table.csv"], tmp_path, settings=SMALL).done == 0
    assert rows(tmp_path) == rows(whole)
    assert images(tmp_path) == images(whole)


def test_other_settings_are_refused_and_redo_deletes_only_its_own_files(tmp_path, folder):
    run_preprocess([folder / "0.png"], tmp_path, settings=SMALL)
    (old,) = images(tmp_path)
    (tmp_path / "images" / "mine.png").write_bytes(b"mine")
    other = PreprocessSettings(size=48, format="npy16")
    with pytest.raises(StoreError, match="format: png then, npy16 now"):
        run_preprocess([folder / "0.png"], tmp_path, settings=other)
    run_preprocess([folder / "0.png"], tmp_path, settings=other, redo=True)
    assert set(images(tmp_path)) == {old.replace(".png", ".npy"), "images/mine.png"}
    assert [row["file"] for row in rows(tmp_path)] == [old.replace(".png", ".npy")]


def test_command_and_example(tmp_path, folder):
    def invoke(*arguments):
        given = ["preprocess", str(folder / "table.csv"), "--out", str(tmp_path), *arguments]
        return CliRunner().invoke(app, given, env={"COLUMNS": "250"})

    done = invoke("--size", "0", "--window", "-1200", "200", "--group-by", "patient", "--split", "0.5,0.25,0.25")
    assert done.exit_code == 1  # two inputs can't be read
    assert "7 slices in" in done.output
    assert "missing.png: does not exist" in done.output
    assert {row["split"] for row in rows(tmp_path)} <= {"train", "val", "test"}
    assert "near" in invoke("--near", "300").output
    assert "shares" in invoke("--split", "0.5,0.6").output
    assert "not 'a,b'" in invoke("--split", "a,b").output
    assert "patient, input_file" in invoke("--group-by", "nobody").output
    example = [sys.executable, ROOT / "examples" / "train_on_preprocessed.py", tmp_path, "--label", "patient"]
    run = subprocess.run(example, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "train" in run.stdout
