"""Result sheets in a real browser: on a phone and a desk, in the dark, on paper, by keyboard, without scripts."""

import numpy as np
import pytest

from lungct.pipeline.results.wording import DISCLAIMER

from ..conftest import ROOT, SLICES
from .conftest import overflow, watch

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def sheets(pipe, tmp_path_factory):
    """Return the sheets of a slice, a series, a volume without lung, a slice below the lungs and an unreadable file."""
    folder = tmp_path_factory.mktemp("sheets")
    (folder / "a-very-long-name-without-any-place-to-break-it-at-but-underscores_<b>&.png").write_text("words")
    sources = {
        "slice": SLICES / "covid19-ny-sbu-A002304.png",
        "series": ROOT / "examples" / "series",
        "air": np.full((40, 64, 64), -1000, np.int16),
        "abdomen": SLICES / "covid19-ny-sbu-A062055-abdomen.png",
        "broken": next(folder.glob("*.png")),
    }
    for name, prediction in zip(sources, pipe.stream(sources.values()), strict=True):
        (folder / f"{name}.html").write_text(prediction.sheet(), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in sources}


@pytest.mark.parametrize("name", ["slice", "series", "air", "abdomen", "broken"])
def test_sheets_fit_the_window_and_request_nothing(sheets, open_page, name):
    page = open_page(sheets[name], 375)
    for width, scheme in ((375, "light"), (375, "dark"), (1440, "dark"), (1440, "light")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        assert overflow(page) <= 0
        assert page.get_by_text(DISCLAIMER).first.is_visible()
        assert page.locator(".label").is_visible()
        assert page.evaluate("[...document.images].every(picture => picture.complete && picture.naturalWidth > 0)")


def test_a_request_or_an_error_would_be_noticed(browser, tmp_path):
    bad, problems = tmp_path / "bad.html", []
    bad.write_text("<img src='http://localhost:1/x.png'><script>nonsense()</script>")
    page = browser.new_page()
    watch(page, [bad.as_uri()], problems)
    page.goto(bad.as_uri())
    page.close()
    assert "request: http://localhost:1/x.png" in problems
    assert any(problem.startswith("error: nonsense") for problem in problems)


@pytest.mark.parametrize("script", [True, False])
def test_slices_are_picked_by_mouse_and_keys(sheets, open_page, script):
    page = open_page(sheets["series"], 375, java_script_enabled=script)
    views, picks = page.locator(".view"), page.locator(".pick")
    assert picks.count() == 5

    def shown():
        return [index for index in range(5) if views.nth(index).is_visible()]

    assert shown() == [4]  # the most suspicious
    picks.nth(0).click()
    assert shown() == [0]
    page.keyboard.press("ArrowRight")
    assert shown() == [1]
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert shown() == [4]
    assert "Slice 5 of 5" in views.nth(4).inner_text()


def test_the_chart_is_reached_by_tab_and_describes_itself(sheets, open_page):
    page = open_page(sheets["series"], 1440)
    page.keyboard.press("Tab")
    name = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert name.startswith("Slice 5 of 5")


def test_dragging_along_the_chart_shows_slice_after_slice(sheets, open_page):
    page = open_page(sheets["series"], 375)
    page.locator(".chart").scroll_into_view_if_needed()
    box = page.locator(".chart").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + 30, steps=10)
    assert page.locator(".view").nth(4).is_visible()
    page.mouse.up()


@pytest.mark.parametrize("name", ["slice", "series", "air"])
def test_a_sheet_prints_on_two_pages_at_most(sheets, open_page, tmp_path, name):
    page = open_page(sheets[name], 1440)
    paper = page.pdf(prefer_css_page_size=True)
    assert 1 <= paper.count(b"/Type /Page\n") <= 2
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 700, "height": 1000})  # as wide as A4
    assert overflow(page) <= 0
    assert page.locator("img:visible").count() == {"slice": 2, "series": 5, "air": 23}[name]
