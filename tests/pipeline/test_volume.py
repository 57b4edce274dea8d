"""Volumes from end to end: trained by the command, classified by the pipeline and on the command line."""

import csv
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from lungct.classify import VolumeClassifier, VolumePreprocessing
from lungct.pipeline import Pipeline
from lungct.pipeline.commands.cli import app
from lungct.pipeline.service.wire import pack, unpack
from lungct.sources import Scan, SourceError, read_scan
from lungct.sources.nifti import write_nifti
from lungct.weights import load_card

from ..conftest import ROOT, SHARED, eager_training, make_chest

SERIES = ROOT / "examples" / "series"


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def write_chest(path, covid, seed):
    rng = np.random.default_rng(seed)
    slices = [make_chest(96, 112, seed * 10 + index) for index in range(4)]
    hu, lungs = (np.stack(parts) for parts in zip(*slices, strict=True))
    if covid:
        hu[lungs & (rng.random(hu.shape) < 0.5)] = -300
    path.parent.mkdir(parents=True, exist_ok=True)
    write_nifti(path, np.rint(hu).astype(np.int16), Scan(hu, "hu", (8.0, 3.0, 3.0)))


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    """Train on NIfTI volumes whose lungs the shipped segmenter finds."""
    folder = tmp_path_factory.mktemp("volumes")
    for number in range(12):
        covid = number % 2 == 0
        write_chest(folder / "data" / ("COVID" if covid else "NonCOVID") / f"{number}.nii.gz", covid, number)
    with eager_training():
        result = run(
            "train", "volume", "--data", folder / "data", "--out", folder / "run", "--size", "8x16x16", "--filters", 4,
            "--epochs", 2, "--batch", 4, "--learning-rate", 0.01, "--validation-share", 0.34, "--weights-version", "7",
        )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "The network and its card are in" in result.output
    return folder / "run" / "cnn3d-covid.json"


@pytest.fixture(scope="module")
def both(pipe, card):
    return Pipeline(pipe.segmenter, pipe.classifier, volume_classifier=VolumeClassifier.from_card(card))


@pytest.mark.train
def test_the_command_writes_everything_needed(card):
    found = load_card(card)
    assert (found.name, found.version) == ("cnn3d-covid", "7")
    assert found.architecture == {"shape": [8, 16, 16], "filters": 4, "dropout": 0.3}
    assert VolumePreprocessing.from_dict(found.preprocessing) == VolumePreprocessing((8, 16, 16))
    assert found.metrics["validation"]["data"]["n"] == 4
    assert found.metrics["segmenter"] == load_card("bcdunet-lung").sha256
    assert (card.parent / "history.png").exists()


@pytest.mark.train
def test_a_series_is_classified_as_a_whole(pipe, both, card):
    slices, whole = pipe.predict(SERIES), both.predict(SERIES)
    assert slices.aggregation == "lung-weighted mean"
    assert whole.aggregation == "volume classifier"
    own = VolumeClassifier.from_card(card)
    assert whole.probability == own.probability(read_scan(SERIES), whole.lung_mask)
    assert whole.threshold == own.threshold
    assert whole.label == ("COVID" if whole.probability >= own.threshold else "non-COVID")
    assert (whole.interval, whole.prediction_set) == (None, ())
    assert whole.provenance["volume_classifier"]["version"] == "7"
    np.testing.assert_array_equal(whole.slice_probabilities, slices.slice_probabilities)
    np.testing.assert_array_equal(whole.heatmap, slices.heatmap)
    assert whole.to_dict()["aggregation"] == "volume classifier"
    assert unpack(pack(whole), whole.source).aggregation == "volume classifier"
    assert "volume_classifier" not in pipe.provenance


@pytest.mark.train
def test_a_picture_is_still_classified_by_the_slice_classifier(pipe, both, covid_slice):
    one, other = pipe.predict(covid_slice), both.predict(covid_slice)
    assert (one.probability, one.threshold, one.interval) == (other.probability, other.threshold, other.interval)
    assert one.aggregation == other.aggregation == "slice"


@pytest.mark.train
def test_a_volume_without_lung_or_unlike_the_training_data_is_refused(both):
    nothing = both.predict(np.full((3, 64, 64), -1000, np.int16))
    assert (nothing.label, nothing.probability) == ("indeterminate", None)
    noise = np.random.default_rng(0).normal(-500, 400, (3, 128, 128)).astype(np.float32)
    refused = both.predict(noise, intensity="hu")
    assert refused.label == "indeterminate"


@pytest.mark.train
def test_isotropic_networks_need_a_spacing_and_streams_continue(pipe, card):
    own = VolumeClassifier.from_card(card)
    own.preprocess = VolumePreprocessing((8, 16, 16), sampling="isotropic")
    both = Pipeline(pipe.segmenter, pipe.classifier, volume_classifier=own)
    bare = Scan(read_scan(SERIES).pixels, "hu", source="bare")
    with pytest.raises(SourceError, match=r"bare.*does not give its spacing"):
        both.predict(bare)
    failed, good = both.stream([bare, SERIES])
    assert "does not give its spacing" in failed.error
    assert failed.aggregation is None
    assert good.probability is not None


@pytest.mark.train
def test_predict_on_the_command_line(card, tmp_path):
    result = run("predict", SERIES, "--volume-classifier", card, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    with (tmp_path / "predictions.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["aggregation"] == "volume classifier"
    assert row["interval_low"] == row["prediction_set"] == ""
    wrong = run("predict", SERIES, "--volume-classifier", ROOT / "weights" / "efficientnetb0-covid.json")
    assert wrong.exit_code == 1
    assert "is not a volume classifier" in " ".join(wrong.output.split())


@pytest.mark.train
def test_the_example_in_the_documentation_runs(card, tmp_path):
    page = (ROOT / "docs" / "training-volume.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "run").symlink_to(card.parent)
    done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.train
def test_mistakes_are_wrong_usage(tmp_path):
    def wrong(*options):
        result = run("train", "volume", "--data", tmp_path, "--out", tmp_path / "run", *options)
        assert result.exit_code == 2
        return " ".join(result.output.replace("│", " ").split())

    assert "64x128x128" in wrong("--size", "64x128")
    assert "64x128x128" in wrong("--size", "4x64x64")
    assert "has no grades" in wrong("--grade", 1)
    assert "is missing" in wrong()
    (tmp_path / "CT-0").mkdir()
    assert "holds no studies" in wrong()
    for number in range(3):
        (tmp_path / "CT-0" / f"study_{number:04d}.nii.gz").write_bytes(b"")
    assert "no COVID volumes" in wrong()
    assert "at least 1" in wrong("--gamma", 0.5)


def test_help_explains_the_command():
    shown = " ".join(run("train", "volume", "--help").output.replace("│", " ").split())
    for words in (
        "MosMedData",
        "--grade",
        "skipped.csv",
        "cnn3d-covid.json",
        "64x128x128",
        "resumed by the same command",
    ):
        assert words in shown
    assert "--volume-classifier" in run("predict", "--help").output


@pytest.mark.train
@pytest.mark.shared
@pytest.mark.parametrize("name", ["lctsc-nifti/LCTSC-Test-S1-101.nii.gz", "lung-pet-ct-dx-dicom/series-B40f"])
def test_real_volumes_get_an_answer(both, name):
    found = both.predict(SHARED / name)
    assert 0 < found.probability < 1
    assert found.aggregation == "volume classifier"
    json.dumps(found.to_dict())
