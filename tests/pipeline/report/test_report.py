"""``lungct report``: planted faults are named, figures match the pipeline, and the page is self-contained."""

import csv
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from typer.testing import CliRunner

from lungct.classify.data.dataset import Example
from lungct.classify.data.leak_table import leak_table
from lungct.pipeline import Pipeline
from lungct.pipeline.commands.cli import app
from lungct.pipeline.prediction import Prediction
from lungct.pipeline.report import report
from lungct.pipeline.report.claim import AUTHORS, ITEMS, fill_claim
from lungct.pipeline.report.figures import conformal, failures, leaks, refusal
from lungct.pipeline.report.findings import findings, leak_findings
from lungct.pipeline.report.rows import Answers, Facts, Row, look

from ...conftest import ROOT, SLICES

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")


def run(*arguments):
    return CliRunner().invoke(app, ["report", *map(str, arguments)], env={"COLUMNS": "400"})


def in_one_line(result):
    """Return what a command said, without the box around it."""
    return " ".join(result.output.replace("│", " ").split())


class Links(HTMLParser):
    """Collects everything that a page would fetch, and its ids and links."""

    def __init__(self):
        super().__init__()
        self.fetched, self.ids, self.targets = [], [], []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.fetched += [given[name] for name in ("src", "srcset") if name in given]
        self.fetched += [given["href"]] if tag == "link" else []
        self.targets += [given["href"][1:]] if tag == "a" else []
        self.ids += [given["id"]] if "id" in given else []


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A report on a folder with a table: pictures, a series, an archive, a text file and a missing file."""
    root = tmp_path_factory.mktemp("report")
    data = root / "scans"
    shutil.copytree(SLICES, data / "slices")
    shutil.copytree(ROOT / "examples" / "series", data / "series")
    shutil.make_archive(str(data / "zipped"), "zip", ROOT / "examples" / "series")
    (data / "notes.png").write_text("no picture")
    with Image.open(SLICES / "covid19-ny-sbu-A048383.png") as picture:
        picture.convert("L").resize((300, 300)).save(data / "again.jpg", quality=60)
    rows = [
        ("slices/covid19-ny-sbu-A002304.png", 1, "A", "val", "71", "GE"),
        ("slices/covid19-ny-sbu-A048383.png", 1, "B", "val", "55", "GE"),
        ("slices/covid19-ny-sbu-A062055-abdomen.png", 1, "D", "val", "", "Siemens"),
        ("slices/lung-pet-ct-dx-A0002-11.png", 0, "E", "val", "53", "Siemens"),
        ("slices/lctsc-S1-101-hu.tif", 0, "F", "val", "", "Siemens"),
        ("series", 0, "G", "val", "", ""),
        ("zipped.zip", 0, "G", "val", "", ""),
        ("notes.png", 1, "H", "val", "", ""),
        ("nowhere.png", 0, "I", "val", "", ""),
        ("again.jpg", 1, "B", "train", "", ""),
    ]
    with (root / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label", "patient", "split", "age", "vendor"), *rows])
    result = run("--data", data, "--reference", root / "labels.csv", "--out", root / "out.html", "--prevalence", 0.1)
    assert result.exit_code == 0, result.output
    return root, json.loads((root / "out.json").read_text()), result.output


def test_every_input_is_in_the_report(written):
    _, report, output = written
    assert report["failures"]["inputs"] == 9
    reasons = {Path(row["input"]).name: row["why"] for row in report["failures"]["unanswered"]}
    assert "is named .png but its content is not PNG" in reasons["notes.png"]
    assert "does not exist" in reasons["nowhere.png"]
    assert "covid19-ny-sbu-A062055-abdomen.png" in reasons
    main = report["discrimination"]["answered"]
    assert (main["n"], main["covid"], main["patients"]) == (6, 2, 5)
    assert {row["group"] for row in report["subgroups"] if row["column"] == "vendor"} == {"GE", "Siemens", "not known"}
    assert report["cohort"]["measured"]["manufacturer (DICOM)"]["SIEMENS"] == 2
    assert {"PPV at 0.1", "NPV at 0.1"} < set(report["thresholds"][0])
    assert set(report["unlisted"]) == {"slices/covid19-ny-sbu-A056642.png", "slices/lung-pet-ct-dx-A0002-17.png"}
    (pair,) = report["leaks"]["across_parts"]
    assert {pair["first"], pair["second"]} == {"val/covid19-ny-sbu-A048383.png", "train/again.jpg"}
    assert [patient["name"] for patient in report["leaks"]["shared_patients"]] == ["scans/B"]
    assert [finding["kind"] for finding in report["findings"]][:2] == ["leak", "leak"]
    assert "leak: Pictures of 1 patient are in several parts: scans/B." in output.replace("\n", " ")
    checksums = {report["provenance"][stage]["sha256"] for stage in ("segmenter", "classifier")}
    assert checksums == {
        Pipeline.from_pretrained().provenance[stage]["sha256"] for stage in ("segmenter", "classifier")
    }
    assert len(report["provenance"]["data_sha256"]) == 64
    assert len(report["claim"]) == 44
    assert sum(AUTHORS not in row["what this report says"] for row in report["claim"]) >= 15


def test_the_page_is_complete_and_self_contained(written):
    root, report, _ = written
    text = (root / "out.html").read_text()
    links = Links()
    links.feed(text)
    assert all(address.startswith("data:") for address in links.fetched)
    assert not re.search(r"url\(|@import|<script", text)
    assert sorted(links.targets) == sorted(links.ids)
    assert sum("image/jpeg" in address for address in links.fetched) >= 6
    assert text.count("<tr><td>") >= len(ITEMS)
    assert AUTHORS in text
    for finding in report["findings"]:
        assert finding["text"].split("'")[0][:60].replace("&", "&amp;") in text


def test_mistakes_are_wrong_usage_and_name_file_and_line(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("path,label\na.png,flu\n")
    wrong = run("--data", tmp_path, "--reference", table, "--out", tmp_path / "a.html")
    assert wrong.exit_code == 2
    assert "labels.csv, line 2: has the label 'flu'" in in_one_line(wrong)
    assert "give its labels with --reference" in in_one_line(run("--data", tmp_path, "--out", tmp_path / "a.html"))
    assert "folder/report.html" in in_one_line(run("--data", tmp_path, "--out", tmp_path / "folder")).replace(" ", "")
    table.write_text("path,label\nnowhere.png,1\n")
    nothing = run("--data", tmp_path, "--reference", table, "--out", tmp_path / "a.html")
    assert nothing.exit_code == 2
    assert "none of 1 inputs could be predicted" in in_one_line(nothing)
    again = run("--data", table, "--out", tmp_path / "a.html", "--prevalence", 0.1234, "--prevalence", 0.1234)
    assert again.exit_code == 2
    assert "0.1234 is given twice" in in_one_line(again)
    table.write_text("path,label,split\nnowhere.png,1,train\n")
    trained = run("--data", table, "--out", tmp_path / "a.html")
    assert trained.exit_code == 2
    assert "--all-parts" in in_one_line(trained)
    assert not (tmp_path / "a.html").exists()


def test_an_unwritable_page_is_noticed_before_predicting(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "judge", lambda *_: pytest.fail("judged"))
    table = tmp_path / "labels.csv"
    table.write_text("path,label\nnowhere.png,1\n")
    (tmp_path / "page.html").mkdir()
    for out in (tmp_path / "page.html", table / "page.html"):
        result = run("--data", table, "--out", out)
        assert result.exit_code == 1
        assert "labels.csv" in in_one_line(result).replace(" ", "") or "page.html" in in_one_line(result).replace(
            " ", ""
        )


def example(path, part, patient="", source="s", covid=True):
    return Example(Path(path), covid, f"{source}/{patient or path}", source, part, patient_known=bool(patient))


def said_of(examples, hashes=None):
    """Return the findings on leaks between examples, by kind."""
    table = leak_table(examples, hashes or {})
    found = leak_findings(table)
    return {kind: " ".join(one.text for one in found if one.kind == kind) for kind in ("leak", "doubt", "good")}


def test_nothing_unchecked_is_called_checked():
    unknown = said_of([example("a.png", "train"), example("b.png", "val")])
    assert unknown["good"] == unknown["leak"] == ""
    assert "Not all inputs of train and val have a patient" in unknown["doubt"]
    assert "No input of train and val could be read" in unknown["doubt"]
    known = [example("a.png", "train", "p1"), example("b.png", "val", "p2")]
    rng = np.random.default_rng(0)
    whole = said_of(known, {at: rng.integers(0, 256, 32, dtype=np.uint8) for at in range(2)})
    assert "No patient named" in whole["good"]
    assert "1 of train, 1 of val" in whole["good"]
    assert whole["doubt"] == ""
    half = said_of(known, {0: np.zeros(32, np.uint8)})
    assert "No input of val could be read" in half["doubt"]
    assert "look alike" not in half["good"]


def test_one_patient_name_at_two_hospitals_is_reported():
    said = said_of([example("a.png", "train", "p1", "north"), example("b.png", "test", "p1", "south")])
    assert "Several sources use the same patient names, which are counted as different patients: p1." in said["doubt"]


def test_a_series_in_two_parts_is_reported_without_its_ids():
    first, second, *_ = sorted((ROOT / "examples" / "series").iterdir())
    rows = list(look([example(first, "train"), example(second, "val"), example(SLICES / "notes.png", "val")]))
    table = leaks(rows)
    (shared,) = table["shared_dicom"]
    assert shared["pictures"] == {"train": [first.name], "val": [second.name]}
    (leak,) = (one for one in leak_findings(table) if "DICOM" in one.text)
    assert "1 patient or series " in leak.text
    assert f" in several parts, such as train/{first.name} and val/{second.name}" in leak.text
    header = pydicom.dcmread(first, stop_before_pixels=True)
    for secret in (header.SeriesInstanceUID, rows[0].facts.identity):
        assert secret
        assert secret not in json.dumps(table)


def test_too_few_patients_give_no_finding(written):
    _, report, _ = written
    main = report["discrimination"]["answered"]
    assert (main["patients"], main["auc"]["interval"]) == (5, None)
    assert main["accuracy"]["interval"] is not None or main["accuracy"]["value"] in (0, 1)
    texts = " ".join(finding["text"] for finding in report["findings"])
    assert "too few patients to conclude anything" in texts
    assert "can be told" not in texts
    assert "off on average" not in texts


def test_training_parts_and_repeated_lines_are_reported(written):
    _, report, _ = written
    groups = [{**row, "part": "train"} for row in report["cohort"]["groups"]]
    changed = {**report, "cohort": {**report["cohort"], "groups": groups}, "repeated": ["x/a.png", "x/a.png"]}
    texts = " ".join(finding.text for finding in findings(changed))
    assert "9 inputs of the part train are among those measured" in texts
    assert "Listed more than once, but counted once: a.png, a.png." in texts


def test_the_checklist_claims_only_what_is_known(written):
    _, report, _ = written
    said = {int(row["no"]): row["what this report says"] for row in fill_claim(report)}
    assert "Of 9 inputs in the measured parts, 6 are in the results" in said[8]
    assert "1 patients, 0 papers" in said[20]
    assert said[20].endswith("; patients are known for 10, pictures for 8 of 10 inputs")
    assert said[25] == said[24]
    assert "docs/training-classify.md of lungct" in said[24]
    explain = report["provenance"]["settings"]["explain"]
    assert explain == Pipeline.from_pretrained().classifier.explained_by("lesions")
    for kind, words in (
        ("lesions", "Map of infection"),
        ("cam", "does not show where disease is"),
        ("occlusion", "hid"),
    ):
        made = {**report["provenance"], "settings": {**report["provenance"]["settings"], "explain": kind}}
        assert words in fill_claim({**report, "provenance": made})[30]["what this report says"]
    assert "above under provenance" in said[42]
    own = {**report, "provenance": {**report["provenance"], "shipped": ["segmenter"]}}
    training = fill_claim(own)[23]["what this report says"]
    assert training == f"Segmenter: docs/training-lungseg.md of lungct. Classifier: {AUTHORS}"


def row(number, probability, covid, label, ood_score=None, labels=(), warnings=()):
    example = Example(Path(f"{number}.png"), covid, f"set/p{number}", "set", "")
    facts = Facts((1, 8, 8), None, "PNG", "display", {}, np.zeros(32, np.uint8))
    prediction = Prediction(
        f"{number}.png", label, probability, np.zeros(1, np.float32), None, warnings,
        ood_score=ood_score, prediction_set=labels,
    )  # fmt: skip
    return Row(example, facts, prediction)


def test_refused_inputs_are_listed_and_the_others_counted():
    rows = [
        row(0, 0.9, True, "COVID", 0.2, ("COVID",)),
        row(1, 0.8, False, "COVID", 0.9, ("COVID", "non-COVID")),
        row(2, 0.1, False, "non-COVID", 0.1, ("non-COVID",)),
        row(3, 0.7, False, "indeterminate", 1.4, ("COVID",), ("unlike-training",)),
        row(4, None, True, "indeterminate", float("inf"), (), ("no-lung",)),
    ]
    found = failures(rows)
    assert (found["answered"], found["refused"], found["without_lung"], found["unreadable"]) == (3, 1, 1, 0)
    assert [one["why"] for one in found["unanswered"]] == ["unlike the training data", "no lung found"]
    curves = refusal(rows, 0.5)
    assert [one["accuracy"]["value"] for one in curves["most unlike training first"]][::4] == [0.5, 1]
    assert conformal(Answers(rows[:3]))["coverage"][0]["holds it"]["value"] == 1
    assert conformal(Answers([row(0, 0.9, True, "COVID")])) == {}
    empty = conformal(Answers([row(0, 0.9, True, "COVID", 0.2), row(1, 0.2, False, "non-COVID", 0.2)]))
    assert empty["coverage"][0]["no label"] == 2  # that doesn't mean a network without prediction sets


def test_findings_describe_the_problem(written):
    _, report, _ = written
    figure = {"value": 0.8, "interval": [0.7, 0.9]}
    changed = {
        **report,
        "controls": {**report["controls"], "erased": figure},
        "single_class_sources": ["north"],
        "provenance": {**report["provenance"], "trained_on": ["scans"]},
    }
    texts = " ".join(finding.text for finding in findings(changed))
    for words in (
        "lungs erased: AUC 0.80",
        "Only one class comes from north",
        "trained on pictures of scans",
        "3 of 9 inputs",
    ):
        assert words in texts
