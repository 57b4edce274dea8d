"""Labelled volumes: MosMedData's folders, class folders, tables."""

from dataclasses import replace
from pathlib import Path

import pytest

from lungct.classify.data.dataset import Example
from lungct.classify.volume.dataset import check_parts, read_studies
from lungct.sources import SourceError


@pytest.fixture
def mosmed(tmp_path):
    folder = tmp_path / "COVID19_1110"
    for grade, studies in enumerate((2, 3, 1, 1, 1)):
        (folder / "studies" / f"CT-{grade}").mkdir(parents=True)
        for number in range(studies):
            (folder / "studies" / f"CT-{grade}" / f"study_{grade}{number:03d}.nii.gz").touch()
    (folder / "masks").mkdir()
    (folder / "masks" / "study_1000_mask.nii.gz").touch()
    (folder / "studies" / "CT-1" / "study_1000_mask.nii.gz").touch()
    return folder


@pytest.mark.parametrize("inner", ["", "studies"])
def test_mosmed_is_read_unchanged(mosmed, inner):
    found = read_studies(mosmed / inner)
    assert len(found) == 8
    assert [item.covid for item in found] == [False] * 2 + [True] * 6
    assert len({item.patient for item in found}) == 8
    assert {item.source for item in found} == {"COVID19_1110"}
    assert [item.details["grade"] for item in found] == ["CT-0"] * 2 + ["CT-1"] * 3 + ["CT-2", "CT-3", "CT-4"]
    assert found[2].patient == "COVID19_1110/study_1000"
    assert all(item.patient_known and not item.part for item in found)


def test_grades_are_chosen(mosmed):
    assert [item.details["grade"] for item in read_studies(mosmed, (0, 2))] == ["CT-0", "CT-0", "CT-2"]
    (mosmed / "studies" / "CT-4" / "study_4000.nii.gz").unlink()
    with pytest.raises(SourceError, match=r"CT-4.*holds no studies"):
        read_studies(mosmed, (4,))
    (mosmed / "studies" / "CT-4").rmdir()
    assert len(read_studies(mosmed)) == 7
    (mosmed / "studies" / "CT-2").rename(mosmed / "studies" / "CT-23")  # as in Keras' example
    assert [item.covid for item in read_studies(mosmed, (0, 2, 3))] == [False, False, True, True]
    with pytest.raises(SourceError, match=r"CT-4.*missing"):
        read_studies(mosmed, (0, 4))


def test_class_folders_and_tables_are_read_too(tmp_path):
    for name in ("COVID", "NonCOVID"):
        (tmp_path / name / "patient 1").mkdir(parents=True)
        (tmp_path / name / "2.nii.gz").touch()
    assert len(read_studies(tmp_path)) == len({item.patient for item in read_studies(tmp_path)}) == 4
    with pytest.raises(SourceError, match="no grades"):
        read_studies(tmp_path, (0,))
    table = tmp_path / "manifest.csv"
    table.write_text("path,label,patient\nCOVID/2.nii.gz,COVID,a\nNonCOVID/2.nii.gz,0,b\n")
    assert [(item.covid, item.patient) for item in read_studies(table)] == [(True, "manifest/a"), (False, "manifest/b")]


def test_overlapping_or_one_class_parts_are_refused():
    one = Example(Path("1"), True, "a", "s", "train")
    other = replace(one, covid=False, patient="b")
    check_parts([one, other], [replace(one, patient="c"), replace(other, patient="d")])
    with pytest.raises(SourceError, match=r"^a: is in training and in validation"):
        check_parts([one, other], [one, replace(other, patient="d")])
    with pytest.raises(SourceError, match=r"validation part: has no non-COVID volumes"):
        check_parts([one, other], [replace(one, patient="c")])
