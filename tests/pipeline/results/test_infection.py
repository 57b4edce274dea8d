"""The infected share of the lungs in rows and records, with and without a map of infection."""

from dataclasses import replace

import pytest

from lungct.pipeline.batch.predictor import write_outputs
from lungct.pipeline.batch.settings import BatchSettings
from lungct.pipeline.results.row import FINDINGS, row_of

from ..test_prediction import infected, made

COLUMNS = ("infected_fraction", "right_lung_infected", "left_lung_infected", "infection_grade")


def test_rows_and_records_say_how_much_of_each_lung_is_infected():
    prediction = infected(slices=2, spacing=(2.0, 0.5, 0.5))
    row = row_of(prediction)
    assert list(row) == list(FINDINGS)
    assert [row[name] for name in COLUMNS] == pytest.approx([0.25, 0.5, 0.0, 1])
    assert isinstance(row["infection_grade"], int)
    record = prediction.to_dict()
    assert (record["explain"], record["infected_fraction"]) == ("lesions", pytest.approx(0.25))
    assert record["infection"]["slices"] == pytest.approx([0.25, 0.25])


def test_a_lung_that_was_not_found_has_no_share():
    prediction = infected()
    mask = prediction.lung_mask.copy()
    mask[:, 300:] = False
    row = row_of(replace(prediction, lung_mask=mask))
    assert [row[name] for name in COLUMNS] == pytest.approx([0.5, 0.5, None, 2])


def test_without_a_map_there_is_no_number():
    assert [row_of(made(0.9))[name] for name in COLUMNS] == [None] * 4


def test_batches_write_infection_masks(tmp_path):
    written = write_outputs(infected(), tmp_path, "x", BatchSettings(masks="auto"))
    assert [path.name for path in written] == ["x_mask.png", "x-infection.png"]
    assert len(write_outputs(made(0.9), tmp_path, "x", BatchSettings(masks="auto"))) == 1
