"""Training examples: what each teaches of the class, of infection and of where it is; and the teachers' answers."""

from pathlib import Path

import numpy as np
import pytest

from lungct.classify.data.dataset import Example
from lungct.classify.data.regions import Regions
from lungct.classify.training.lesions import Lesions
from lungct.classify.training.recipe import ClassifierRecipe

pytestmark = pytest.mark.train

RECIPE = ClassifierRecipe(size=64, lesion_label="COVID", pasted=1.0)


def maker(training, lesions, teach=None, recipe=RECIPE):
    from lungct.classify.training.examples import ExampleMaker

    return ExampleMaker(training, lesions, teach, recipe)


@pytest.fixture
def parts():
    """Four pictures, whose infection is unknown (two), present and absent, and a slice that is infected below."""
    pixels = np.full((4, 64, 64), 120, np.uint8)
    said = [(False, ""), (True, ""), (True, "1"), (False, "0")]
    pictures = [
        Example(Path(f"{index}.png"), covid, str(index), "a", "train", details={"infected": infected})
        for index, (covid, infected) in enumerate(said)
    ]
    drawn = np.zeros((2, 64, 64), np.uint8)
    drawn[0, 32:] = 255
    lesions = Lesions(np.where(drawn > 0, 220, 120).astype(np.uint8), drawn, ("A", "B"))
    return Regions(pixels, pictures), lesions


def weights_of(example):
    return tuple(float(example[2][name]) for name in ("logit", "infected", "disease"))


def test_only_what_is_known_counts(parts):
    example = maker(*parts, recipe=ClassifierRecipe(size=64, lesion_label="COVID", pasted=0.0))
    unknown, covid, infected, free, slice_infected, slice_free = (example(index, 7) for index in range(6))
    assert weights_of(unknown) == weights_of(covid) == (1, 0, 1)
    assert [one[1]["logit"].item() for one in (unknown, covid)] == [0, 1]
    assert weights_of(infected) == (1, 1, 1)
    assert infected[1]["infected"] == 1
    assert weights_of(free) == (1, 1, 0)  # without infection there is nothing to tell diseases apart by
    assert free[1]["infected"] == 0
    assert weights_of(slice_infected) == (1, 1, 1)
    assert [slice_infected[1][name].item() for name in ("logit", "infected", "disease")] == [1, 1, 1]
    assert [slice_free[1][name].item() for name in ("logit", "infected")] == [0, 0]


def test_the_map_is_taught_where_infection_is_known_and_lung_is(parts):
    example = maker(*parts, recipe=ClassifierRecipe(size=64, pasted=0.0))
    for index in range(3):
        assert example(index, 7)[1]["lesions"].shape == (32, 32, 2)
        assert not example(index, 7)[1]["lesions"].any()
    roi, targets, _ = example(3, 7)
    drawn, weight = np.moveaxis(targets["lesions"], -1, 0)
    assert not drawn.any()
    assert weight.mean() == pytest.approx((roi > 0).mean(), abs=0.02)
    drawn = example(4, 7)[1]["lesions"][..., 0]
    assert 0.2 < drawn.mean() < 0.6


def test_slices_of_an_unknown_disease_teach_no_class(parts):
    example = maker(*parts, recipe=ClassifierRecipe(size=64, lesion_label="unknown", pasted=0.0))
    assert weights_of(example(4, 7)) == (0, 1, 0)


def test_lesions_are_pasted_into_lungs_known_to_be_free(parts):
    example = maker(*parts)
    seeds = range(8)
    for seed in seeds:
        roi, targets, _ = example(3, seed)
        if targets["infected"] == 1:
            assert weights_of((roi, targets, _)) == (0, 1, 0)
            drawn = targets["lesions"][..., 0] > 0.9
            grey = roi[::2, ::2, 0]
            assert grey[drawn].mean() > grey[(targets["lesions"][..., 0] == 0) & (grey > 0)].mean()
    assert sum(example(3, seed)[1]["infected"].item() for seed in seeds) >= 3
    assert sum(example(1, seed)[1]["infected"].item() for seed in seeds) == 0  # never into unknown ones


def test_a_network_without_map_has_one_target(parts):
    _, targets, weights = maker(parts[0], None)(1, 7)
    assert targets == {"logit": [1]}
    assert weights == {"logit": 1}


def test_teachers_see_the_augmented_region_and_share_the_target(parts):
    seen = []

    def teach(roi):
        seen.append(roi)
        return 0.8

    recipe = ClassifierRecipe(size=64, teachers_share=0.7, pasted=0.0)
    example = maker(*parts, teach, recipe)
    for index, target in ((0, 0.56), (1, 0.86), (4, 0.8)):  # the last has no label, so only the teachers count
        roi, targets, weights = example(index, 7)
        assert targets["logit"] == pytest.approx([target])
        assert weights["logit"] == 1
        np.testing.assert_array_equal(seen[-1], roi[..., 0])
