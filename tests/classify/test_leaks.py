"""Patients and pictures in two parts are found."""

import numpy as np
import pytest
from PIL import Image

from lungct.classify.dataset import Example

from ..conftest import SLICES

pytest.importorskip("imagehash")


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
    from lungct.classify.leaks import find_leaks

    examples = [
        example(pictures[0], "train", "a"), example(pictures[1], "train", "b"), example(pictures[2], "val", "b"),
        example(pictures[3], "val", "c"), example(pictures[4], "val", "d"),
    ]  # fmt: skip
    leaks = find_leaks(examples)
    assert (leaks[0].reason, leaks[0].first, leaks[0].second) == ("same patient", pictures[1], pictures[2])
    assert {leak.reason for leak in leaks} == {"same patient", "near-duplicate"}
    assert str(pictures[0]) in str(leaks[1])


def test_a_clean_split_has_none(pictures):
    from lungct.classify.leaks import find_leaks

    examples = [example(path, part, part) for path, part in zip(pictures[:3], ("train", "val", "test"), strict=True)]
    assert find_leaks(examples) == []
    assert find_leaks([example(path, "", "p") for path in pictures]) == []


def test_leaks_are_refused_dropped_or_allowed(pictures):
    from lungct.classify.leaks import settle_leaks

    train = [example(pictures[0], "train", "a"), example(pictures[1], "train", "b"), example(pictures[2], "train", "c")]
    val = [example(pictures[3], "val", "d"), example(pictures[4], "val", "b")]
    assert settle_leaks(train, val, "allow") == train
    assert settle_leaks(train, val, "drop") == train[2:]  # the first as a near-duplicate, the second by its patient
    with pytest.raises(ValueError, match="--leaks drop") as refused:
        settle_leaks(train, val, "refuse")
    assert pictures[0].name in str(refused.value)
    assert settle_leaks(train[2:], val[:1], "refuse") == train[2:]
