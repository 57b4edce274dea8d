"""Batches on a Ray cluster: two nodes of one processor each, on this machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ray")

import pyarrow
import pyarrow.parquet
import ray
from ray.cluster_utils import Cluster

from lungct.common.optional import MissingPackageError
from lungct.pipeline.batch import BatchSettings, run_batch
from lungct.pipeline.batch.listing import Item, list_items
from lungct.pipeline.cluster.attempts import TRIES, attempt
from lungct.pipeline.cluster.predict import GROUP, grouped, on_ray, predict_dataset
from lungct.pipeline.cluster.values import item_of
from lungct.pipeline.settings import PipelineSettings
from lungct.sources import read_scan

from ...conftest import ROOT, SLICES

SERIES = ROOT / "examples" / "series"
SMALL = {"include_dashboard": False, "object_store_memory": 100 << 20}
TIMES = ("read_ms", "predict_ms", "write_ms")

needs_proc = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds processes in /proc")


@pytest.fixture(scope="module")
def cluster():
    before = signal.getsignal(signal.SIGTERM)
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **SMALL})
    nodes.add_node(num_cpus=1, object_store_memory=SMALL["object_store_memory"])
    nodes.wait_for_nodes()
    yield nodes.address
    ray.shutdown()
    nodes.shutdown()
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A table of pictures, a series, a volume and unreadable files, with its own column."""
    import nibabel

    folder = tmp_path_factory.mktemp("inputs")
    (folder / "bad.png").write_bytes(b"no picture")
    volume = np.random.default_rng(0).normal(-800, 100, (48, 64, 3)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(volume, np.diag([1, 1, 5, 1])), folder / "volume.nii.gz")
    pictures = sorted(SLICES.iterdir())
    paths = [*pictures, folder / "bad.png", folder / "missing.png", folder / "volume.nii.gz", SERIES, *pictures[:2]]
    lines = [f"{path},{number:03}" for number, path in enumerate(paths)]
    (folder / "inputs.csv").write_text("\n".join(["path,patient", *lines]) + "\n")
    return folder / "inputs.csv"


@pytest.fixture(scope="module")
def local(table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("local")
    run_batch([table], folder, BatchSettings(masks="auto"))
    return folder


def rows_of(folder):
    rows = pyarrow.parquet.read_table(folder / "predictions").to_pylist()
    return {row["key"]: {name: row[name] for name in row if name not in TIMES} for row in rows}, len(rows)


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in (folder / "files").rglob("*") if path.is_file()}


def assert_same(folder, expected):
    rows, count = rows_of(folder)
    wanted, _ = rows_of(expected)
    assert count == len(rows) == len(wanted)
    for key, row in wanted.items():
        found = rows[key]
        assert found.pop("probability") == pytest.approx(row.pop("probability"), abs=1e-6)
        assert found == row
    assert files_of(folder) == files_of(expected)


def actors():
    """Return the processes of actors that hold networks."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            line = (place / "cmdline").read_bytes()
        except OSError:  # it ended meanwhile
            continue
        if line.startswith(b"ray::") and b"Judge" in line:
            found.append(int(place.name))
    return found


@needs_proc
def test_a_killed_actor_changes_nothing(cluster, table, local, tmp_path):
    killed = []

    def kill():
        journal = tmp_path / ".lungct" / "predictions-1of1" / "journal.jsonl"
        while not (journal.exists() and journal.read_bytes().count(b"\n") >= 2):
            time.sleep(0.05)
        for process in actors()[:1]:
            os.kill(process, signal.SIGKILL)
            killed.append(process)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    counts = run_batch([table], tmp_path, BatchSettings(masks="auto"), workers=on_ray(cluster))
    killer.join(5)
    assert killed
    assert (counts.done, counts.failed) == (13, 2)
    assert_same(tmp_path, local)


@needs_proc
def test_a_batch_killed_on_ray_resumes_without_ray(table, local, tmp_path):
    out = tmp_path / "out"
    script = "import sys; from lungct.pipeline.commands.cli import app; app()"
    command = ["batch", str(table), "--out", str(out), "--masks", "auto", "--ray", "local", "--threads", "1"]
    journal = out / ".lungct" / "predictions-1of1" / "journal.jsonl"
    with subprocess.Popen([sys.executable, "-c", script, *command], stderr=subprocess.PIPE) as process:
        while process.poll() is None and not (journal.exists() and journal.read_bytes().count(b"\n") >= 2):
            time.sleep(0.05)
        process.kill()
        said = process.stderr.read().decode()
    before = journal.read_bytes().count(b"\n")
    assert 2 <= before < 13, said
    counts = run_batch([table], out, BatchSettings(masks="auto"))
    assert (counts.before, counts.done) == (before, 13 - before)
    assert_same(out, local)


def test_a_batch_begun_without_ray_resumes_on_ray(cluster, table, local, tmp_path):
    half = {item.key for item in list_items([table]).items if int(item.key, 16) % 2}
    out = shutil.copytree(local, tmp_path / "out")
    keep_only(out, half)
    counts = run_batch([table], out, BatchSettings(masks="auto"), workers=on_ray(cluster))
    assert (counts.before, counts.done) == (len(half), 13 - len(half))
    assert_same(out, local)
    rows, _ = rows_of(out)
    assert sorted(row["patient"] for row in rows.values()) == [f"{number:03}" for number in range(13)]
    assert not ray.is_initialized()


def keep_only(folder, keys):
    """Turn a finished batch into one that was interrupted when these were done."""
    (part,) = (folder / "predictions").glob("*.parquet")
    rows = pyarrow.parquet.read_table(part)
    kept = rows.filter(pyarrow.array([key in keys for key in rows["key"].to_pylist()]))
    pyarrow.parquet.write_table(kept, part)


def test_predict_dataset(cluster, pipe, covid_slice, monkeypatch):
    monkeypatch.chdir(ROOT)
    pixels = np.random.default_rng(0).normal(-500, 300, (64, 80)).astype(np.float32)
    ray.init(cluster, log_to_driver=False)
    try:
        named = [{"path": str(covid_slice.relative_to(ROOT)), "n": 7}, {"path": "missing.png", "n": 8}]
        ds = predict_dataset(ray.data.from_items(named), actors=1)
        found = {row["n"]: row for row in ds.take_all()}
        arrays = ray.data.from_numpy(pixels[None])
        array = predict_dataset(arrays, PipelineSettings(intensity="hu"), path_column="data", actors=1).take_all()
        with pytest.raises(ValueError, match="no column 'source', only data"):
            predict_dataset(arrays)
    finally:
        ray.shutdown()
    expected = pipe.predict(covid_slice)
    assert [*found[7]] == ["path", "n", "label", "probability", "lung_fraction", "warnings", "error"]
    assert found[7]["probability"] == pytest.approx(expected.probability, abs=1e-6)
    assert (found[7]["label"], found[7]["error"]) == (expected.label, None)
    assert "missing.png: does not exist" in found[8]["error"]
    assert found[8]["label"] is None
    assert array[0]["lung_fraction"] == pytest.approx(pipe.predict(pixels, intensity="hu").lung_fraction)


def test_cells_may_hold_the_content_of_files(covid_slice):
    scan, _ = item_of(covid_slice.read_bytes(), PipelineSettings())[1]()
    np.testing.assert_array_equal(scan.pixels, read_scan(covid_slice).pixels)
    nothing, row = item_of(b"nothing", PipelineSettings())[1]()
    assert nothing is None
    assert row["error"].startswith("bytes: ")


def test_without_ray_it_says_what_to_install(covid_slice, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingPackageError, match=r"Work on a cluster needs ray\. .*\[ray\]"):
        run_batch([covid_slice], tmp_path, workers=on_ray("local"))
    with pytest.raises(MissingPackageError, match=r"Work on a cluster needs ray\. .*\[ray\]"):
        predict_dataset(None)


def test_volumes_are_handed_out_one_at_a_time():
    pictures = [Item(str(number), Path(f"{number}.png")) for number in range(1000)]
    volume = Item("v", Path("v.nii.gz"))
    groups = [*grouped([*pictures[:500], volume, *pictures[500:]], 2)]
    assert [volume] in groups
    assert max(map(len, groups)) == GROUP
    assert sorted(int(item.key) for group in groups for item in group if item is not volume) == [*range(1000)]
    assert [*map(len, grouped(pictures[:8], 2))] == [1] * 8


def test_an_input_that_ends_its_process_is_given_up(tmp_path):
    code = "import os, pathlib, sys; from lungct.pipeline.cluster.attempts import attempt\n"
    code += "with attempt('task', b'it', pathlib.Path(sys.argv[1])) as fit: os._exit(fit)"
    ends = [subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode for _ in range(TRIES)]
    assert ends == [1] * TRIES
    with attempt("task", b"it", tmp_path) as fit:
        assert not fit
    with attempt("task", b"it", tmp_path) as fit:
        assert fit
    assert not [*tmp_path.iterdir()]
