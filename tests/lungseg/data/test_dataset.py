"""Pairs and patients."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lungct.lungseg.data.dataset import DataSet, LabelledScan, balanced_draw, by_data_set, leave_out
from lungct.sources import Scan, SourceError


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
    slices = DataSet(*folders).slices()
    assert [item.mask.any() for item in slices] == [False, True] * 6
    assert len({item.patient for item in slices}) == 4
    assert all(item.infection is None for item in slices)


def test_infections_are_read_where_outlined(folders, tmp_path):
    images, masks, patients = folders
    (tmp_path / "infected").mkdir()
    Image.fromarray(np.eye(40, dtype=np.uint8) * 255).save(tmp_path / "infected" / "03.png")
    slices = DataSet(images, masks, patients, tmp_path / "infected").slices()
    assert [index for index, item in enumerate(slices) if item.infection is not None] == [3]
    assert slices[3].infection.sum() == 40
    with pytest.raises(SourceError, match=r"00\.png: has no mask in .*infected"):
        DataSet(images, masks, patients, tmp_path / "infected", all_infections=True).slices()


def test_volumes_are_read_slice_by_slice(tmp_path):
    for name in ("ct", "lungs"):
        (tmp_path / name).mkdir()
    volume = np.zeros((3, 40, 44), np.float32)
    mask = np.zeros(volume.shape, np.uint8)
    mask[1] = 1
    np.save(tmp_path / "ct" / "a.npy", volume)
    np.save(tmp_path / "lungs" / "a.npy", mask)
    (scan,) = DataSet(tmp_path / "ct", tmp_path / "lungs").scans()
    assert scan.mask.shape == scan.scan.shape == (3, 40, 44)
    assert [item.mask.any() for item in scan.slices()] == [False, True, False]
    assert {item.patient for item in scan.slices()} == {scan.patient}


@pytest.mark.parametrize("seed", range(5))
def test_split_shares_no_patient_and_is_repeatable(folders, seed):
    data_set = DataSet(*folders)
    train, held_out = (data_set.slices(files) for files in data_set.split(0.25, seed))
    assert len(train) + len(held_out) == 12
    assert len(held_out) == 3
    assert not {item.patient for item in train} & {item.patient for item in held_out}
    assert data_set.split(0.25, seed) == data_set.split(0.25, seed)


def test_faulty_labels_are_excluded_by_name_and_unknown_names_refused(folders):
    slices = DataSet(*folders).slices()
    assert len(leave_out(slices, ["03.", "07."])) == 10
    assert len(leave_out(slices, [])) == 12
    with pytest.raises(ValueError, match="no training slice has '99'"):
        leave_out(slices, ["99"])


def test_broken_folders_are_named(folders, tmp_path):
    images, masks, patients = folders
    with pytest.raises(SourceError, match="is not a folder"):
        DataSet(tmp_path / "nowhere", masks).slices()
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="holds no pictures"):
        DataSet(images, tmp_path / "empty").slices()
    Image.fromarray(np.zeros((50, 40), np.uint8)).save(masks / "03.png")
    with pytest.raises(SourceError, match=r"03\.png: has shape \(1, 50, 40\)"):
        DataSet(images, masks).slices()
    (masks / "03.png").unlink()
    with pytest.raises(SourceError, match="has no mask"):
        DataSet(images, masks).slices()
    patients.write_text("name,id\n")
    with pytest.raises(SourceError, match="lacks the columns"):
        DataSet(images, masks, patients).slices()
    with pytest.raises(ValueError, match="can't split"):
        DataSet(images, masks).split(1.0, 0)


def test_data_sets_with_one_parent_and_patients_with_slashes_stay_separate(folders):
    item = DataSet(*folders).slices()[0]
    parent = folders[0].parent
    slices = [LabelledScan(item.scan, item.mask, f"{name}/a/b", parent / name) for name in ("ct", "ct", "other")]
    assert [len(chosen) for chosen in by_data_set(slices).values()] == [2, 1]
    assert list(by_data_set(slices[:2])) == [parent.name]


def test_small_data_sets_are_drawn_more_often(tmp_path):
    scan = Scan(np.zeros((1, 8, 8), dtype=np.float32), "display")
    mask = np.zeros((1, 8, 8), dtype=bool)
    slices = [LabelledScan(scan, mask, str(n), Path("large")) for n in range(90)]
    slices += [LabelledScan(scan, mask, str(n), Path("small")) for n in range(10)]
    order = balanced_draw(slices, np.random.default_rng(0))
    assert len(order) == 100
    assert (order >= 90).sum() == 25  # the square roots are 9.5 and 3.2
    counts = np.bincount(order, minlength=100)
    assert counts[:90].max() == 1
    assert set(counts[90:]) == {2, 3}


def test_a_single_data_set_is_drawn_once_through():
    scan = Scan(np.zeros((1, 8, 8), dtype=np.float32), "display")
    slices = [LabelledScan(scan, np.zeros((1, 8, 8), dtype=bool), str(n)) for n in range(7)]
    assert sorted(balanced_draw(slices, np.random.default_rng(1))) == list(range(7))


def test_masks_of_two_values_tell_the_sides(folders):
    images, masks, patients = folders
    for path in masks.iterdir():
        labels = np.zeros((40, 40), np.uint8)
        labels[:, 5:15], labels[:, 25:35] = 1, 2
        Image.fromarray(labels).save(path)
    item = DataSet(images, masks, patients).slices()[0]
    assert (item.sides[0, :, 5:15] == 1).all()
    assert (item.sides[0, :, 25:35] == 2).all()
    np.testing.assert_array_equal(item.sides > 0, item.mask)
