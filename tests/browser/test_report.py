"""The page of ``lungct report`` in a browser."""

import csv

import pytest
from typer.testing import CliRunner

from lungct.pipeline.commands.cli import app

from ..conftest import SLICES
from .conftest import overflow

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    with (folder / "cohort.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "label", "patient", "source", "sex"])
        for number, path in enumerate(sorted(SLICES.iterdir())):
            covid = "COVID" if "sbu" in path.name else "NonCOVID"
            table.writerow([path, covid, f"p{number}", path.name[:5], "FM"[number % 2]])
    result = CliRunner().invoke(app, ["report", "--data", str(folder / "cohort.csv"), "--out", str(folder / "r.html")])
    assert result.exit_code == 0, result.output
    return folder / "r.html"


@pytest.mark.parametrize("width", [375, 1440])
def test_report_opens_without_errors_requests_or_overflow(open_page, page_file, width):
    page = open_page(page_file, width)
    assert page.get_by_text("Research software, not a medical device.").first.is_visible()
    assert overflow(page) <= 0
    for part in ("Findings", "Figures", "Leaks", "Thresholds", "Shortcuts", "Provenance", "CLAIM"):
        assert page.get_by_role("heading", name=part, exact=False).first.is_visible()
    pictures = page.locator("img")
    assert pictures.count() > 3
    assert all(pictures.nth(at).evaluate("one => one.naturalWidth > 0") for at in range(pictures.count()))
