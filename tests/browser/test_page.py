"""The page of the service in a real browser: files in, answers out, by mouse and keyboard, on a phone, with a token."""

import gzip
import io
import json
import re
import shutil
import threading
import zipfile
from dataclasses import replace

import httpx
import nibabel
import numpy as np
import pytest
from PIL import Image

from lungct.common.warning_codes import warning_in_words
from lungct.pipeline import Pipeline
from lungct.pipeline.results.wording import DISCLAIMER
from lungct.pipeline.service.settings import ServiceSettings

from ..conftest import ROOT, SLICES
from ..pipeline.service.serving import Held, WithInfectionMap, served
from .conftest import overflow

pytestmark = pytest.mark.browser

SERIES = sorted((ROOT / "examples" / "series").glob("*.dcm"))
COVID = SLICES / "covid19-ny-sbu-A056642.png"
FOCUS_RING = "getComputedStyle(document.activeElement.closest('.button') ?? document.activeElement).outlineStyle"
SETTINGS = ServiceSettings(workers=2, waiting=2, seconds=30, max_upload=1)


@pytest.fixture(scope="module")
def shared_pipe():
    return Pipeline.from_pretrained(callers=2)


@pytest.fixture(scope="module")
def url(shared_pipe):
    with served(shared_pipe, SETTINGS) as address:
        yield address


@pytest.fixture(scope="module")
def series_zip(tmp_path_factory):
    path = tmp_path_factory.mktemp("zip") / "a series.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in SERIES:
            archive.write(file, file.name)
    return path


def give(page, *files):
    page.get_by_label("Choose files").set_input_files(files)


def answered(page):
    """Wait for the answer and return its label, without "uncertain, leaning to"."""
    page.locator("#result").wait_for(timeout=20000)
    return page.locator("#label").inner_text().split()[-1]


def downloaded(page, words):
    """Return name and content of a download."""
    with page.expect_download() as waiting:
        page.get_by_role("link", name=words).click()
    return waiting.value.suggested_filename, waiting.value.path().read_bytes()


def pictures(page):
    """Return which of the stage's pictures are visible."""
    shown = page.locator("#stage img:visible")
    shown.first.wait_for()
    shown.evaluate_all("shown => Promise.all(shown.map(picture => picture.decode()))")  # fails if one is not valid JSON
    return {shown.nth(number).get_attribute("id") for number in range(shown.count())}


def test_a_slice_is_classified_shown_and_downloaded(url, open_page, shared_pipe):
    local = shared_pipe.predict(COVID)
    page = open_page(url, 1440)
    give(page, COVID)
    assert answered(page) == local.label == "COVID"
    words = page.locator("#result").inner_text()
    low, high = local.interval
    assert f"Probability of COVID {local.probability:.2f}, 90 % interval {low:.2f} to {high:.2f}." in words
    assert "At an error level of 10 %, COVID is the only answer left." in words
    assert "No warnings." in words
    assert f"Distance from the training data: {local.ood_score:.2f}." in words
    assert page.get_by_role("img", name=f"threshold {local.threshold:.2f}").is_visible()
    assert not page.get_by_role("slider").is_visible()
    assert pictures(page) == {"plain", "outline", "heatmap"}
    page.get_by_label("Heatmap").uncheck()
    assert pictures(page) == {"plain", "outline"}
    page.get_by_label("Lung outline").uncheck()
    assert pictures(page) == {"plain"}

    name, mask = downloaded(page, "Lung mask")
    assert name == f"{COVID.stem}-mask.png"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(mask))) == 255, local.lung_mask)
    overlay = Image.open(io.BytesIO(downloaded(page, "Overlay")[1]))
    assert np.array_equal(np.asarray(overlay), np.asarray(local.overlay()))
    assert b"Result sheet" in downloaded(page, "Result sheet")[1]
    record = json.loads(downloaded(page, "All figures")[1])
    assert record["probability"] == pytest.approx(local.probability, abs=1e-5)


def test_infection_is_shown_by_keyboard_on_a_phone_and_in_the_dark(shared_pipe, open_page, series_zip):
    pipe = WithInfectionMap(shared_pipe, label="COVID", prediction_set=("COVID", "non-COVID"))
    with served(pipe, SETTINGS) as address:
        page = open_page(address, 375, color_scheme="dark")
        give(page, series_zip)
        assert answered(page) == "COVID"
        assert page.locator("#label").inner_text() == "uncertain, leaning to COVID"
        words = page.get_by_role("heading", name="Infection").locator("..").inner_text()
        assert "of the lungs." in words
        assert re.search(r"Right lung \d+ %, left lung \d+ %\.", words)
        assert "Grade 1 of 4: up to 25 % of the lungs infected." in words
        toggle = page.get_by_label("Heatmap: infection")
        toggle.focus()
        page.keyboard.press("Space")
        assert pictures(page) == {"plain", "outline"}
        page.keyboard.press("Space")
        assert pictures(page) == {"plain", "outline", "heatmap"}
        for width, scheme in ((320, "light"), (375, "dark"), (1440, "dark"), (1440, "light")):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            assert overflow(page) <= 0
        give(page, SLICES / "covid19-ny-sbu-A062055-abdomen.png")
        page.get_by_role("heading", name="indeterminate").wait_for()
        assert not page.get_by_role("heading", name="Infection").is_visible()


def test_a_series_can_be_scrolled_through(url, open_page, series_zip):
    page = open_page(url, 1440)
    give(page, series_zip)
    assert answered(page) == "non-COVID"
    assert page.locator("#facts").inner_text().startswith("Lungs: at least 2,0")
    slider, plain = page.get_by_role("slider"), page.locator("#plain")
    assert slider.input_value() == "4"  # the most suspicious
    assert page.get_by_text("Slice 5 of 5: 0.2").is_visible()
    last = plain.get_attribute("src")
    slider.press("ArrowLeft")
    assert slider.get_attribute("aria-valuetext").startswith("Slice 4 of 5")
    assert plain.get_attribute("src") != last
    chart = page.locator("#chart")
    chart.click(position={"x": chart.bounding_box()["width"] - 5, "y": 20})
    assert slider.input_value() == "4"
    name, mask = downloaded(page, "Lung mask")
    assert name == "a series-mask.nii.gz"
    assert nibabel.Nifti1Image.from_bytes(gzip.decompress(mask)).shape == (512, 512, 5)


def test_several_files_and_a_folder_are_sent_as_an_archive(url, open_page, shared_pipe, tmp_path):
    files = [shutil.copy(file, tmp_path) for file in SERIES[:2]]
    (tmp_path / ".hidden").write_text("words")
    local = shared_pipe.predict(tmp_path)
    page = open_page(url, 1440)
    for field, chosen in (("Choose files", files), ("Choose a folder", tmp_path)):
        page.get_by_label(field).set_input_files(chosen)
        assert answered(page) == local.label
        assert page.locator("#name").inner_text() == "2 files"
        assert page.get_by_text("Slice 2 of 2").or_(page.get_by_text("Slice 1 of 2")).is_visible()
        assert f"Probability of COVID {local.probability:.2f}" in page.locator("#words").inner_text()
        page.reload()


def test_a_file_can_be_dropped(url, open_page):
    page = open_page(url, 1440)
    drop = """async ([address, kind]) => {
        const transfer = new DataTransfer()
        transfer.items.add(new File([await (await fetch(address)).blob()], 'dropped.png'))
        window.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }))
    }"""
    page.evaluate(drop, ["page/examples/covid.png", "dragover"])
    assert page.locator("#drop.over").is_visible()
    page.evaluate(drop, ["page/examples/covid.png", "drop"])
    assert answered(page) == "COVID"
    assert page.locator("#name").inner_text() == "dropped.png"
    assert not page.locator("#drop.over").is_visible()


def test_unreadable_files_are_explained_in_words(url, open_page, tmp_path):
    page = open_page(url, 375, expected=("status of 422", "status of 413"))
    broken, large = tmp_path / "broken.png", tmp_path / "large.png"
    broken.write_bytes(COVID.read_bytes()[:5000])
    large.write_bytes(bytes(2 * 1024 * 1024))
    give(page, broken)
    alert = page.get_by_role("alert")
    alert.filter(has_text="broken.png: The file ").wait_for()
    assert str(tmp_path) not in alert.inner_text()
    assert not page.get_by_role("button", name="Cancel").is_visible()
    assert overflow(page) <= 0
    give(page, large)
    alert.filter(has_text="larger than 1 MB").wait_for()
    give(page, COVID)
    assert answered(page) == "COVID"
    assert alert.inner_text() == ""


def test_examples_by_keyboard_alone(url, open_page):
    page = open_page(url, 1440)

    def tab_to(words):
        for _ in range(15):
            page.keyboard.press("Tab")
            if words in page.evaluate("(f => f.innerText + (f.labels?.[0]?.innerText ?? ''))(document.activeElement)"):
                assert page.evaluate(FOCUS_RING) == "solid"
                return
        raise AssertionError(f"{words} is not reached")

    tab_to("Choose files")
    tab_to("lung cancer")
    page.keyboard.press("Enter")
    answered(page)
    assert page.evaluate("document.activeElement.id") == "label"
    tab_to("Slice 5 of 5")
    page.keyboard.press("ArrowLeft")
    assert page.get_by_text("Slice 4 of 5").is_visible()
    tab_to("Heatmap")
    page.keyboard.press("Space")
    assert pictures(page) == {"plain", "outline"}
    tab_to("Overlay")
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    assert waiting.value.suggested_filename == "series-overlay.png"


def test_examples_fit_every_window(url, open_page):
    page = open_page(url, 375)
    for example, label in (("abdomen", "indeterminate"), ("missed", "non-COVID"), ("series", "non-COVID")):
        page.locator(f"[data-file^={example}]").click()
        page.locator("#result").wait_for(state="hidden")
        assert answered(page) == label
        for width, scheme in ((320, "light"), (375, "dark"), (1440, "dark"), (1440, "light")):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            assert overflow(page) <= 0
            assert page.get_by_text(DISCLAIMER).first.is_visible()
        if label == "indeterminate":
            assert warning_in_words("no-lung") in page.locator("#warnings").inner_text()
            assert pictures(page) == {"plain"}
            assert not page.get_by_label("Heatmap").is_visible()
    assert page.evaluate("[...document.images].every(picture => picture.naturalWidth > 0)")


def test_a_service_with_a_token_asks_for_it(shared_pipe, open_page):
    with served(shared_pipe, replace(SETTINGS, token="secret")) as address:  # noqa: S106
        page = open_page(address, 375, expected=("status of 401",))
        assert not page.get_by_label("token").is_visible()
        give(page, COVID)
        field = page.get_by_label("token")
        field.wait_for()
        assert field.evaluate("field => field === document.activeElement")
        assert overflow(page) <= 0
        field.fill("wrong")
        field.press("Enter")
        page.get_by_text("That token is wrong.").wait_for()
        field.fill("secret")
        field.press("Enter")
        assert answered(page) == "COVID"
        assert not field.is_visible()
        assert page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0


def test_the_page_waits_for_a_busy_service_and_waiting_can_be_cancelled(shared_pipe, open_page):
    held = Held(shared_pipe)
    with served(held, replace(SETTINGS, workers=1, waiting=0)) as address:
        ask = {"files": {"file": ("x", COVID.read_bytes())}, "timeout": 30}
        other = threading.Thread(target=httpx.post, args=(f"{address}/v1/predict",), kwargs=ask)
        other.start()
        try:
            assert held.begun.acquire(timeout=10)
            page = open_page(address, 375, expected=("status of 429",))
            give(page, COVID)
            page.get_by_text("The service is busy. Trying again in 1 s.").wait_for()
            page.get_by_role("button", name="Cancel").click()
            page.get_by_text("Cancelled.").wait_for()
            assert not page.locator("#waiting").is_visible()
            give(page, COVID)
            page.get_by_text("The service is busy.").wait_for()
        finally:
            held.go.set()
            other.join()
        assert answered(page) == "COVID"
        assert held.count == 2


def test_the_page_may_run_only_its_own_files(url):
    policy = httpx.get(url).headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
