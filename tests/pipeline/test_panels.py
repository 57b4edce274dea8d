"""Pictures of several slices, and pages with little but margins, are noticed; ordinary slices are not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lungct.pipeline import Pipeline
from lungct.pipeline.panels import has_several_panels
from lungct.sources import read_scan

from ..conftest import ROOT

SLICE = ROOT / "examples/slices/covid19-ny-sbu-A002304.png"


@pytest.fixture(scope="module")
def grey():
    return np.asarray(Image.open(SLICE).convert("L").resize((256, 256)))


def gutter(value, width=8, height=256):
    return np.full((height, width), value, np.uint8)


def closer(picture):
    """Cut off the black border, so that the body reaches the edge."""
    return np.asarray(Image.fromarray(picture[50:206, 50:206]).resize((256, 256)))


LAYOUTS = {
    "seam": lambda a: np.hstack([closer(a), np.rot90(closer(a), 2)]),
    "white gutter": lambda a: np.hstack([a, gutter(255), a]),
    "stacked": lambda a: np.vstack([a, gutter(255, 256, 8), a]),
    "three": lambda a: np.hstack([a, gutter(255), a, gutter(255), a]),
    "grid": lambda a: np.vstack([np.hstack([a, gutter(255), a]), gutter(255, 520, 8), np.hstack([a, gutter(255), a])]),
    "page of two": lambda a: np.pad(np.hstack([a, gutter(255, 30), a]), 40, constant_values=255),
    "margins": lambda a: np.pad(a, 120, constant_values=255),
}


def lung_like(picture):
    """Dark pixels in each panel's middle, as a mask would have them: two lungs, side by side."""
    mask = np.zeros((1, *picture.shape), dtype=bool)
    for top in range(0, picture.shape[0] - 200, 256):
        for left in range(0, picture.shape[1] - 200, 256):
            mask[0, top + 90 : top + 170, left + 50 : left + 110] = True
            mask[0, top + 90 : top + 170, left + 150 : left + 210] = True
    return mask


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_panels_are_noticed(grey, layout):
    picture = LAYOUTS[layout](grey)
    assert has_several_panels(read_scan(picture), lung_like(picture))


@pytest.mark.parametrize("width", [200, 256, 340, 420, 512])
def test_one_slice_of_any_width_is_not(grey, width):
    picture = np.asarray(Image.fromarray(grey).resize((width, 256)))
    assert not has_several_panels(read_scan(picture), lung_like(picture))


def test_lungs_cut_out_and_set_on_black_are_not():
    picture = np.zeros((160, 256), np.uint8)
    picture[20:140, 20:110] = picture[20:140, 150:240] = np.random.default_rng(0).integers(40, 90, (120, 90))
    assert not has_several_panels(read_scan(picture), picture[None] > 0)


def test_volumes_and_even_pictures_are_not(grey):
    volume = np.stack([LAYOUTS["white gutter"](grey)] * 3)
    assert not has_several_panels(read_scan(volume), np.ones(volume.shape, bool))
    even = np.full((64, 128), 7, np.uint8)
    assert not has_several_panels(read_scan(even), np.ones((1, 64, 128), bool))


def test_two_panels_get_no_answer(grey, tmp_path):
    path = Path(tmp_path / "two.png")
    Image.fromarray(LAYOUTS["white gutter"](grey)).save(path)
    prediction = Pipeline.from_pretrained().predict(path)
    assert "several-panels" in prediction.warnings
    assert prediction.label == "indeterminate"
    assert "several-panels" not in Pipeline.from_pretrained().predict(SLICE).warnings
