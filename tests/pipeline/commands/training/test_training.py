"""Both training commands on small data, from pictures on disk to networks that the pipeline runs."""

import csv
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from lungct.classify import Classifier
from lungct.classify.network import BACKBONES
from lungct.lungseg import LungSegmenter
from lungct.pipeline import Pipeline
from lungct.pipeline.commands.cli import app
from lungct.sources import SourceError, read_scan
from lungct.weights import load_card

from ....conftest import eager_training, make_chest

pytestmark = pytest.mark.train


def run(*arguments):
    return CliRunner().invoke(app, ["train", *(str(argument) for argument in arguments)])


def small_efficientnet(**options):
    """Return an EfficientNet with one block of each kind, of those that B0 has up to four of."""
    from keras.src.applications.efficientnet import EfficientNet

    return EfficientNet(width_coefficient=1.0, depth_coefficient=0.25, default_size=32, **options)


@contextmanager
def small_classifiers():
    """Build the classifier on a network of less than half the layers: making it and its export takes half the time."""
    import keras

    shallow = BACKBONES["efficientnetb0"]._replace(
        middle="block5a_project_bn",
        fine=("block1a_project_bn", "block2a_project_bn", "block3a_project_bn"),
        deep="block5a_project_bn",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.applications, "EfficientNetB0", small_efficientnet)
        patch.setitem(BACKBONES, "efficientnetb0", shallow)
        yield


def grey(hu):
    return np.rint(np.clip((hu + 1000) / 1400, 0, 1) * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def segmenter_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lungseg")
    for name in ("ct", "lungs", "lesions"):
        (folder / name).mkdir()
    for seed in range(40):
        hu, lungs = make_chest(96, 96 + seed % 20, seed)
        Image.fromarray(lungs & (np.arange(96)[:, None] > 60)).save(folder / "lesions" / f"{seed}.png")
        Image.fromarray(grey(hu)).save(folder / "ct" / f"{seed}.png")
        Image.fromarray(lungs).save(folder / "lungs" / f"{seed}.png")
    result = run(
        "lungseg", "--images", folder / "ct", "--masks", folder / "lungs", "--out", folder / "run", "--size", 32,
        "--ship-size", 48, "--filters", 8, "--epochs", 7, "--batch", 4, "--learning-rate", 0.005,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    return folder / "run"


def test_segmenter_can_be_trained_and_run(segmenter_run):
    with (segmenter_run / "history.csv").open(newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < 0.8 * losses[0]
    card = load_card(segmenter_run / "bcdunet-lung.json")
    assert card.preprocessing["size"] == 48
    assert card.training_data[0]["slices"] == 32
    figures = next(iter(card.metrics["validation"].values()))
    assert figures["slices"] == 8
    assert figures["dice"]["mean"] > 0.5


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("pictures") / "data"
    for name in ("COVID", "NonCOVID"):
        (folder / name).mkdir(parents=True)
        for number in range(54):
            hu, lungs = make_chest(96, 96, number)
            if name == "COVID":
                hu = np.where(lungs & (rng.random(hu.shape) < 0.5), -300, hu)
            Image.fromarray(grey(hu)).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def classifier_run(segmenter_run, pictures):
    with eager_training(), small_classifiers():
        result = run(
            "classify", "--data", pictures, "--out", pictures.parent / "run", "--size", 64, "--epochs", 1,
            "--epoch-size", 32, "--batch", 16, "--segmenter", segmenter_run / "bcdunet-lung.json", "--leaks", "allow",
            "--images", segmenter_run.parent / "ct", "--masks", segmenter_run.parent / "lungs",
            "--infections", segmenter_run.parent / "lesions", "--lesion-slices", 16,
            "--sensitivity", 0.9,
        )  # fmt: skip
    assert result.exit_code == 0, result.output
    return pictures.parent / "run"


def test_classifier_trains_on_its_lungs_and_joins_the_pipeline(segmenter_run, pictures, classifier_run):
    card = load_card(classifier_run / "efficientnetb0-covid.json")
    figures = card.metrics["validation"]["data"]
    assert figures["n"] > 10
    assert set(figures["auc"]) == {"value", "interval"}
    assert card.decision["temperature"] > 0
    assert card.decision["criterion"] == "sensitivity of at least 0.9"
    assert figures["sensitivity"]["value"] >= 0.9
    assert card.training_data[-1] == {"name": "drawn lesions", "slices": 32, "patients": 32}
    assert card.metrics["lesions"]["slices"] == 8
    assert 0.2 <= card.decision["lesion_threshold"] <= 0.8
    assert set(card.metrics["controls_auc"]["data"]) == {"erased", "mask", "trivial"}
    after, before = (card.metrics[f"{when}_calibration"]["brier"] for when in ("after", "before"))
    assert after <= before + 0.01
    pipe = Pipeline(
        LungSegmenter.from_card(segmenter_run / "bcdunet-lung.json"),
        Classifier.from_card(classifier_run / "efficientnetb0-covid.json"),
    )
    prediction = pipe.predict(pictures / "COVID" / "0.png")
    assert prediction.provenance["segmenter"]["version"] == "own"
    assert 0 <= prediction.probability <= 1
    assert prediction.infection_map.shape == prediction.lung_mask.shape
    assert 0 <= prediction.infected_fraction <= 1


def test_the_network_is_named_after_the_modality(tmp_path, segmenter_run):
    folder = segmenter_run.parent
    with eager_training():
        result = run(
            "lungseg", "--modality", "xray", "--images", folder / "ct", "--masks", folder / "lungs",
            "--out", tmp_path, "--size", 32, "--filters", 2, "--dense-blocks", 1, "--epochs", 1, "--batch", 16,
        )  # fmt: skip
    assert result.exit_code == 0, result.output
    card = load_card(tmp_path / "bcdunet-lung-xray.json")
    assert card.modality == "xray"
    assert "X-ray" in card.task
    volume = read_scan(np.full((3, 64, 64), -1000, np.int16))
    with pytest.raises(SourceError, match="is CT, not a chest X-ray"):
        LungSegmenter(card).segment(volume)


def test_mistakes_are_wrong_usage(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run("lungseg", "--images", empty, "--masks", empty, "--out", tmp_path / "run").exit_code == 2
    result = run("lungseg", "--images", empty, "--masks", empty, "--masks", empty, "--out", tmp_path / "run")
    assert result.exit_code == 2
    assert run("classify", "--data", empty, "--out", tmp_path / "run").exit_code == 2
    assert run("classify", "--data", empty, "--out", tmp_path / "run", "--init", "nothing.npz").exit_code == 2
    assert run("classify", "--data", empty, "--out", tmp_path / "run", "--images", empty).exit_code == 2
    impossible = run("classify", "--data", empty, "--out", tmp_path / "run", "--gamma", 0.5)
    assert impossible.exit_code == 2
    assert "at least 1" in impossible.output
