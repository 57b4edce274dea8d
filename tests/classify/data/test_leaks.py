"""Patients and pictures in two parts are found."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lungct.classify.data.dataset import Example
from lungct.classify.data.leaks import find_leaks, near_duplicates, settle_leaks, shared_between_parts

from ...conftest import SLICES


@pytest.fixture
def pictures(tmp_path):
    paths = sorted(SLICES.glob("*.png"))[:3]
    small = tmp_path / "small.jpg"
    with Image.open(paths[0]) as picture:
        grey = picture.convert("L")
        grey.resize((200, 200)).save(small, quality=60)
    brighter = tmp_path / "brighter.png"
    Image.fromarray((np.asarray(grey) * 0.7 + 40).astype(np.uint8)).save(brighter)
    return [*paths, small, brighter]


def example(path, part, patient):
    return Example(path, covid=True, patient=patient, source="set", part=part)


def test_near_duplicates_and_shared_patients_are_named(pictures):
    examples = [
        example(pictures[0], "train", "a"), example(pictures[1], "train", "b"), example(pictures[2], "val", "b"),
        example(pictures[3], "val", "c"), example(pictures[4], "val", "d"),
    ]  # fmt: skip
    leaks = find_leaks(examples)
    assert (leaks[0].reason, leaks[0].first, leaks[0].second) == ("same patient", pictures[1], pictures[2])
    assert {leak.reason for leak in leaks} == {"same patient", "near-duplicate"}
    assert str(pictures[0]) in str(leaks[1])


def test_a_clean_split_has_no_leaks(pictures):
    examples = [example(path, part, part) for path, part in zip(pictures[:3], ("train", "val", "test"), strict=True)]
    assert find_leaks(examples) == []
    assert find_leaks([example(path, "", "p") for path in pictures]) == []


def test_leaks_are_refused_dropped_or_allowed(pictures):
    train = [example(pictures[0], "train", "a"), example(pictures[1], "train", "b"), example(pictures[2], "train", "c")]
    val = [example(pictures[3], "val", "d"), example(pictures[4], "val", "b")]
    assert settle_leaks(train, val, "allow") == train
    assert settle_leaks(train, val, "drop") == train[2:]  # one is a near-duplicate, the other has the same patient
    with pytest.raises(ValueError, match="--leaks drop") as refused:
        settle_leaks(train, val, "refuse")
    assert pictures[0].name in str(refused.value)
    assert settle_leaks(train[2:], val[:1], "refuse") == train[2:]


def test_each_copy_is_paired_with_each_other():
    """Copies of copies count too: dropping a picture's near-duplicates must drop all of them."""
    bits = np.random.default_rng(0).integers(0, 256, (3, 32), dtype=np.uint8)
    close = bits[0].copy()
    close[0] ^= 1
    found = near_duplicates([bits[0], bits[1], bits[0], close, bits[2], close])
    assert [tuple(pair) for pair in found] == [(0, 2, 0), (3, 5, 0), (0, 3, 1), (0, 5, 1), (2, 3, 1), (2, 5, 1)]
    assert near_duplicates([]) == []


def test_papers_in_two_parts_are_named():
    examples = [
        Example(Path(f"{number}.png"), covid=True, patient=str(number), source="set", part=part, paper=paper)
        for number, (part, paper) in enumerate([("train", "a"), ("val", "a"), ("val", "b"), ("val", ""), ("", "b")])
    ]
    (shared,) = shared_between_parts(examples, lambda item: item.paper)
    assert shared.name == "a"
    assert shared.members == {"train": [Path("0.png")], "val": [Path("1.png")]}
