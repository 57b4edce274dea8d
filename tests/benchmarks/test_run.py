"""`make bench`, quickly: everything is timed, every table is written and every figure plotted."""

import json
import subprocess
import sys

import pytest

from ..conftest import ROOT

SECTIONS = {
    "machine", "processes", "install", "peak", "networks", "stages", "series", "rival", "recipe", "batches", "threads",
    "counts", "targets",
}  # fmt: skip

DRAWN = ("networks", "stages", "series", "batches", "threads", "counts")


def start(*words):
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.train
def test_everything_is_measured_and_plotted(tmp_path):
    figures, page = tmp_path / "figures.json", tmp_path / "page.md"
    start("benchmarks/run.py", "--quick", "--out", figures)
    kept = json.loads(figures.read_text())
    assert kept["quick"]
    assert set(kept["sections"]) == SECTIONS
    rows = {row["run by"]: row for row in kept["sections"]["networks"]["rows"]}
    assert rows["OpenVINO f32"]["unlike Keras"] < 1e-3
    (other,) = [row for row in kept["sections"]["rival"]["rows"] if row["what"].startswith("lungmask")]
    assert "not installed" in other["skipped"] or other["ms a slice"]  # speed/lungmask_unet.py answered
    assert "times as fast" in kept["sections"]["recipe"]["rows"][0]
    start("benchmarks/plot.py", "--figures", figures, "--page", page)
    assert "| target |" in page.read_text()
    assert {path.name for path in tmp_path.glob("*.png")} == {f"performance-{name}.png" for name in DRAWN}
