"""Transforms of albumentations: the pipeline's masks for any kind of image, combined and serialised."""

import json
import pickle

import albumentations as A  # noqa: N812 # as everybody calls it
import numpy as np
import pytest
from PIL import Image

from lungct.pipeline.adapters.albumentations import LungMask, LungRoi
from lungct.sources import SourceError

from ...conftest import ROOT, SLICES


@pytest.fixture(scope="module")
def grey(covid_slice):
    return np.asarray(Image.open(covid_slice))


@pytest.fixture(scope="module")
def lungs(pipe, covid_slice):
    return pipe.predict(covid_slice).lung_mask


def forms(grey):
    """Yield the picture as uint8 and float32, without channels, with one and with three."""
    unit = grey.astype(np.float32) / 255
    for image in (grey, unit):
        yield from (image, image[..., None], np.repeat(image[..., None], 3, axis=2))


def test_image_times_mask_keeps_shape_and_dtype(grey, lungs):
    transform = A.Compose([LungRoi()], strict=True)
    for image in forms(grey):
        roi = transform(image=image)["image"]
        assert roi.dtype == image.dtype
        np.testing.assert_array_equal(roi, image * lungs.reshape(512, 512, *[1] * (image.ndim - 2)))


def test_other_transforms_apply_to_the_mask(grey, lungs):
    transform = A.Compose([LungMask(), A.HorizontalFlip(p=1)], strict=True)
    for image in forms(grey):
        result = transform(image=image)
        assert (result["mask"].dtype, result["mask"].shape) == (np.uint8, (512, 512))
        np.testing.assert_array_equal(result["mask"], lungs[:, ::-1])
        np.testing.assert_array_equal(result["image"], image[:, ::-1])


def test_mask_under_another_name_leaves_the_first_alone(grey, lungs):
    lesions = np.eye(512, dtype=np.uint8)
    transform = A.Compose([LungMask(key="lungs"), A.VerticalFlip(p=1)], additional_targets={"lungs": "mask"})
    result = transform(image=grey, mask=lesions)
    np.testing.assert_array_equal(result["mask"], lesions[::-1])
    np.testing.assert_array_equal(result["lungs"], lungs[::-1])


def test_volumes_are_one_scan_and_images_are_many(pipe):
    prediction = pipe.predict(ROOT / "examples" / "series")
    hu = prediction.scan.pixels
    transform = A.Compose([LungRoi(outside=0)])
    np.testing.assert_array_equal(transform(volume=hu)["volume"], hu * prediction.lung_mask)
    np.testing.assert_array_equal(transform(volume=hu[..., None])["volume"][..., 0], hu * prediction.lung_mask)
    single = pipe.predict(hu[2]).lung_mask
    np.testing.assert_array_equal(transform(images=hu[1:3])["images"][1], hu[2] * single)
    three = np.repeat(hu[:1, ..., None] / 4096 + 0.5, 3, axis=3).clip(0, 1)
    assert transform(volume=three)["volume"].shape == three.shape


def test_hounsfield_units_are_surrounded_by_air(pipe):
    prediction = pipe.predict(SLICES / "lctsc-S1-101-hu.tif")
    hu = prediction.scan.pixels[0]
    np.testing.assert_array_equal(LungMask(intensity="hu")(image=hu)["mask"], prediction.lung_mask)
    np.testing.assert_array_equal(LungRoi()(image=hu)["image"], prediction.roi)


def test_transforms_survive_serialisation(grey, lungs):
    transform = A.Compose([LungMask(key="lungs", precision="f32"), LungRoi(outside=7, p=1)])
    written = json.loads(json.dumps(A.to_dict(transform)))
    again = A.from_dict(written)
    assert A.to_dict(again) == written
    assert A.from_dict(A.to_dict(LungRoi(p=0.25))).p == 0.25
    for one in (transform, again, pickle.loads(pickle.dumps(transform))):  # noqa: S301 - packed by this test
        result = one(image=grey)
        np.testing.assert_array_equal(result["lungs"], lungs)
        np.testing.assert_array_equal(result["image"], np.where(lungs, grey, 7))


def test_replay_finds_the_lungs_of_the_new_image(grey, lungs):
    first = A.ReplayCompose([LungMask(), LungRoi()])(image=grey[::-1].copy())
    again = A.ReplayCompose.replay(first["replay"], image=grey)
    np.testing.assert_array_equal(again["mask"], lungs)
    np.testing.assert_array_equal(again["image"], grey * lungs)


def test_probability(grey):
    assert LungRoi().p == LungMask().p == 1
    assert set(A.Compose([LungMask(p=0), LungRoi(p=0)])(image=grey)) == {"image"}
    with pytest.raises(ValueError, match="less than or equal to 1"):
        LungRoi(p=2)


def test_bad_input_says_what_to_do():
    with pytest.raises(ValueError, match=r"call transform\(image=...\)"):
        LungMask()(volume=np.zeros((2, 64, 64), np.uint8))
    with pytest.raises(SourceError, match="at least 32 x 32 pixels"):
        A.Compose([LungRoi()])(image=np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(SourceError, match="Give uint8 RGB"):
        A.Compose([A.Normalize(), LungRoi()])(image=np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(ValueError, match="can't be stored in uint8 pixels"):
        LungRoi(outside=0.5)(image=np.zeros((64, 64), np.uint8))
