import dataclasses
from functools import partial
from itertools import islice

import numpy as np
import pytest

pytest.importorskip("rich")

from benchmarks.trust import refusal
from benchmarks.trust import refusal_figures as figures
from benchmarks.trust.refusal_figures import FURTHER, VALIDATION, WRONG, Judged
from lungct.common.intervals import bootstrap_interval
from lungct.pipeline import Prediction

INF, NAN = np.inf, np.nan


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    monkeypatch.setattr(figures, "bootstrap_interval", partial(bootstrap_interval, resamples=20))


def rows(role, kind, scores, right=None, half=""):
    answers = right or [NAN] * len(scores)
    return [
        Judged(role, kind, f"{kind}/{number // 2}", f"{kind}-{number}.png", half, score, answer, "")
        for number, (score, answer) in enumerate(zip(scores, answers, strict=True))
    ]


VALID = rows(VALIDATION, "covid-ct", [0.1, 0.2, 0.4, 1.5, 0.3, INF], [1, 1, 0, 0, 1, NAN])


def prediction(**settings):
    return Prediction("a.png", "COVID", 0.9, np.array([0.9], np.float32), None, **settings)


def test_inputs_without_lung_or_unreadable_ones_are_refused():
    assert refusal.score_of(prediction(ood_score=0.4)) == 0.4
    assert refusal.score_of(prediction(ood_score=0.4, warnings=("no-lung",))) == INF
    assert refusal.score_of(prediction(error="damaged")) == INF
    assert np.isnan(refusal.score_of(prediction()))


def test_curve_keeps_the_lowest_scores_first():
    curve = figures.coverage_curve(figures.scores(VALID), np.array([row.right for row in VALID]))
    assert curve.coverage == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6])
    assert curve.threshold.tolist() == [0.1, 0.2, 0.3, 0.4, 1.5]
    assert curve.accuracy == pytest.approx([1, 1, 1, 3 / 4, 3 / 5])


def test_equal_scores_are_kept_together():
    curve = figures.coverage_curve(np.array([0.5, 0.1, 0.5, 0.5]), np.array([1.0, 1.0, 0.0, 0.0]))
    assert curve.coverage.tolist() == [0.25, 1.0]
    assert curve.accuracy.tolist() == [1.0, 0.5]


def test_accuracy_at_a_coverage():
    values, right = np.arange(10.0), np.array([1.0] * 8 + [0.0] * 2)
    assert figures.at_coverage(values, right, 1.0) == pytest.approx(0.8)
    assert figures.at_coverage(values, right, 0.85) == 1.0
    assert np.isnan(figures.at_coverage(values, right, 0.05))


def test_no_answers_give_an_empty_curve():
    curve = figures.coverage_curve(np.array([INF, INF]), np.array([NAN, NAN]))
    assert curve.coverage.size == 0


def test_detection_counts_missing_lungs_as_the_highest_score():
    assert figures.detection(rows(WRONG, "noise", [INF, 2.0]), VALID[:5]).startswith("1.000")
    assert figures.detection(rows(WRONG, "noise", [0.0, 0.05]), VALID).startswith("0.000")
    assert figures.detection(rows(WRONG, "noise", [NAN, 2.0]), VALID) == "not measured"


def test_share_refused():
    row = figures.refusal_row("ct", VALID)
    assert (row["n"], row["sources"], row["without lung"]) == (6, 3, 1)
    assert row["refused"].startswith("0.333 (")
    assert figures.refusal_row("ct", rows(VALIDATION, "x", [NAN]))["refused"] == "not measured"


def test_tables_with_and_without_measurements():
    further = rows(FURTHER, "lctsc: slices", [0.5, 0.7])
    wrong, ct, coverage = figures.summary([*VALID, *further, *rows(WRONG, "noise", [3.0, INF])])
    assert [row["input"] for row in wrong.rows] == ["noise"]
    assert [row["input"] for row in ct.rows] == ["validation covid-ct", "further lctsc: slices", "validation, all"]
    assert next(row["kept"] for row in coverage.rows) == "100%"
    unmeasured = [dataclasses.replace(row, score=NAN) for row in VALID]
    assert figures.summary(unmeasured)[2].rows == []


def test_scores_survive_a_round_trip(tmp_path):
    pytest.importorskip("matplotlib")
    refusal.write_results(tmp_path, VALID, figures.summary(VALID))
    assert {path.name for path in tmp_path.iterdir()} == {"scores.csv", "refusal.json", "coverage.png"}
    again = refusal.read_scores(tmp_path / "scores.csv")
    assert [str(row) for row in again] == [str(dataclasses.replace(row, right=float(row.right))) for row in VALID]


def test_tips_of_the_lungs_are_left_out():
    mask = np.zeros((4, 4, 4), bool)
    mask[1, :2], mask[2], mask[3, 0, 0] = True, True, True
    assert refusal.slices_with_lung(mask).tolist() == [1, 2]
    assert refusal.slices_with_lung(np.zeros((2, 4, 4), bool)).size == 0


def test_a_missing_list_says_how_to_make_it(tmp_path):
    from lungct.sources import SourceError

    with pytest.raises(SourceError, match=r"wrong_inputs\.py"):
        list(refusal.judge_wrong(None, tmp_path, None))


def test_halves_share_no_source_and_are_about_equal():
    wrong_inputs = pytest.importorskip("benchmarks.trust.wrong_inputs")
    pictures = [("brain", "one")] * 5 + [("brain", "two")] * 3 + [("brain", "three")] * 2 + [("noise", "one")]
    assert wrong_inputs.halves(pictures) == {
        ("brain", "one"): "a",
        ("brain", "two"): "b",
        ("brain", "three"): "b",
        ("noise", "one"): "a",
    }


def test_generated_pictures_are_reproducible_and_have_unique_names():
    wrong_inputs = pytest.importorskip("benchmarks.trust.wrong_inputs")
    pytest.importorskip("matplotlib")
    made = list(wrong_inputs.made_pictures())
    assert len({(item.kind, item.name) for item in made}) == len(made)
    assert {item.kind for item in made} == {"noise", "blank", "text"}
    assert {item.pixels.dtype.name for item in made} == {"uint8", "int16"}
    again = islice(wrong_inputs.made_pictures(), 20)
    assert all(np.array_equal(one.pixels, other.pixels) for one, other in zip(made, again, strict=False))


def test_a_slice_is_shown_in_its_window():
    views = pytest.importorskip("benchmarks.trust.slice_views")
    hounsfield = np.full((8, 16), -1000.0)
    hounsfield[4:] = 40
    seen = dict(views.ct_views(iter([hounsfield]), "abdomen"))
    assert {name: (str(view.dtype), view.shape) for name, view in seen.items()} == {
        "-00": ("uint8", (256, 512)),
        "-00-lung-window": ("uint8", (256, 512)),
        "-00-hu": ("int16", (256, 512)),
    }
    assert (seen["-00"][0, 0], seen["-00"][-1, -1]) == (0, 128)
    assert seen["-00-hu"][-1, -1] == 40
