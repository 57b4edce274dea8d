"""``lungct evaluate lesions``, from folders to the page."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from lungct.classify import Classifier, Evidence
from lungct.lungseg import LungSegmenter, find_lungs
from lungct.pipeline.commands.cli import app
from lungct.sources import read_scan

from ...conftest import SLICES


def run(*arguments):
    return CliRunner().invoke(app, ["evaluate", "lesions", *(str(argument) for argument in arguments)])


def unwrapped(result):
    """Return what a command printed without frames, ends of lines and other blanks, as paths are long."""
    return re.sub(r"[│\s]", "", result.output)


@pytest.fixture
def bright_map(monkeypatch):
    """Let the shipped classifier call every bright place infected, whether or not it has a map."""
    own = Classifier.classify

    def classify(self, scan, masks, explain="lesions"):
        whole = tuple(slice(0, length) for length in scan.shape[1:])
        lesions = tuple(Evidence(20 * (pixels - 0.5), whole) for pixels in scan.pixels)
        return replace(own(self, scan, masks), lesions=lesions, lesion_threshold=0.5)

    monkeypatch.setattr(Classifier, "classify", classify)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two slices, infected where the lungs are bright; drawn lungs without their upper half."""
    root = tmp_path_factory.mktemp("set")
    for name in ("ct", "lungs", "infections"):
        (root / name).mkdir()
    segmenter = LungSegmenter()
    for path in sorted(SLICES.glob("lung-pet-ct-dx*.png"))[:2]:
        scan, found = find_lungs(segmenter, read_scan(path))
        lungs = found.mask[0]
        Image.open(path).save(root / "ct" / path.name)
        Image.fromarray(lungs & (scan.pixels[0] >= 0.5)).save(root / "infections" / path.name)
        Image.fromarray(lungs & (np.indices(lungs.shape)[0] > lungs.shape[0] // 2)).save(root / "lungs" / path.name)
    return root


@pytest.mark.usefixtures("bright_map")
def test_masks_of_the_map_itself_agree_in_the_lungs_that_stage_1_finds(folders, tmp_path):
    result = run("--images", folders / "ct", "--masks", folders / "infections", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "report.json").read_text())
    ((name, found),) = report["data_sets"].items()
    assert (found["slices"], found["patients"], found["slices_without_lung"]) == (2, 2, 0)
    figures = found["figures"]
    assert figures["dice"]["value"] == figures["auroc"]["value"] == figures["lesions_hit"]["value"] == 1
    assert figures["share_error"]["value"] == 0
    assert "stage 1 finds" in report["lungs"][name]
    assert re.search(r"Dice +│ 1.000 \(no interval\) │ 2 +│ 2 ", result.output)
    assert re.search(r"small lesions hit +│ 1.000 \(no interval\) │ 2 +│ 2 +│ \d+ ", result.output)


@pytest.mark.usefixtures("bright_map")
def test_drawn_lungs_are_measured_in_and_infection_outside_is_missed(folders, tmp_path):
    table = tmp_path / "patients.csv"
    table.write_text("file,patient\n" + "\n".join(f"{path.name},same" for path in (folders / "ct").iterdir()))
    result = run(
        "--images", folders / "ct", "--masks", folders / "infections", "--lungs", folders / "lungs",
        "--patients", table, "--out", tmp_path / "out",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    ((name, found),) = report["data_sets"].items()
    assert found["patients"] == 1
    assert 0 < found["figures"]["sensitivity"]["value"] < 1
    assert found["figures"]["precision"]["value"] == 1
    assert "drawn by people" in report["lungs"][name]


@pytest.mark.usefixtures("bright_map")
def test_a_missing_mask_is_named(folders, tmp_path):
    (tmp_path / "masks").mkdir()
    first, second = sorted((folders / "infections").iterdir())
    (tmp_path / "masks" / first.name).write_bytes(first.read_bytes())
    for lungs in ((), ("--lungs", folders / "lungs")):
        result = run("--images", folders / "ct", "--masks", tmp_path / "masks", *lungs, "--out", tmp_path / "out")
        assert result.exit_code == 2
        assert second.stem in unwrapped(result)
        assert "hasnomask" in unwrapped(result)


@pytest.mark.usefixtures("bright_map")
def test_other_sizes_and_numbers_of_folders_are_wrong_usage(folders, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    for path in (folders / "infections").iterdir():
        Image.new("1", (40, 40)).save(masks / path.name)
    shape = run("--images", folders / "ct", "--masks", masks, "--out", tmp_path / "out")
    assert (shape.exit_code, "shape(1,40,40)" in unwrapped(shape)) == (2, True)
    twice = run("--images", folders / "ct", "--masks", masks, "--masks", masks, "--out", tmp_path / "out")
    assert (twice.exit_code, "onceforeach" in unwrapped(twice)) == (2, True)


def test_a_classifier_without_a_map_is_refused(folders, tmp_path, monkeypatch):
    own = Classifier.classify
    monkeypatch.setattr(Classifier, "classify", lambda *given: replace(own(*given), lesions=()))
    result = run("--images", folders / "ct", "--masks", folders / "infections", "--out", tmp_path)
    assert (result.exit_code, "nomapofinfection" in unwrapped(result)) == (2, True)
