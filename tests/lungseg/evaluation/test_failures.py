"""Artificial failures are of the stated kind, and the flags are measured on them."""

import numpy as np
import pytest

from lungct.lungseg import FLAGS, LungSegmenter
from lungct.lungseg.data.dataset import LabelledScan
from lungct.lungseg.quality import quality_flags
from lungct.sources import Scan

from ...conftest import make_chest

pytestmark = pytest.mark.train
SURE = np.ones(1, np.float32)


@pytest.mark.parametrize("flag", ["partial-lung", "one-lung", "implausible-area", "implausible-shape"])
def test_a_true_mask_of_each_failure_raises_its_flag(flag):
    from lungct.lungseg.evaluation.failures import FAILURES

    hu, lungs = make_chest(256, 320)
    grey = (np.clip(hu, -1000, 400) + 1000) / 1400
    raised = 0
    for seed in range(20):
        pixels, mask = FAILURES[flag](grey, lungs, np.random.default_rng(seed))
        assert pixels.shape == mask.shape
        raised += flag in quality_flags(mask[None], SURE)
    assert raised >= 16


def test_every_flag_has_a_row():
    from lungct.lungseg.evaluation.failures import measure_flags

    hu, lungs = make_chest(200, 240)
    rows = measure_flags(LungSegmenter(), [LabelledScan(Scan(hu[None], "hu"), lungs[None], "P1")])
    assert [row["flag"] for row in rows] == list(FLAGS)
    assert [row["made"] for row in rows[:4]] == [1, 1, 1, 1]
    assert all(row["untouched"] == 1 for row in rows)
