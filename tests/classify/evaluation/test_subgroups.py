"""Groups by the values in tables, and the figures of each group."""

import numpy as np
import pytest

from lungct.classify.evaluation.subgroups import groups_of, subgroup_table


def test_ages_numbers_and_categories_are_grouped():
    ages = ["39", "40", "59.5", "80", "", "young"]
    assert groups_of("Age", [*ages, *["70"] * 20])[:6] == [
        "below 40", "40 to below 60", "40 to below 60", "80 and more", "not known", "other",
    ]  # fmt: skip
    assert groups_of("sex", ["F", "f", "M", ""]) == ["F", "F", "M", "not known"]
    assert groups_of("kVp", ["100", "120", "120"]) == ["100", "120", "120"]
    thirds = groups_of("dose", [str(value) for value in range(30)])
    assert [thirds.count(group) for group in dict.fromkeys(thirds)] == [10, 10, 10]
    words = [f"{number % 12}" + "x" for number in range(24)] + ["common"] * 9 + ["a" * 41]
    assert groups_of("site", words).count("other") == 24 - 2 * 7 + 1
    assert set(groups_of("page", ["12", "13"])) == {"12", "13"}


def test_figures_of_groups_and_columns_without_groups():
    rng = np.random.default_rng(0)
    covid = np.tile([True, False], 60)
    site = np.repeat(["north", "south"], 60)
    probabilities = np.where(site == "north", np.where(covid, 0.9, 0.1), 0.5) + rng.normal(0, 0.01, 120)
    patients = [f"p{number // 2}" if where == "north" else f"q{number // 10}" for number, where in enumerate(site)]
    details = [{"site": where, "id": f"{number}-x", "same": "yes"} for number, where in enumerate(site)]
    rows, left_out = subgroup_table(details, probabilities, covid, patients, 0.5)
    assert left_out == ["id", "same"]
    north, south = rows
    assert (north["group"], north["n"], north["covid"], north["patients"], north["note"]) == ("north", 60, 30, 30, "")
    assert north["sensitivity"]["value"] == north["auc"]["value"] == 1
    assert (south["patients"], south["note"]) == (6, "few patients")
    low, high = south["auc"]["interval"]
    assert low <= south["auc"]["value"] <= high
    assert south["auc"]["value"] == pytest.approx(0.5, abs=0.2)
    one_class, _ = subgroup_table(details, probabilities, site == "north", patients, 0.5)
    assert np.isnan(one_class[0]["specificity"]["value"])
