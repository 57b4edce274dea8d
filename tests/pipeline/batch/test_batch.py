"""Batches: rows, files, interruption, refusal."""

import csv
import errno
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import fsspec
import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image
from typer.testing import CliRunner

from lungct.pipeline import Pipeline
from lungct.pipeline.batch import COLUMNS, BatchSettings, StoreError, run_batch
from lungct.pipeline.batch import predictor as row_module
from lungct.pipeline.batch.journal import Store
from lungct.pipeline.commands.cli import app

from ...conftest import SLICES, make_chest

TIMES = ("read_ms", "predict_ms", "write_ms")


def rows(folder):
    table = pyarrow.parquet.read_table(folder / "predictions").to_pylist()
    return {row["key"]: {name: value for name, value in row.items() if name not in TIMES} for row in table}


def invoke(*arguments):
    return CliRunner().invoke(app, ["batch", *map(str, arguments)], env={"COLUMNS": "250"})


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Twelve small synthetic chests, two of them unreadable."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(12):
        grey = np.clip((make_chest(seed=number)[0] + 1000) / 1400, 0, 1)
        Image.fromarray(np.rint(grey * 255).astype(np.uint8)).save(folder / f"{number:02d}.png")
    (folder / "05.png").write_bytes(b"words")
    (folder / "07.png").write_bytes((folder / "06.png").read_bytes()[:300])
    return folder


@pytest.fixture(scope="module")
def whole(pictures, tmp_path_factory):
    """All rows of an unbroken run."""
    folder = tmp_path_factory.mktemp("whole")
    counts = run_batch([pictures], folder)
    assert (counts.inputs, counts.done, counts.failed, counts.before) == (12, 12, 2, 0)
    return rows(folder)


def test_rows_equal_the_answers_of_predict(whole, tmp_path):
    done = invoke(SLICES, "--out", tmp_path, "--masks", "auto", "--rois", "--overlays")
    assert done.exit_code == 0, done.output
    found = {row["source"]: row for row in rows(tmp_path).values()}
    for prediction in Pipeline.from_pretrained().stream(sorted(SLICES.iterdir())):
        row = found[prediction.source]
        assert (row["label"], row["warnings"], row["slices"]) == (prediction.label, list(prediction.warnings), 1)
        assert row["probability"] == pytest.approx(prediction.probability, abs=1e-5)
        assert row["lung_fraction"] == pytest.approx(prediction.lung_fraction, abs=1e-5)
        mask = next(tmp_path / name for name in row["files"] if name.endswith("_mask.png"))
        assert (np.asarray(Image.open(mask)) > 0).mean() == pytest.approx(row["lung_fraction"])
        assert len(row["files"]) == 4
        assert all((tmp_path / name).stat().st_size for name in row["files"])
    assert set(next(iter(whole.values()))) == set(COLUMNS) - set(TIMES)


def test_run_record_contains_settings_and_versions(tmp_path, pictures):
    run_batch([pictures / "00.png", pictures / "05.png"], tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["settings"]["provenance"]["segmenter"]["sha256"]
    assert record["inputs"]["count"] == 2
    assert record["inputs"]["failed"] == 1
    (session,) = record["sessions"]
    assert session["done"] == 2
    assert session["machine"]["threads"] >= 1


def test_bad_inputs_are_rows(whole, pictures):
    errors = {Path(row["source"]).name: row["error"] for row in whole.values() if row["error"]}
    assert set(errors) == {"05.png", "07.png"}
    assert all(str(pictures) in error for error in errors.values())
    assert {row["label"] for row in whole.values() if not row["error"]} == {"indeterminate"}  # synthetic, not real


def test_a_batch_killed_anywhere_resumes(tmp_path, pictures, whole):
    command = [
        sys.executable,
        "-m",
        "lungct.pipeline.commands.cli",
        "batch",
        str(pictures),
        "--out",
        str(tmp_path),
        "--threads",
        "1",
    ]
    journal = tmp_path / ".lungct" / "predictions-1of1" / "journal.jsonl"
    for rows_there in (0, 2, 5):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while not journal.exists() or journal.read_bytes().count(b"\n") < rows_there:
            time.sleep(0.02)
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert subprocess.run(command, capture_output=True, check=False).returncode in (0, 1)
    assert len(json.loads((tmp_path / "run.json").read_text())["sessions"]) > 1
    found = pyarrow.parquet.read_table(tmp_path / "predictions").to_pylist()
    assert len(found) == len({row["key"] for row in found}) == len(whole)
    for key, row in rows(tmp_path).items():
        assert row["error"] == whole[key]["error"]
        assert row["probability"] == pytest.approx(whole[key]["probability"], abs=1e-5)


def test_sigterm_ends_with_one_line_and_finished_rows_stay(tmp_path, pictures, whole):
    command = [
        sys.executable,
        "-m",
        "lungct.pipeline.commands.cli",
        "batch",
        *[str(pictures)] * 30,
        "--out",
        str(tmp_path),
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    journal = tmp_path / ".lungct" / "predictions-1of1" / "journal.jsonl"
    while not journal.exists() or journal.stat().st_size < 3000:
        time.sleep(0.05)
        assert process.poll() is None
    process.terminate()
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "run the same command again" in said
    assert "Traceback" not in said
    with Store(tmp_path, COLUMNS) as store:
        assert len(store.done) >= 3


def test_shards_together_are_the_whole(tmp_path, pictures, whole):
    for number in (1, 2, 3):
        run_batch([pictures], tmp_path, shard=(number, 3))
    assert set(rows(tmp_path)) == set(whole)
    assert len(list(tmp_path.glob("run-*of3.json"))) == 3
    assert invoke(pictures, "--out", tmp_path, "--shard", "4/3").exit_code == 2
    again = invoke(pictures, "--out", tmp_path, "--shard", "1/3")
    assert "0 inputs" in again.output
    assert again.exit_code == int(any(row["error"] for row in part_rows(tmp_path, "1of3")))


def part_rows(folder, part):
    (path,) = (folder / "predictions").glob(f"part-{part}-*.parquet")
    return pyarrow.parquet.read_table(path).to_pylist()


def test_other_settings_are_refused_or_redone(tmp_path, pictures):
    run_batch([pictures / "00.png"], tmp_path)
    with pytest.raises(StoreError, match="intensity: not given then, display now"):
        run_batch([pictures / "00.png"], tmp_path, BatchSettings(intensity="display"))
    refused = invoke(pictures / "00.png", "--out", tmp_path, "--rois")
    assert refused.exit_code == 1
    assert "settings rois: False then, True now" in refused.output
    assert run_batch([pictures / "00.png"], tmp_path, BatchSettings(intensity="display"), redo=True).done == 1
    assert len(rows(tmp_path)) == 1


def test_records_that_call_the_weights_model_can_be_resumed(tmp_path, pictures):
    run_batch([pictures / "00.png"], tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    record["settings"]["model"] = record["settings"].pop("provenance")
    (tmp_path / "run.json").write_text(json.dumps(record))
    assert run_batch([pictures / "00.png"], tmp_path).done == 0
    assert "provenance" in json.loads((tmp_path / "run.json").read_text())["settings"]
    record["settings"]["model"]["segmenter"]["sha256"] = "0" * 64
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(StoreError, match=f"provenance segmenter sha256: {'0' * 64} then"):
        run_batch([pictures / "00.png"], tmp_path)


def test_columns_of_tables_are_carried_through(tmp_path, pictures):
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "patient"], [pictures / "00.png", "007"], ["gone.png", "008"]])
    counts = run_batch([tmp_path / "t.csv"], tmp_path / "out")
    assert (counts.done, counts.failed) == (2, 1)
    assert {row["patient"]: bool(row["error"]) for row in rows(tmp_path / "out").values()} == {
        "007": False,
        "008": True,
    }


def test_inputs_behind_urls_are_named_by_them(tmp_path, pictures):
    memory = fsspec.filesystem("memory")
    for name in ("00.png", "05.png"):
        memory.pipe(f"/bucket/{name}", (pictures / name).read_bytes())
    try:
        counts = run_batch(["memory://bucket/00.png", "memory://bucket/05.png", "memory://bucket/x.png"], tmp_path)
    finally:
        memory.rm("/bucket", recursive=True)
    assert (counts.done, counts.failed) == (3, 2)
    found = {row["source"]: row for row in rows(tmp_path).values()}
    assert found["memory:///bucket/00.png"]["probability"] is not None
    assert found["memory:///bucket/05.png"]["error"].startswith("memory:///bucket/05.png: ")
    assert "can't be downloaded" in found["memory:///bucket/x.png"]["error"]


def test_a_full_disk_stops_the_batch_with_one_line_and_it_resumes(tmp_path, pictures, monkeypatch):
    calls = []

    def full(path):
        calls.append(path)
        if len(calls) > 8:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patched:
        patched.setattr("lungct.common.whole_files.synchronise", full)
        stopped = invoke(pictures, "--out", tmp_path, "--masks", "auto", "--threads", "1")
    assert stopped.exit_code == 1
    assert "No space left on device" in stopped.output
    for path in (tmp_path / "files").rglob("*.png"):
        np.asarray(Image.open(path))  # whole
    counts = run_batch([pictures], tmp_path, BatchSettings(masks="auto"))
    assert 0 < counts.before < 12
    assert len(rows(tmp_path)) == 12


def test_results_among_the_inputs_are_ignored(tmp_path, pictures):
    for name in ("00.png", "01.png"):
        (tmp_path / name).write_bytes((pictures / name).read_bytes())
    for before in (0, 2):
        counts = run_batch([tmp_path], tmp_path / "results", BatchSettings(masks="png", overlays=True))
        assert (counts.inputs, counts.before) == (2, before)


def test_a_changed_table_is_noticed(tmp_path, pictures):
    table = tmp_path / "t.csv"
    table.write_text(f"path,patient\n{pictures / '00.png'},1\n")
    run_batch([table], tmp_path / "out")
    table.write_text(f"path,patient\n{pictures / '00.png'},1\n{pictures / '01.png'},2\n")
    assert run_batch([table], tmp_path / "out").done == 1
    table.write_text(f"path,patient\n{pictures / '00.png'},3\n{pictures / '01.png'},2\n")
    with pytest.raises(StoreError, match="patient"):
        run_batch([table], tmp_path / "out")


def test_redo_deletes_only_its_own_results(tmp_path, pictures):
    (tmp_path / "run_config.json").write_text("{}")
    run_batch([pictures / "00.png"], tmp_path, BatchSettings(masks="png"))
    made = [*(tmp_path / "files").rglob("*.png")]
    assert len(made) == 2  # lungs and infection
    run_batch([pictures / "00.png"], tmp_path, redo=True)
    assert not [path for path in made if path.exists()]
    assert (tmp_path / "run_config.json").exists()


def test_an_input_that_vanishes_is_a_row(tmp_path, pictures, monkeypatch):
    doomed = tmp_path / "doomed.png"
    doomed.write_bytes((pictures / "00.png").read_bytes())
    read = row_module.read_scan

    def vanish(source, **options):
        if source == doomed:
            doomed.unlink()
        return read(source, **options)

    monkeypatch.setattr(row_module, "read_scan", vanish)
    counts = run_batch([doomed, pictures / "01.png"], tmp_path / "out")
    assert (counts.done, counts.failed) == (2, 1)


def test_json_logs_are_json(tmp_path, pictures):
    done = invoke(pictures, "--out", tmp_path, "--json-logs")
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert [line["event"] for line in lines if line["event"] != "progress"] == ["start", "failed", "failed", "end"]
    assert lines[-1]["done"] == 12
    assert lines[-1]["failed"] == 2
