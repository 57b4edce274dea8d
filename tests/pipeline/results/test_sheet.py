"""Result sheets as text: what they say, what they leave out, and that no file name breaks them."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from typer.testing import CliRunner

from lungct.classify import Classification
from lungct.common.rendering import render
from lungct.common.warning_codes import CODES, warning_in_words
from lungct.lungseg.quality import FLAGS
from lungct.pipeline import Prediction
from lungct.pipeline.commands.cli import app
from lungct.pipeline.decision import LOOKS_LIKE, UNLIKE
from lungct.pipeline.results.charts import bar_of, chart_of
from lungct.pipeline.results.wording import (
    DISCLAIMER,
    HEATMAP_IN_WORDS,
    answer_in_words,
    infected_in_words,
    prediction_set_in_words,
)
from lungct.sources import WARNINGS
from lungct.weights import CLASSIFIER, load_card

from ..test_prediction import infected, made


def words(page):
    """Return the text of a page, without its styles and scripts."""
    plain = re.sub(r"<(style|script).*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", plain).split())


class Balance(HTMLParser):
    """Counts elements that are opened but never closed."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "link", "img", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_every_code_has_a_sentence():
    assert {*FLAGS, *WARNINGS, UNLIKE, *LOOKS_LIKE.values(), "no-lung"} <= set(CODES)
    assert all(warning_in_words(code).endswith(".") for code in CODES)
    assert warning_in_words("new-code") == "new-code"


def test_a_sheet_gives_the_answer_and_how_far_to_trust_it():
    card = load_card(CLASSIFIER)
    sure = replace(
        made(0.9),
        threshold=card.decision["threshold"],
        interval=(0.61, 0.93),
        prediction_set=("COVID", "non-COVID"),
        error_level=0.05,
        ood_score=0.4,
        warnings=("one-lung",),
        provenance={"classifier": {"name": card.name, "sha256": card.sha256}},
    )
    page = sure.sheet()
    text = words(page)
    for said in (
        "uncertain, leaning to COVID Probability of COVID 0.80, 90 % interval 0.61 to 0.93.",
        "At an error level of 5 %, neither COVID nor non-COVID can be ruled out.",
        "Only one lung was found",
        f"threshold {card.decision['threshold']:.2f}",
        "Lungs 20.0 % of the pixels",
        card.sha256,
        DISCLAIMER,
    ):
        assert said in text
    assert page.count("data:image/webp;base64,") == 2
    assert not re.search(r"https?://", page)
    balance = Balance()
    balance.feed(page)
    assert balance.open == []


def test_a_sheet_says_how_much_is_infected_and_what_red_means():
    text = words(infected(slices=3, spacing=(2.0, 0.5, 0.5)).sheet())
    for said in (
        "Infected 25 % of the lungs",
        "Infected, right 50 % of the right lung",
        "Infected, left 0 % of the left lung",
        "Grade of infection 1 of 4: up to 25 % of the lungs infected",
        "Heatmap map of infection",
        HEATMAP_IN_WORDS["lesions"],
    ):
        assert said in text
    assert "25 % of the lungs in this slice" in words(infected().sheet())
    assert "nfected" not in words(replace(infected(), label="indeterminate", warnings=("unlike-training",)).sheet())


@pytest.mark.parametrize("explain", ["cam", "occlusion"])
def test_other_heatmaps_keep_their_own_words(explain):
    prediction = made(0.9)
    text = words(replace(prediction, classification=replace(prediction.classification, explain=explain)).sheet())
    assert HEATMAP_IN_WORDS[explain] in text
    assert "nfected" not in text


def test_uncertain_comes_first_where_both_labels_are_left():
    both = ("COVID", "non-COVID")
    assert answer_in_words("non-COVID", both) == "uncertain, leaning to non-COVID"
    assert answer_in_words("COVID", ("COVID",)) == "COVID"
    assert answer_in_words("indeterminate", both) == "indeterminate"  # refused: nothing is ruled out
    assert answer_in_words(None, ()) == ""


def test_small_shares_are_not_called_nothing():
    assert [infected_in_words(share) for share in (0.0, 0.004, 0.124, 1.0)] == ["0 %", "less than 1 %", "12 %", "100 %"]


def test_prediction_sets_in_words():
    assert prediction_set_in_words(("COVID",), 0.1) == "At an error level of 10 %, COVID is the only answer left."
    assert "neither COVID nor non-COVID fits" in prediction_set_in_words((), 0.1)
    assert "error level" not in words(made(0.9).sheet())  # a network without prediction sets


def test_refused_scans_get_no_number_and_no_heatmap():
    refused = replace(made(0.95), label="indeterminate", warnings=("unlike-training",), ood_score=3.0)
    text = words(refused.sheet())
    assert "indeterminate No answer is given" in text
    assert "Check that it is an axial chest CT" in text
    assert "0.80" not in text
    assert "Red areas" not in text
    nothing = np.full(2, np.nan, np.float32)
    air = replace(
        made(0.95, slices=2), label="indeterminate", probability=None, slice_probabilities=nothing,
        warnings=("no-lung",), ood_score=float("inf"), classification=Classification(None, nothing, (None, None)),
    )  # fmt: skip
    assert "No lung was found" in words(air.sheet())


def test_unreadable_inputs_get_a_sheet_that_says_why_without_their_folder():
    none = np.zeros(0, np.float32)
    source = "/home/someone/<b>x.png"
    broken = Prediction(source, None, None, none, None, error=f"{source}: is empty. Give another file.")
    page = broken.sheet()
    assert "could not be read is empty. Give another file." in words(page)
    assert "&lt;b&gt;x.png" in page
    assert "<b>x.png" not in page
    assert "someone" not in page


def test_names_of_people_in_metadata_are_left_out():
    named = made(0.9)
    scan = replace(named.scan, metadata={"format": "DICOM", "PatientName": "Doe", "transfer_syntax": "<i>"})
    page = replace(named, scan=scan).sheet()
    assert "Doe" not in page
    assert "DICOM, &lt;i&gt;" in page


def test_a_long_volume_shows_selected_slices_including_the_most_suspicious():
    volume = made(0.9, slices=60, spacing=(2.0, 0.5, 0.5))
    own = np.full(60, 0.3, np.float32)
    own[:4], own[31] = np.nan, 0.97
    page = replace(volume, slice_probabilities=own, label="non-COVID", probability=0.31).sheet()
    picks = re.findall(r'aria-label="Slice (\d+) of 60: ([^"]+)"[^>]*?( checked)?>', page)
    assert len(picks) <= 24
    assert [pick for pick in picks if pick[2]] == [("32", "0.97", " checked")]
    assert (picks[0][0], picks[-1][0]) == ("5", "60")
    assert len(page.encode()) < 1_500_000
    edges = [(float(left), float(wide)) for left, wide in re.findall(r"left:([\d.]+)%;width:([\d.]+)%", page)]
    assert sum(wide for _, wide in edges) == pytest.approx(100, abs=0.2)


def test_charts_put_figures_where_they_belong():
    bar = render("pipeline/results/templates/bar.svg", bar=bar_of(0.5, (0.25, 0.75), 0.4))
    assert 'cx="200.0"' in bar
    assert 'x="110.0" y="29" width="180.0"' in bar
    assert "M164.0 19" in bar
    probabilities = np.array([0.2, np.nan, 0.8], np.float32)
    chart = render("pipeline/results/templates/chart.svg", chart=chart_of(probabilities, 0.5))
    assert 'class=below d="M0.1 100v-20.0h.8v20.0z"' in chart
    assert 'class=above d="M2.1 100v-80.0h.8v80.0z"' in chart


def test_the_command_and_save_write_sheets_even_for_unreadable_inputs(tmp_path, covid_slice):
    (tmp_path / "broken.png").write_bytes(b"words")
    arguments = ["predict", str(covid_slice), str(tmp_path / "broken.png"), "--html"]
    assert CliRunner().invoke(app, arguments).exit_code == 2
    assert CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out")]).exit_code == 1
    assert {path.name for path in (tmp_path / "out").glob("*.html")} == {"covid19-ny-sbu-A002304.html", "broken.html"}
    assert "Probability of COVID" in words((tmp_path / "out" / "covid19-ny-sbu-A002304.html").read_text())
    assert "b_c.html" in [path.name for path in made(0.9).save(tmp_path, html=True)]
