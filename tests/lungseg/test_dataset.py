"""Pairs and patients."""

import numpy as np
import pytest
from PIL import Image

from lungct.lungseg.dataset import LabelledSlice, by_data_set, read_pairs, split_by_patient
from lungct.sources import SourceError


@pytest.fixture
def folders(tmp_path):
    images, masks = tmp_path / "ct", tmp_path / "lungs"
    images.mkdir()
    masks.mkdir()
    for index in range(12):
        Image.fromarray(np.full((40, 40), index, np.uint8)).save(images / f"{index:02d}.png")
        Image.fromarray(np.full((40, 40), (index % 2) * 255, np.uint8)).save(masks / f"{index:02d}.png")
    (tmp_path / "patients.csv").write_text("file,patient\n" + "".join(f"{i:02d}.png,P{i // 3}\n" for i in range(12)))
    return images, masks, tmp_path / "patients.csv"


def test_pairs_match_by_name_and_carry_patients(folders):
    pairs = read_pairs(*folders)
    assert [item.mask.any() for item in pairs] == [False, True] * 6
    assert len({item.patient for item in pairs}) == 4


@pytest.mark.parametrize("seed", range(5))
def test_split_shares_no_patient_and_is_repeatable(folders, seed):
    pairs = read_pairs(*folders)
    train, val = split_by_patient(pairs, 0.25, seed)
    assert len(train) + len(val) == 12
    assert len(val) == 3
    assert not {item.patient for item in train} & {item.patient for item in val}
    assert [item.patient for item in split_by_patient(pairs[::-1], 0.25, seed)[1]][::-1] == [
        item.patient for item in val
    ]


def test_broken_folders_are_named(folders, tmp_path):
    images, masks, patients = folders
    with pytest.raises(SourceError, match="is not a folder"):
        read_pairs(tmp_path / "nowhere", masks)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="holds no picture"):
        read_pairs(images, tmp_path / "empty")
    Image.fromarray(np.zeros((50, 40), np.uint8)).save(masks / "03.png")
    with pytest.raises(SourceError, match=r"03\.png: is \(50, 40\)"):
        read_pairs(images, masks)
    (masks / "03.png").unlink()
    with pytest.raises(SourceError, match="has no mask"):
        read_pairs(images, masks)
    patients.write_text("name,id\n")
    with pytest.raises(SourceError, match="lacks the columns"):
        read_pairs(images, masks, patients)
    with pytest.raises(ValueError, match="can't split"):
        split_by_patient([], 0.2, 0)


def test_data_sets_of_one_parent_and_patients_with_slashes_stay_apart(folders):
    item = read_pairs(*folders)[0]
    parent = folders[0].parent
    slices = [LabelledSlice(item.scan, item.mask, f"{name}/a/b", parent / name) for name in ("ct", "ct", "other")]
    assert [len(chosen) for chosen in by_data_set(slices).values()] == [2, 1]
    assert list(by_data_set(slices[:2])) == [parent.name]
