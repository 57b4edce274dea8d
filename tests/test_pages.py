"""No text of a user, a file or a network becomes markup, whichever page shows it."""

import csv
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from PIL import Image
from typer.testing import CliRunner

from lungct.common.rendering import render
from lungct.pipeline.commands.cli import app
from lungct.pipeline.report import report as report_writer

from .conftest import SLICES
from .pipeline.test_prediction import made

TAG = "<hostile a='\"&>"


class Shown(HTMLParser):
    """The text and attributes of a page, which no hostile text has become an element or an attribute of."""

    def __init__(self, page):
        super().__init__()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        assert tag != "hostile"
        assert all(re.fullmatch("[a-z-]+", name) and name != "a" for name, _ in attributes), attributes
        self.text += " ".join(value or "" for _, value in attributes)

    def handle_data(self, data):
        self.text += data


def spoil(value, where):
    """Return JSON with hostile text at the end of every string, after a word that says where it is."""
    if isinstance(value, dict):
        return {name: value[name] if name == "kind" else spoil(value[name], where) for name in value}
    if isinstance(value, list | tuple):
        return [spoil(item, where) for item in value]
    return f"{value} {where}{TAG}" if isinstance(value, str) else value


def test_sheets():
    fields = {name: f"{name}{TAG}" for name in ("label", "code", "caution", "format", "syntax", "stage", "version")}
    sheet = replace(
        made(0.9),
        source=f"source{TAG}",
        interval=(0.6, 0.9),
        prediction_set=(fields["label"],),
        warnings=(fields["code"],),
        caution=fields["caution"],
        scan=replace(made(0.9).scan, metadata={"format": fields["format"], "transfer_syntax": fields["syntax"]}),
        provenance={fields["stage"]: {"name": fields["version"]}},
    ).sheet()
    text = Shown(sheet).text
    assert text.count(f"source{TAG}") == 3  # title, heading, file
    fields["stage"] = fields["stage"].capitalize()
    assert [field for field in fields.values() if field not in text] == []
    broken = replace(made(0.9), label=None, scan=None, error=f"error{TAG}")
    assert f"error{TAG}" in Shown(broken.sheet()).text


def test_the_page_of_the_service():
    text = Shown(
        render("pipeline/service/templates/index.html", modality=f"modality{TAG}", formats=f"formats{TAG}")
    ).text
    assert f"modality{TAG}" in text
    assert f"formats{TAG}" in text


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Examples whose files, patients, sources and columns have hostile names, and one that can't be read."""
    folder = tmp_path_factory.mktemp("hostile")
    paths = [folder / f"file{number}{TAG}.png" for number in range(5)]
    for path, picture in zip(paths, sorted(SLICES.glob("*.png")), strict=False):
        shutil.copy(picture, path)
    paths[-1].write_text("no picture")
    with (folder / "table.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label", "patient", "source", f"column{TAG}"])
        for number, path in enumerate(paths):
            rows.writerow([path, number % 2, f"p{number}{TAG}", f"source{number // 2}{TAG}", f"group{number % 2}{TAG}"])
    return folder / "table.csv"


def run(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output


def test_reports(table, tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    write_page = report_writer.report_page

    def of_spoilt(report, *others):
        return write_page({name: spoil(value, name) for name, value in report.items()}, *others)

    monkeypatch.setattr(report_writer, "report_page", of_spoilt)
    run("report", "--data", table, "--out", tmp_path / "report.html")
    text = Shown((tmp_path / "report.html").read_text()).text
    named = ("title", "findings", "cohort", "leaks", "failures", "subgroups", "source_probe", "provenance", "claim")
    for where in (*named, "file0", "column", "group1"):
        assert f"{where}{TAG}" in text, where


def test_evaluations_of_the_classifier(table, tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    run("evaluate", "classify", "--data", table, "--out", tmp_path, "--leaks", "allow")
    text = Shown((tmp_path / "report.html").read_text()).text
    for where in ("file0", "file4", "source0", "source1"):
        assert f"{where}{TAG}" in text, where


def test_evaluations_of_the_segmenter(tmp_path):
    images, masks = tmp_path / f"images{TAG}", tmp_path / "masks"
    for folder in (images, masks):
        folder.mkdir()
    for number, picture in enumerate(sorted(SLICES.glob("covid19*.png"))[:2]):
        shutil.copy(picture, images / f"file{number}{TAG}.png")
        with Image.open(picture) as opened:
            size = opened.size
        Image.new("L", size, 255).save(masks / f"file{number}{TAG}.png")
    run("evaluate", "lungseg", "--images", images, "--masks", masks, "--out", tmp_path / "out")
    text = Shown((tmp_path / "out" / "report.html").read_text()).text
    assert f"file0{TAG}.png, slice 0" in text
