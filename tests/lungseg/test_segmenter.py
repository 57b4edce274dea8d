"""The shipped segmenter on real slices."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lungct.lungseg import LungSegmenter
from lungct.lungseg import segmenter as module
from lungct.lungseg.evaluation.scores import dice
from lungct.lungseg.polarity import GLANCE
from lungct.lungseg.segmenter import box_around
from lungct.sources import Scan, read_scan

from ..conftest import SHARED, SLICES


@pytest.fixture(scope="module")
def segmenter():
    return LungSegmenter()


def test_finds_both_lungs_of_every_example(segmenter):
    from skimage.measure import label, regionprops

    for path in sorted(SLICES.glob("*")):
        result = segmenter.segment(read_scan(path))
        if "abdomen" in path.name:
            assert result.lung_fraction < 0.002, path
            continue
        lungs = [region for region in regionprops(label(result.mask[0])) if region.area > 0.01 * 512 * 512]
        assert 1 <= len(lungs) <= 3, path
        assert 0.04 < result.lung_fraction < 0.35, path
        rows, columns = np.nonzero(result.mask[0])
        assert np.ptp(columns) > np.ptp(rows) * 0.8, path


def test_lungs_in_hu_contain_mostly_air(segmenter):
    hu = tifffile.imread(SLICES / "lctsc-S1-101-hu.tif")
    mask = segmenter.segment(read_scan(SLICES / "lctsc-S1-101-hu.tif")).mask[0]
    assert np.median(hu[mask]) < -700
    assert (hu[mask] < -300).mean() > 0.9


def test_volume_equals_its_slices_cleaned_together(segmenter):
    """Neighbouring slices tell each other where the lungs are, so outlines may differ very slightly."""
    scans = [read_scan(SLICES / f"lung-pet-ct-dx-A0002-{number}.png") for number in (11, 17)]
    volume = Scan(np.concatenate([scan.pixels for scan in scans]), "display")
    together = segmenter.segment(volume)
    assert together.confidence.shape == (2,)
    for index, scan in enumerate(scans):
        alone = segmenter.segment(scan)
        assert dice(together.mask[index], alone.mask[0]) > 0.995
        assert together.confidence[index] == pytest.approx(alone.confidence[0], abs=0.01)


def test_small_lungs_get_a_closer_look(segmenter, monkeypatch):
    """On a field four times as large, the second look finds nearly the same lungs as in the slice itself."""
    scan = read_scan(SLICES / "lctsc-S1-101-hu.tif")
    alone = segmenter.segment(scan).mask[0]
    wide = np.full((1, 1024, 1024), -1000, np.float32)
    wide[0, 256:768, 256:768] = np.maximum(scan.pixels[0], -1000)
    found = segmenter.segment(Scan(wide, "hu")).mask[0]
    assert dice(found[256:768, 256:768], alone) > 0.98
    monkeypatch.setattr(module, "WORTH_A_CLOSER_LOOK", 0)
    glimpsed = segmenter.segment(Scan(wide, "hu")).mask[0]
    assert dice(glimpsed[256:768, 256:768], alone) < 0.97


def test_a_picture_that_may_be_cut_off_gets_a_fine_first_look(segmenter, monkeypatch):
    """A coarse look takes a lung that is cut off for the air outside."""
    looks = []
    look = LungSegmenter._look

    def spy(self, run, scan, index, box, preprocess):
        is_whole = scan.pixels[index][box].shape == scan.shape[1:]
        looks.append((preprocess.size, "whole" if is_whole else "box"))
        return look(self, run, scan, index, box, preprocess)

    monkeypatch.setattr(LungSegmenter, "_look", spy)
    whole = read_scan(SLICES / "lctsc-S1-101-hu.tif")
    columns = np.flatnonzero(segmenter.segment(whole).mask[0].any(axis=0))
    assert looks == [(160, "whole"), (256, "box")]
    looks.clear()
    one_lung = replace(whole, pixels=np.ascontiguousarray(whole.pixels[:, :, : int(columns.mean())]))
    segmenter.segment(one_lung)
    assert looks[:2] == [(160, "whole"), (256, "whole")]


def test_the_quick_check_prefers_pictures_that_are_not_inverted(segmenter):
    upright = read_scan(SLICES / "covid19-ny-sbu-A048383.png")
    (sure,) = segmenter.glance(upright)
    (unsure,) = segmenter.glance(replace(upright, pixels=1 - upright.pixels))
    assert unsure < sure
    assert sure > GLANCE


def test_good_slices_raise_no_flag_and_damaged_ones_do(segmenter):
    scan = read_scan(SLICES / "lung-pet-ct-dx-A0002-11.png")
    result = segmenter.segment(scan)
    assert result.flags == ()
    middle = 256
    right = np.nonzero(result.mask[0, :, :middle])[1]
    cut = Scan(scan.pixels[:, :, int(np.median(right)) :], "display")
    # A lung that is cut may be found as far as the border, or not at all.
    assert {"partial-lung", "one-lung"} & set(segmenter.segment(cut).flags)
    painted = scan.pixels.copy()
    painted[0, :, :middle][result.mask[0, :, :middle]] = np.median(scan.pixels[scan.pixels > 0.7])
    assert "one-lung" in segmenter.segment(Scan(painted, "display")).flags


def test_mask_has_the_inputs_shape(segmenter):
    assert segmenter.segment(Scan(np.zeros((2, 45, 99), np.float32), "display")).mask.shape == (2, 45, 99)


@given(
    arrays(np.bool_, st.tuples(st.integers(8, 60), st.integers(8, 60))),
    st.floats(0, 0.5),
    st.integers(1, 3),
)
def test_box_of_the_second_look_contains_the_mask_and_stays_in_the_picture(mask, margin, scale):
    shape = tuple(scale * length for length in mask.shape)
    if not mask.any():
        assert box_around([], margin, shape) is None
        return
    box = box_around([mask], margin, shape)
    together = box_around([mask, mask, np.kron(mask, np.ones((2, 2), bool))], margin, shape)
    for one, other in zip(box, together, strict=True):
        assert (one.start, one.stop) == pytest.approx((other.start, other.stop), abs=1)
    enlarged = np.kron(mask, np.ones((scale, scale), bool))
    assert enlarged[box].sum() == enlarged.sum()
    assert all(0 <= span.start < span.stop <= length for span, length in zip(box, shape, strict=True))
    assert all(size >= 0.15 * length - 1 for size, length in zip(enlarged[box].shape, shape, strict=True))


@pytest.mark.shared
def test_validation_figures_of_the_card_are_reproduced(segmenter):
    """The card's Kaggle figure, on the same held-out slices (every fourth of them)."""
    from lungct.lungseg.data.dataset import DataSet

    folder = SHARED / "kaggle-lung-masks"
    share = segmenter.card.metrics["recipe"]["validation_share"]
    data_set = DataSet(folder / "2d_images", folder / "2d_masks")
    held_out = data_set.slices(data_set.split(share, 0)[1][::4])
    scores = [dice(segmenter.segment(item.scan).mask[0], item.mask[0]) for item in held_out]
    assert np.mean(scores) == pytest.approx(
        segmenter.card.metrics["validation"]["kaggle-lung-masks"]["dice"]["mean"], abs=0.012
    )
    assert np.mean(scores) >= 0.975
