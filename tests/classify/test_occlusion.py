"""Occlusion: the evidence of a location is how much hiding it changes the answer."""

import numpy as np
import pytest

from lungct.classify import Classifier
from lungct.classify.occlusion import CELLS, occlusion_grid
from lungct.sources import Scan


def test_the_location_that_causes_the_answer_stands_out():
    lung = np.zeros((160, 160), np.float32)
    lung[8:152, 8:72] = lung[8:152, 88:152] = 1
    roi = np.float32(0.2) * lung
    roi[114:137, 92:137] = 0.9  # an opacity: row 5 of the grid, columns 4 and 5

    grid = occlusion_grid(lambda shown: float((shown > 0.5).sum() / (23 * 45 / 2)), roi, lung)
    assert (grid.shape, grid.dtype) == ((CELLS, CELLS), np.float32)
    row, column = np.unravel_index(grid.argmax(), grid.shape)
    assert row == 5
    assert column in (4, 5)
    assert 1 < grid.max() < 3  # hiding all of it changes the score by 2
    assert not grid[:4].any()
    assert not grid[:, :3].any()


def test_contrary_evidence_is_negative_and_only_lung_is_hidden():
    lung = np.zeros((100, 100), np.float32)
    lung[:, :40] = 1
    seen = []

    def score(shown):
        seen.append(shown)
        return -float(shown[:, :40].std())

    grid = occlusion_grid(score, np.random.default_rng(0).random((100, 100), dtype=np.float32), lung)
    assert (grid[:, :3] < 0).all()
    assert not grid[:, 4:].any()
    whole, hidden, *pairs = seen
    assert len(pairs) == 2 * 8 * 4  # beyond the fourth column, windows contain no lung
    assert np.unique(hidden[:, :40]).size == 1
    for alone, without in zip(pairs[::2], pairs[1::2], strict=True):
        assert 0 < (without != whole).sum() <= 29**2
        np.testing.assert_array_equal(alone[:, 40:], whole[:, 40:])
        np.testing.assert_array_equal(alone + without, whole + hidden)


def test_engines_agree_on_explanations_and_keep_the_answer(chest):
    hu, lungs = chest
    scan, masks = Scan(np.stack([hu, hu]), "hu"), [lungs, np.zeros_like(lungs)]
    one, other = (Classifier(engine=name, threads=2) for name in ("openvino", "onnxruntime"))
    plain, ours, theirs = one.classify(scan, masks), *(net.classify(scan, masks, "occlusion") for net in (one, other))
    assert (plain.explain, ours.explain) == ("lesions", "occlusion")
    assert ours.probability == plain.probability
    assert ours.evidence[1] is None
    assert not np.allclose(ours.evidence[0].grid, 0, atol=0.01)
    np.testing.assert_allclose(theirs.evidence[0].grid, ours.evidence[0].grid, atol=5e-3)
    heat = ours.heatmap(0, lungs)
    assert heat[lungs].min() > 0
    assert not heat[~lungs].any()
    with pytest.raises(ValueError, match="cam, occlusion, not 'gradient'"):
        one.classify(scan, masks, "gradient")
