"""Planted and real duplicates and papers in two parts of a data set, and what the report says about them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lungct.classify.data.dataset import read_folder
from lungct.classify.data.leak_table import leak_table
from lungct.classify.data.leaks import scan_hash
from lungct.sources import read_scan

from ...conftest import SHARED

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")


def draw_slice(seed, side=160):
    """Return a body with two lungs and vessels, uint8; every seed gives a different picture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side - 0.5
    picture = np.full((side, side), 10.0)

    def ellipse(cy, cx, ry, rx, grey):
        picture[((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 < 1] = grey

    ellipse(0, 0, *rng.uniform(0.3, 0.48, 2), 170)
    for place in (-1, 1):
        ellipse(rng.uniform(-0.05, 0.05), place * rng.uniform(0.14, 0.2), *rng.uniform(0.1, 0.24, 2), 40)
    for _ in range(25):
        ellipse(*rng.uniform(-0.45, 0.45, 2), *rng.uniform(0.02, 0.07, 2), rng.uniform(0, 255))
    return np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)


def plant(folder, pictures, copies):
    """Write pictures into train, and recompressed and resized copies of the first into val; return the pairs."""
    planted = set()
    for number, picture in enumerate(pictures):
        name = "COVID" if number % 2 else "NonCOVID"
        part = "train" if number < len(pictures) // 2 else "val"
        (folder / part / name).mkdir(parents=True, exist_ok=True)
        picture.save(folder / part / name / f"own-{number}.png")
        if number < copies:
            (folder / "val" / name).mkdir(parents=True, exist_ok=True)
            scale = (1, 0.5, 0.7, 1.3)[number % 4]
            size = tuple(round(side * scale) for side in picture.size)
            picture.resize(size).save(folder / "val" / name / f"copy-{number}.jpg", quality=(50, 75, 90)[number % 3])
            planted.add((f"own-{number}.png", f"copy-{number}.jpg"))
    return planted


def found_pairs(folder):
    examples = read_folder(folder)
    table = leak_table(examples, {index: scan_hash(read_scan(item.path)) for index, item in enumerate(examples)})
    return {tuple(Path(row[name]).name for name in ("first", "second")) for row in table["across_parts"]}


def test_ten_planted_duplicates_are_all_named_and_no_more_than_two_others(tmp_path):
    planted = plant(tmp_path, [Image.fromarray(draw_slice(seed)) for seed in range(60)], 10)
    found = {tuple(sorted(pair)) for pair in found_pairs(tmp_path)}
    planted = {tuple(sorted(pair)) for pair in planted}
    assert len(planted) == 10
    assert planted <= found
    assert len(found - planted) <= 2


@pytest.mark.shared
def test_planted_duplicates_of_real_pictures_are_named(tmp_path):
    paths = sorted((SHARED / "covid-ct" / "train" / "COVID").iterdir())[::6][:30]
    planted = plant(tmp_path, [Image.open(path).convert("L") for path in paths], 10)
    found = {tuple(sorted(pair)) for pair in found_pairs(tmp_path)}
    assert {tuple(sorted(pair)) for pair in planted} <= found
    assert len(found) <= 12


@pytest.mark.shared
def test_the_paper_in_both_parts_of_covid_ct_is_named_but_no_patient():
    table = leak_table(read_folder(SHARED / "covid-ct"), {})
    (paper,) = table["shared_papers"]
    assert paper["name"] == "2020.03.13.20035212"
    assert {part: len(names) for part, names in paper["pictures"].items()} == {"train": 3, "val": 9}
    assert table["shared_patients"] == []
    crawled = next(row for row in table["patients"] if "crawled" in row["names"])
    assert crawled["in several parts"] == 0
    assert (crawled["train"], crawled["val"]) == (54, 12)
