"""Groups of what belongs together (near-duplicates, patients), and splits that never divide a group."""

import numpy as np
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lungct.classify.data.perceptual import NEAR, near_pairs
from lungct.pipeline.preprocess.groups import PARTS, Grouping, Split, group_rows, split_groups
from lungct.pipeline.preprocess.job import run_preprocess
from lungct.pipeline.preprocess.settings import PreprocessSettings
from lungct.sources import SourceError

from ...conftest import SLICES


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Three patients' pictures, each also as JPEG and at half the size, with the picture that each file shows."""
    folder = tmp_path_factory.mktemp("planted")
    chosen = [SLICES / f"{name}.png" for name in ("covid19-ny-sbu-A002304", "covid19-ny-sbu-A048383")]
    chosen += [SLICES / "covid19-ny-sbu-A056642.png", SLICES / "lung-pet-ct-dx-A0002-11.png"]
    for number, path in enumerate(chosen):
        with Image.open(path) as picture:
            picture.save(folder / f"{number}-same.png")
            picture.save(folder / f"{number}-jpeg.jpg", quality=50)
            picture.resize((256, 256), Image.Resampling.BILINEAR).save(folder / f"{number}-half.png")
    return folder


def manifest(out):
    return pyarrow.parquet.read_table(out / "manifest.parquet").to_pylist()


def test_near_duplicates_are_one_group_and_never_in_two_parts(planted, tmp_path):
    for seed in range(8):  # the first run cuts, the others only split again
        grouping = Grouping(split=Split((0.5, 0.25, 0.25), seed))
        counts = run_preprocess([planted], tmp_path, settings=PreprocessSettings(size=32), grouping=grouping)
        assert counts.done == (12 if seed == 0 else 0)
        rows = manifest(tmp_path)
        pictures = [row["source"].rpartition("/")[2][0] for row in rows]
        assert [row["group"] for row in rows] == [int(picture) for picture in pictures]
        assert len({(row["group"], row["split"]) for row in rows}) == 4
        assert sorted(row["split"] for row in rows) == ["test"] * 3 + ["train"] * 6 + ["val"] * 3
    run_preprocess([planted], tmp_path, settings=PreprocessSettings(size=32), grouping=Grouping(near=None))
    assert [row["group"] for row in manifest(tmp_path)] == list(range(12))
    assert "split" not in manifest(tmp_path)[0]


def test_a_column_to_group_by_must_exist(planted, tmp_path):
    with pytest.raises(SourceError, match="column patient: is not in the input tables"):
        run_preprocess([planted], tmp_path, grouping=Grouping(("patient",)))


def test_pairs_equal_those_of_comparing_all():
    random = np.random.default_rng(0)
    bits = np.repeat(random.random((60, 256)) < 0.5, 6, axis=0)
    hashes = np.packbits(bits ^ (random.random(bits.shape) < 0.09), axis=1)
    hashes[5] = hashes[300]
    random.shuffle(hashes)
    differ = np.bitwise_count(hashes[:, None] ^ hashes).sum(axis=-1)
    expected = group_by_hand([*zip(*np.nonzero(differ <= NEAR), strict=True)], len(hashes))
    pairs = [(one, other) for block in near_pairs(hashes, NEAR, 2) for one, other in zip(*block, strict=True)]
    assert all(differ[pair] <= NEAR for pair in pairs)
    assert group_by_hand(pairs, len(hashes)) == expected
    assert 60 <= len(set(expected)) < 360
    texts = [row.tobytes().hex() for row in hashes]
    assert group_rows([], texts, NEAR).tolist() == numbered(expected)


def group_by_hand(pairs, count):
    """Each row's group by its lowest member, by following one pair after another."""
    groups = list(range(count))
    for one, other in pairs:
        first, second = sorted((groups[one], groups[other]))
        groups = [first if group == second else group for group in groups]
    return groups


def numbered(groups):
    order = {}
    return [order.setdefault(group, len(order)) for group in groups]


SHARES = st.sampled_from([(0.8, 0.1, 0.1), (0.6, 0.2, 0.2), (0.9, 0.1, 0.0), (1.0, 0.0, 0.0), (0.34, 0.33, 0.33)])
ROW = st.tuples(
    st.integers(0, 30),  # input
    st.one_of(st.none(), st.just(""), st.sampled_from("abcdefgh")),  # patient
    st.one_of(st.none(), st.integers(0, 15)),  # which of some pictures, if there is one
)


@settings(deadline=None, max_examples=150)
@given(st.lists(ROW, max_size=80), SHARES, st.integers(0, 5))
def test_groups_are_never_split_across_parts(found, shares, seed):
    pictures = np.random.default_rng(1).integers(0, 256, (16, 32), dtype=np.uint8)
    keys, patients, shown = ([row[place] for row in found] for place in range(3))
    hashes = [None if picture is None else pictures[picture].tobytes().hex() for picture in shown]
    groups = group_rows([keys, patients], hashes, NEAR)
    counted = np.array([picture is not None for picture in shown], dtype=bool)
    split = split_groups(groups, counted, Split(shares, seed))
    np.testing.assert_array_equal(split, split_groups(groups, counted, Split(shares, seed)))
    for column in (keys, patients, shown, groups):
        for value in {value for value in column if value is not None and value != ""}:
            assert len({part for part, own in zip(split, column, strict=True) if own == value}) == 1
    largest = np.bincount(groups[counted]).max(initial=0)
    for part, share in zip(PARTS, shares, strict=True):
        assert counted[split == part].sum() <= share * counted.sum() + largest
        assert share > 0 or part not in split


def test_groups_are_numbered_in_order_and_empty_cells_join_nothing():
    keys, patients = ["a", "b", "c", "d", "a", "e"], ["x", None, "", "y", "y", None]
    assert group_rows([keys, patients], [None] * 6, NEAR).tolist() == [0, 1, 2, 0, 0, 3]


def test_every_part_gets_groups_of_every_size():
    groups = np.repeat(np.arange(400), np.tile([1, 20], 200))
    split = split_groups(groups, np.ones(len(groups), bool), Split((0.8, 0.1, 0.1)))
    sizes = np.bincount(groups)[groups]
    for part, share in zip(PARTS, (0.8, 0.1, 0.1), strict=True):
        assert abs((split == part).mean() - share) < 0.003
        assert (sizes[split == part] == 20).sum() > 0
    assert {1, 20} == set(sizes[split == "val"]) or {1, 20} == set(sizes[split == "test"])


@pytest.mark.parametrize("shares", [(0.8, 0.2), (0.8, 0.1, 0.2), (1.2, -0.1, -0.1), (float("nan"), 0.5, 0.5)])
def test_shares_must_add_up_to_one(shares):
    with pytest.raises(ValueError, match="add up to 1"):
        Split(shares)
