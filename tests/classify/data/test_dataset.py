"""Class folders, patients, splits and balanced sampling."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lungct.classify.data.dataset import (
    BLOCK,
    Example,
    balanced_draw,
    read_examples,
    read_folder,
    read_table,
    split_examples,
    to_measure,
    without_repeats,
)
from lungct.sources import SourceError

from ...conftest import SHARED


@pytest.fixture
def numbered(tmp_path):
    for name in ("COVID", "NonCOVID"):
        (tmp_path / name).mkdir()
        for index in range(110):
            Image.fromarray(np.zeros((1, 1), np.uint8)).save(tmp_path / name / f"{name} ({index}).png")
    return tmp_path


def test_neighbours_stay_together(numbered):
    examples = read_folder(numbered)
    assert len(examples) == 220
    train, val = split_examples(examples, 0.2, 0)
    assert len(train) + len(val) == 220
    assert not {item.patient for item in train} & {item.patient for item in val}
    assert {item.covid for item in val} == {True, False}
    numbers = sorted(int(item.path.stem.split("(")[1][:-1]) for item in val if item.covid)
    assert numbers[-1] - numbers[0] == len(numbers) - 1
    assert len(numbers) <= BLOCK


def test_csv_provides_patients_and_parts_are_kept(tmp_path):
    for part in ("train", "val"):
        for name in ("COVID", "NonCOVID"):
            (tmp_path / part / name).mkdir(parents=True)
            for index in range(4):
                picture = tmp_path / part / name / f"{part}{name}{index}.png"
                Image.fromarray(np.zeros((1, 1), np.uint8)).save(picture)
    rows = [f"{path.name},{path.name[:-5]}-{int(path.stem[-1]) // 2}" for path in tmp_path.rglob("*.png")]
    (tmp_path / "meta.csv").write_text("File name,Patient ID\n" + "\n".join(rows))
    train, val = split_examples(read_folder(tmp_path), 0.5, 0, exclude=["COVID3"])
    assert {item.part for item in train} == {"train"}
    assert (len(train), len(val)) == (6, 8)
    assert len({item.patient for item in val}) == 4


def test_missing_and_empty_folders_are_named(tmp_path):
    with pytest.raises(SourceError, match="is missing"):
        read_folder(tmp_path)
    (tmp_path / "COVID").mkdir()
    with pytest.raises(SourceError, match="holds no pictures"):
        read_folder(tmp_path)


def test_draws_are_balanced_and_use_everything(numbered):
    examples = [item for item in read_folder(numbered) if item.covid or int(item.path.stem.split("(")[1][:-1]) < 10]
    labels = np.array([item.covid for item in examples])
    drawn = balanced_draw(examples, labels, 220, np.random.default_rng(0))
    covid, others = (np.sqrt((labels == one).sum()) for one in (True, False))
    assert labels[drawn].sum() == pytest.approx(220 * covid / (covid + others), abs=1)
    assert len(set(drawn)) >= 118  # shares are rounded up, and the rest is cut


@pytest.mark.shared
def test_official_covid_ct_split_is_read():
    train, val = split_examples(read_folder(SHARED / "covid-ct"), 0.2, 0)
    assert [sum(item.covid for item in part) for part in (train, val)] == [191, 60]
    assert [len(train), len(val)] == [425, 118]
    assert len({item.patient for item in val}) == 56


def test_table_provides_everything_or_sensible_defaults(tmp_path):
    table = tmp_path / "list.csv"
    table.write_text("path,label,patient,source,split\na.png,COVID,P1,north,train\nb/c.png,non-COVID,,,\n")
    first, second = read_examples(table)
    assert (first.path, first.covid, first.patient, first.source, first.part) == (
        tmp_path / "a.png", True, "north/P1", "north", "train"
    )  # fmt: skip
    assert (second.covid, second.patient, second.source, second.part) == (False, "list/b/c.png", "list", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\na.png,COVID\n", "lacks the column path"),
        ("path,label\n", "lists no pictures"),
        ("path,label\na.png,flu\n", "line 2: has the label 'flu'"),
        ("path,label,split\na.png,COVID,dev\n", "has the split 'dev'"),
    ],
)
def test_broken_tables_are_named(tmp_path, text, message):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(SourceError, match=message):
        read_examples(tmp_path / "list.csv")


def test_the_last_part_of_each_set_is_measured():
    def pictures(source, *parts):
        return [
            Example(Path(f"{source}{part}.png"), covid=True, patient="p", source=source, part=part) for part in parts
        ]

    examples = [
        *pictures("a", "train", "val", "test"), *pictures("b", "train", "val"), *pictures("c", "", ""),
        *pictures("d", "train", "train"), *pictures("e", "train", ""),
    ]  # fmt: skip
    assert [(item.source, item.part) for item in to_measure(examples)] == [
        ("a", "test"), ("b", "val"), ("c", ""), ("c", ""),
    ]  # fmt: skip
    train, val = split_examples(examples[:3], 0.5, 0)
    assert [item.part for item in train + val] == ["train", "val"]
    with pytest.raises(SourceError, match=r"^d: has only training pictures\..*--all-parts"):
        to_measure(pictures("d", "train"))


def test_duplicate_lines_count_once():
    first = Example(Path("a.png"), covid=True, patient="p", source="s", part="test")
    other_part, other_label = replace(first, part="train"), replace(first, covid=False)
    kept, repeated = without_repeats([first, other_part, replace(first, path=Path("b/../a.png")), other_label, first])
    assert kept == [first, other_part, other_label]
    assert repeated == [Path("b/../a.png"), Path("a.png")]


def test_dataset_knows_whether_patients_are_named(numbered, tmp_path):
    """Names that look like blocks, or like the picture's own name, count as known patients."""
    assert {item.patient_known for item in read_folder(numbered)} == {False}
    table = tmp_path / "list.csv"
    table.write_text("path,label,patient\na.png,1,a.png\nb.png,0,block 7\nc.png,0,\n")
    assert [item.patient_known for item in read_table(table)] == [True, True, False]
    assert [item.label for item in read_table(table)] == ["COVID", "non-COVID", "non-COVID"]


def test_tables_provide_papers_and_details(tmp_path):
    table = tmp_path / "list.csv"
    table.write_text(
        "Path,Label,Patient,DOI,Age,Scanner\n"
        "a-p3-4.png,1,P1,https://doi.org/10.1101/2020.03.13.20035212,41,GE\n"
        "2020.03.13.20035212-p23-91%0.png,0,P2,,,\n"
        "x.png,0,P3,,7,\n"
    )
    first, second, third = read_examples(table)
    assert first.paper == second.paper == "2020.03.13.20035212"
    assert third.paper == ""
    assert first.details == {"age": "41", "scanner": "GE"}
    assert (second.details, third.details) == ({}, {"age": "7"})
    table.write_text("path,label\na.png,1,too many\n")
    with pytest.raises(SourceError, match="line 2: has more cells"):
        read_examples(table)
    table.write_bytes(b"path,label\n\xff\xfe,1\n")
    with pytest.raises(SourceError, match="is not a CSV in UTF-8"):
        read_examples(table)


def test_paths_of_a_reference_are_relative_to_the_folder_or_the_table(tmp_path):
    data, table = tmp_path / "scans", tmp_path / "labels" / "list.csv"
    for folder in (data / "series", table.parent):
        folder.mkdir(parents=True)
    (table.parent / "beside.png").touch()
    table.write_text("path,label\nseries,1\nbeside.png,0\nnowhere.png,0\n")
    found = read_table(table, data)
    assert [item.path for item in found] == [data / "series", table.parent / "beside.png", data / "nowhere.png"]
    assert {item.source for item in found} == {"scans"}


def test_folders_in_class_folders_are_scans_on_request(tmp_path):
    for name in ("COVID", "NonCOVID"):
        (tmp_path / name / "patient-1").mkdir(parents=True)
        (tmp_path / name / "study.zip").touch()
        (tmp_path / name / "volume.nii.gz").touch()
    assert [item.path.name for item in read_folder(tmp_path, subfolders=True)] == [
        "patient-1", "study.zip", "volume.nii.gz",
    ] * 2  # fmt: skip
    assert [item.path.name for item in read_folder(tmp_path)] == ["volume.nii.gz"] * 2
