"""The pipeline for chest X-rays, and how each pipeline refuses the other's modality."""

import html
import json
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from skimage.draw import polygon
from typer.testing import CliRunner

from lungct.classify import Classifier
from lungct.classify.data.dataset import Example
from lungct.classify.evaluation.scoring import score_pictures
from lungct.lungseg import LungSegmenter
from lungct.lungseg.finder import lung_finder
from lungct.pipeline import Pipeline
from lungct.pipeline.batch import BatchSettings, run_batch
from lungct.pipeline.commands.cli import app
from lungct.pipeline.preprocess.slices import preprocess
from lungct.pipeline.service.settings import ServiceSettings
from lungct.sources import SourceError, read_scan
from lungct.weights import CLASSIFIERS, SEGMENTERS, load_card

from ..conftest import ROOT, SHARED, SLICES
from ..sources.dicom.dicom_files import series_of, write
from .service.serving import served

SERIES = ROOT / "examples" / "series"


@pytest.fixture(scope="module")
def xray_pipe():
    return Pipeline.from_pretrained("xray")


@pytest.fixture(scope="module")
def xray_file():
    """Return a real chest X-ray in DICOM, MONOCHROME1, that pydicom ships for its tests."""
    return Path(get_testdata_file("RG1_UNCR.dcm"))


@pytest.fixture(scope="module")
def picture(xray_file, tmp_path_factory):
    """Return that X-ray as a picture that doesn't state its modality."""
    path = tmp_path_factory.mktemp("pictures") / "chest.png"
    shown = Image.fromarray(np.rint(255 * read_scan(xray_file).pixels[0]).astype(np.uint8))
    shown.resize((460, 489)).save(path)
    return path


def test_an_xray_in_dicom_gets_an_answer(xray_pipe, xray_file):
    prediction = xray_pipe.predict(xray_file)
    assert prediction.probability is not None
    assert prediction.lung_mask.shape == prediction.heatmap.shape == (1955, 1841)
    assert 0.15 < prediction.lung_fraction < 0.45
    left, right = (prediction.lung_mask[:, part].sum() for part in (slice(0, 920), slice(920, None)))
    assert 0.5 < left / right < 2  # both lungs
    assert not prediction.lung_mask[:, 860:980].any(axis=1).all()  # between them the spine
    assert set(prediction.provenance) == {"segmenter", "classifier", "recognizer"}
    assert "different" in prediction.caution
    assert prediction.to_dict()["caution"] == prediction.caution
    assert prediction.caution.split(".")[0] in prediction.sheet()


def test_picture_and_dicom_of_an_xray_agree(xray_pipe, xray_file, picture):
    file, shrunk = xray_pipe.predict([xray_file, picture])
    assert shrunk.probability == pytest.approx(file.probability, abs=0.1)
    small = np.asarray(Image.fromarray(file.lung_mask).resize((460, 489)))
    overlap = 2 * (small & shrunk.lung_mask).sum() / (small.sum() + shrunk.lung_mask.sum())
    assert overlap > 0.95


def test_the_ct_pipeline_refuses_xrays_as_such(pipe, xray_file, picture):
    with pytest.raises(SourceError, match="is a chest X-ray, not CT") as caught:
        pipe.predict(xray_file)
    assert 'from_pretrained("xray")' in str(caught.value)
    assert str(xray_file) in str(caught.value)
    failed, shown = pipe.stream([xray_file, picture])
    assert failed.error == str(caught.value)
    assert shown.label == "indeterminate"
    assert "looks-like-xray" in shown.warnings
    assert 'from_pretrained("xray")' in html.unescape(shown.sheet())


@pytest.mark.parametrize("name", ["series", "hu", "volume"])
def test_the_xray_pipeline_refuses_ct_as_such(xray_pipe, name):
    source = {"series": SERIES, "hu": SLICES / "lctsc-S1-101-hu.tif", "volume": np.zeros((3, 64, 64), np.uint8)}[name]
    with pytest.raises(SourceError, match=r"is CT, not a chest X-ray\. For CT use Pipeline\.from_pretrained\(\)"):
        xray_pipe.predict(source)


def test_the_xray_pipeline_refuses_pictures_of_ct_slices(xray_pipe):
    for path in sorted(SLICES.glob("*.png")):
        prediction = xray_pipe.predict(path)
        assert prediction.label == "indeterminate"
        assert "looks-like-ct" in prediction.warnings


def test_the_ct_pipeline_accepts_pictures_of_ct_slices(pipe):
    for path in sorted(SLICES.iterdir()):
        assert not any(code.startswith("looks-like") for code in pipe.predict(path).warnings)


def test_stages_of_two_modalities_are_not_joined():
    with pytest.raises(ValueError, match=r"is for ct, but the classifier .* for xray"):
        Pipeline(LungSegmenter(), Classifier(load_card(CLASSIFIERS["xray"])))
    with pytest.raises(ValueError, match="modality must be one of ct, xray"):
        Pipeline.from_pretrained("mri")


def test_cards_state_their_modality():
    for modality in ("ct", "xray"):
        for names in (SEGMENTERS, CLASSIFIERS):
            assert load_card(names[modality]).modality == modality
    card = load_card(CLASSIFIERS["xray"])
    assert "children" in card.caution
    (controls,) = card.metrics["controls_auc"].values()
    (figures,) = card.metrics["validation"].values()
    assert {"erased", "mask", "trivial"} == set(controls)
    assert figures["auc"]["value"] >= 0.97
    assert figures["n"] >= 50


def test_a_mixed_study_is_searched_for_the_requested_modality(tmp_path, xray_file):
    write(tmp_path / "study" / "ct", series_of(np.random.default_rng(0).normal(-500, 300, (3, 64, 64))))
    (tmp_path / "study" / "xray.dcm").write_bytes(xray_file.read_bytes())
    for modality, name in (("ct", "ct"), ("xray", "xray.dcm")):
        arguments = ["predict", tmp_path / "study", "--modality", modality, "--out", tmp_path / modality]
        result = CliRunner().invoke(app, [*map(str, arguments)])
        assert result.exit_code == 0, result.output
        assert name in (tmp_path / modality / "predictions.csv").read_text().splitlines()[1]
        assert ("Caution" in result.output) == (modality == "xray")
    found = CliRunner().invoke(app, ["info", str(tmp_path / "study"), "--modality", "xray", "--json"])
    read = [row for row in json.loads(found.stdout) if not row["refused"]]
    assert [row["modality"] for row in read] == ["xray"]


def test_a_batch_takes_xrays_and_records_errors_for_ct(tmp_path, xray_file, picture):
    inputs = [xray_file, picture, SLICES / "lctsc-S1-101-hu.tif"]
    counts = run_batch(inputs, tmp_path, BatchSettings(modality="xray"))
    assert (counts.done, counts.failed) == (3, 1)
    rows = pyarrow.parquet.read_table(tmp_path / "predictions").to_pylist()
    assert sorted(row["label"] is None for row in rows) == [False, False, True]
    assert "is CT, not a chest X-ray" in next(row["error"] for row in rows if row["error"])


def test_a_service_handles_one_modality_and_says_which(xray_pipe, pipe, xray_file):
    hu = (SLICES / "lctsc-S1-101-hu.tif").read_bytes()
    settings = ServiceSettings(workers=1)
    with served(xray_pipe, settings) as url:
        answer = httpx.post(f"{url}/v1/predict", files={"file": ("x.dcm", xray_file.read_bytes())}, timeout=60)
        assert answer.status_code == 200
        assert answer.json()["caution"] == xray_pipe.classifier.card.caution
        refused = httpx.post(f"{url}/v1/predict", files={"file": ("x.tif", hu)}, timeout=60)
        assert refused.status_code == 422
        assert "is CT, not a chest X-ray" in refused.text
        assert 'data-modality="xray"' in httpx.get(url).text
    with served(pipe, settings) as url:
        refused = httpx.post(f"{url}/v1/predict", files={"file": ("x.dcm", xray_file.read_bytes())}, timeout=60)
        assert refused.status_code == 422
        assert "is a chest X-ray, not CT" in refused.text
        assert 'data-modality="ct"' in httpx.get(url).text


def test_an_xray_among_slices_is_a_row_without_a_score(pipe, xray_file, covid_slice):
    examples = [Example(path, True, path.name, "mixed", "") for path in (xray_file, covid_slice)]
    scored = score_pictures(pipe.classifier, examples, lung_finder(pipe.segmenter))
    refused, judged = scored
    assert "is a chest X-ray, not CT" in refused.note
    assert np.isnan(refused.probability)
    assert 0 <= judged.probability <= 1


def test_slices_are_not_cut_out_of_xrays(xray_file):
    (found,) = preprocess([xray_file])
    assert "is a chest X-ray, not CT" in found.error


@pytest.mark.shared
def test_lungs_match_the_outlines(xray_pipe):
    """Outlines drawn by eye on validation pictures, not used for training: see benchmarks/xray/outlines.py."""
    outlines = json.loads((ROOT / "benchmarks" / "xray" / "outlines.json").read_text())
    found = []
    for name, lungs in outlines.items():
        scan = read_scan(next((SHARED / "covid-xray").glob(f"*/{name}")))
        mask = xray_pipe.segmenter.segment(scan).mask[0]
        height, width = mask.shape
        drawn = np.zeros(mask.shape, bool)
        for points in lungs:
            columns, rows = np.array(points, float).T
            drawn[polygon(rows / 100 * height, columns / 100 * width, mask.shape)] = True
        found.append(2 * (mask & drawn).sum() / (mask.sum() + drawn.sum()))
    assert np.mean(found) > 0.88
    assert min(found) > 0.75


def test_a_scan_marked_as_ct_is_refused_whatever_it_looks_like(xray_pipe, picture):
    scan = replace(read_scan(picture), metadata={"modality": "CT"})
    with pytest.raises(SourceError, match="is CT"):
        xray_pipe.predict(scan)
