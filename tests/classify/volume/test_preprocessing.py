"""From a volume and its lungs to the network's input: properties that hold for every volume."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lungct.classify import VolumePreprocessing
from lungct.classify.volume.preprocessing import _along_body
from lungct.sources import Scan, SourceError, read_scan

from ...conftest import SHARED


def ball(shape=(20, 60, 60), spacing=(3.0, 1.0, 1.0), radius=20.0, at=None):
    """Return a ball of -300 HU in air, in mm, and where it is."""
    centre = (np.array(shape) - 1) / 2 if at is None else np.array(at)
    grid = np.indices(shape) - centre[:, None, None, None]
    distance = np.sqrt(((grid * np.array(spacing)[:, None, None, None]) ** 2).sum(axis=0))
    mask = distance < radius
    return Scan(np.where(mask, -300, -1000).astype(np.float32), "hu", spacing), mask


def extents(volume, level=0.25):
    """Return how many voxels along each axis are brighter than a level."""
    return [int((volume.max(axis=others) > level).sum()) for others in ((1, 2), (0, 2), (0, 1))]


def test_fixed_fills_the_shape_and_isotropic_keeps_a_ball_a_ball():
    scan, mask = ball()
    fixed = VolumePreprocessing((16, 32, 24), margin=0.0)(scan, mask)
    assert fixed.shape == (16, 32, 24)
    assert fixed.dtype == np.float32
    assert fixed.max() == pytest.approx(0.5)  # -300 in the window from -1000 to 400
    assert extents(fixed, 0.02) == [16, 32, 24]
    true = VolumePreprocessing((32, 32, 48), sampling="isotropic", margin=0.0)(scan, mask)
    slices, height, width = extents(true)
    assert height == pytest.approx(width, abs=1)
    assert slices == pytest.approx(width, abs=2)
    assert not true[:, :, :7].any()  # zeros around the shorter axes
    assert not true[:, :, -7:].any()


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(2, 12), st.integers(8, 40), st.integers(8, 40)),
    st.tuples(st.integers(1, 20), st.integers(1, 30), st.integers(1, 30)),
    st.sampled_from(["fixed", "isotropic"]),
    st.sampled_from(["masked", "crop"]),
)
def test_every_volume_becomes_grey_values_of_the_right_shape(seed, size, shape, sampling, region):
    rng = np.random.default_rng(seed)
    pixels = rng.uniform(-3000, 3000, size).astype(np.float32)
    mask = rng.random(size) < 0.3
    mask[tuple(side // 2 for side in size)] = True
    positions = np.cumsum(rng.uniform(0.5, 8, size[0]))
    scan = Scan(pixels, "hu", (float(np.diff(positions).mean()), 0.7, 0.9), metadata={"slice_positions": positions})
    found = VolumePreprocessing(shape, sampling=sampling, region=region, margin=0.1)(scan, mask)
    assert found.shape == shape
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert 0 <= found.min() <= found.max() <= 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(1, 40))
def test_slices_keep_their_places(seed, slices, count):
    """If slices contain their own position, each output slice does too, except for smoothing."""
    edges = np.concatenate([[0], np.cumsum(np.random.default_rng(seed).uniform(0.5, 5, slices))])
    places = (edges[1:] + edges[:-1]) / 2
    found = _along_body(places[:, None, None].astype(np.float32), edges, count)[:, 0, 0]
    step = edges[-1] / count
    wanted = np.clip((np.arange(count) + 0.5) * step, places[0], places[-1])
    assert (np.diff(found) >= -1e-5).all()
    smoothed = step > np.diff(places).mean()
    assert np.abs(found - wanted).max() <= (max(step, np.diff(places).max()) if smoothed else 1e-4)


def test_evenly_spaced_slices_that_grow_are_interpolated_as_scipy_does():
    column = np.random.default_rng(0).random(9)
    found = _along_body(column[:, None, None].astype(np.float32), np.arange(10.0), 27)[:, 0, 0]
    expected = ndimage.zoom(column, 3, order=1, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_centre_of_a_lesion_stays_in_place():
    scan, mask = ball((24, 64, 64), (2.0, 1.0, 1.0), 28)
    lesion = ball((24, 64, 64), (2.0, 1.0, 1.0), 6, at=(8, 40, 22))[1]
    pixels = np.where(lesion, 300, scan.pixels).astype(np.float32)
    found = VolumePreprocessing((24, 32, 32), margin=0.0)(Scan(pixels, "hu", scan.spacing), mask)
    centre = np.array(ndimage.center_of_mass(found > 0.8))
    box = [np.flatnonzero(mask.any(axis=others))[[0, -1]] + (0, 1) for others in ((1, 2), (0, 2), (0, 1))]
    places = zip((8, 40, 22), box, found.shape, strict=True)
    expected = [(at + 0.5 - low) / (high - low) * side - 0.5 for at, (low, high), side in places]
    np.testing.assert_allclose(centre, expected, atol=0.6)


def test_unevenly_spaced_slices_are_placed_by_their_millimetres():
    """A ball that is scanned finely below and coarsely above is still a ball."""
    fine, mask = ball((41, 50, 50), (1.0, 1.0, 1.0), 18)
    kept = np.r_[0:20, 20:41:4]
    uneven = Scan(fine.pixels[kept], "hu", (1.6, 1.0, 1.0), metadata={"slice_positions": kept.astype(float)})
    preprocess = VolumePreprocessing((16, 16, 16), sampling="isotropic", margin=0.0)
    one, other = preprocess(fine, mask), preprocess(uneven, mask[kept])
    assert extents(one) == pytest.approx(extents(other), abs=1)
    assert np.abs(one - other).mean() < 0.03
    backwards = Scan(fine.pixels, "hu", fine.spacing, metadata={"slice_positions": -np.arange(41.0)})
    np.testing.assert_allclose(preprocess(backwards, mask), one, atol=1e-6)


def test_outside_the_lungs_is_zero_unless_the_box_is_shown():
    scan, mask = ball()
    half = mask & (np.arange(60) < 30)
    masked = VolumePreprocessing((16, 32, 32), margin=0.3)(scan, half)
    crop = VolumePreprocessing((16, 32, 32), margin=0.3, region="crop")(scan, half)
    assert masked.mean() < crop.mean()
    assert not masked[:, :, -3:].any()
    assert crop[8, 16, -3] == pytest.approx(0.5)


def test_display_grey_keeps_its_window():
    scan, mask = ball()
    grey = Scan(np.where(mask, 0.7, 0.1).astype(np.float32), "display", scan.spacing)
    assert VolumePreprocessing((8, 16, 16))(grey, mask).max() == pytest.approx(0.7)


def test_unusable_volumes_are_named():
    scan, mask = ball()
    named = Scan(scan.pixels, "hu", None, source="study 7")
    with pytest.raises(SourceError, match=r"study 7.*does not give its spacing"):
        VolumePreprocessing(sampling="isotropic")(named, mask)
    VolumePreprocessing((4, 8, 8))(named, mask)  # if stretched, it doesn't matter
    with pytest.raises(SourceError, match=r"study 7.*no lung"):
        VolumePreprocessing()(named, np.zeros_like(mask))
    with pytest.raises(SourceError, match=r"study 7.*single slice"):
        VolumePreprocessing()(Scan(scan.pixels[:1], "hu", source="study 7"), mask[9:10])
    for wrong in ({"sampling": "cubic"}, {"region": "erased"}, {"shape": (0, 8, 8)}, {"shape": (8, 8)}):
        with pytest.raises(ValueError, match="must be"):
            VolumePreprocessing(**wrong)


def test_settings_survive_the_card():
    settings = VolumePreprocessing((32, 64, 64), (-1200.0, 200.0), "isotropic", 0.1, "crop")
    assert VolumePreprocessing.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


@pytest.mark.shared
@pytest.mark.parametrize("name", ["lctsc-nifti/LCTSC-Test-S1-101.nii.gz", "lung-pet-ct-dx-dicom/series-B40f"])
@pytest.mark.parametrize("sampling", ["fixed", "isotropic"])
def test_real_volumes_from_nifti_and_dicom(pipe, name, sampling):
    scan = read_scan(SHARED / name)
    mask = pipe.segmenter.segment(scan).mask
    found = VolumePreprocessing((32, 64, 64), sampling=sampling)(scan, mask)
    inside = found[found > 0]
    assert 0.1 < inside.size / found.size < 0.75
    assert 0.08 < np.median(inside) < 0.25  # lung: about -850 HU
    # Both lungs, with the mediastinum between them. In true proportions 64 columns are wider than these lungs.
    columns = (found > 0).any(axis=0).sum(axis=0)
    assert columns[20:44].min() < columns.max()
