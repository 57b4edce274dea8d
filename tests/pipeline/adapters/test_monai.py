"""Dictionary transforms in MONAI's style: any axis order, arrays and tensors, with MONAI and without."""

import pickle
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lungct.lungseg import Segmentation
from lungct.pipeline.adapters.monai import LungMaskd, LungRoid
from lungct.sources import SourceError
from lungct.sources.volumes import RAS_TO_LPS

from ...conftest import ROOT

SERIES = ROOT / "examples" / "series"
AXCODES = ["".join(letters) for axes in permutations(("LR", "AP", "SI")) for letters in product(*axes)]
AXCODES_2D = ["".join(letters) for axes in permutations(("LR", "AP")) for letters in product(*axes)]


class Tensor(np.ndarray):
    """The parts of a MetaTensor that the transforms need, so that these tests need neither torch nor MONAI."""

    def __array_finalize__(self, other):
        self.affine, self.meta = getattr(other, "affine", np.eye(4)), getattr(other, "meta", {})

    def new_tensor(self, values):
        new = np.array(values, dtype=self.dtype).view(Tensor)
        new.affine, new.meta = self.affine, self.meta
        return new

    def detach(self):
        return self

    cpu = detach

    def byte(self):
        return self.astype(np.uint8)


def tensor(values, affine, **meta):
    new = np.array(values).view(Tensor)
    new.affine, new.meta = affine, meta
    return new


def reorder(canonical, axcodes):
    """Return a canonical volume (S, P, L) or slice (P, L) as an array whose axes run along axcodes."""
    ours = "SPL"[-canonical.ndim :]
    opposite = dict(zip("LRAPSI", "RLPAIS", strict=True))
    order = [ours.index(letter if letter in ours else opposite[letter]) for letter in axcodes]
    flips = tuple(slice(None, None, 1 if letter in ours else -1) for letter in axcodes)
    return canonical.transpose(order)[flips]


@pytest.fixture
def bright(monkeypatch):
    """Treat bright pixels as lung, and return the scans that were segmented."""
    seen = []

    def find(_segmenter, scan):
        seen.append(scan)
        return scan, Segmentation(scan.pixels > 0.5, np.ones(len(scan), np.float32), ())

    monkeypatch.setattr("lungct.pipeline.adapters.monai.find_lungs", find)
    monkeypatch.setattr("lungct.pipeline.adapters.monai.open_segmenter", lambda _: None)
    return seen


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).random((3, 33, 35), dtype=np.float32)


@pytest.mark.parametrize("axcodes", AXCODES)
def test_volumes_of_every_orientation_are_turned_and_turned_back(bright, noise, axcodes):
    image = reorder(noise, axcodes)[None]
    result = LungMaskd("image", axcodes)({"image": image})
    np.testing.assert_array_equal(bright[0].pixels, noise)
    np.testing.assert_array_equal(result["image_lungs"], image > 0.5)
    np.testing.assert_array_equal(LungRoid("image", axcodes)({"image": image})["image"], image * (image > 0.5))


@pytest.mark.parametrize("axcodes", AXCODES_2D)
def test_slices_of_every_orientation_are_turned_and_turned_back(bright, noise, axcodes):
    image = reorder(noise[0], axcodes)[None]
    result = LungMaskd("image", axcodes)({"image": image})
    np.testing.assert_array_equal(bright[0].pixels[0], noise[0])
    np.testing.assert_array_equal(result["image_lungs"], image > 0.5)


@pytest.mark.parametrize("space", ["RAS", "LPS", None])
def test_a_metatensor_states_its_orientation(bright, noise, space):
    affine = np.diag([-0.7, 0.7, 5, 1])  # LPS: towards the right, the back and the head
    image = tensor(reorder(noise, "RPS")[None], affine if space == "LPS" else RAS_TO_LPS @ affine, space=space)
    result = LungMaskd("image")({"image": image})
    np.testing.assert_array_equal(bright[0].pixels, noise)
    assert bright[0].spacing == (5, 0.7, 0.7)
    assert isinstance(result["image_lungs"], Tensor)
    assert result["image_lungs"].meta is image.meta
    assert result["image_lungs"].dtype == np.uint8
    flat = tensor(reorder(noise[0], "RP")[None], image.affine, space=space)
    LungMaskd("image")({"image": flat})
    np.testing.assert_array_equal(bright[1].pixels[0], noise[0])


@given(st.text(max_size=4))
def test_other_letters_are_refused_at_once(axcodes):
    if axcodes in (*AXCODES, *AXCODES_2D):
        LungRoid("image", axcodes)
    else:
        with pytest.raises(ValueError, match="axcodes must name the axes of a volume"):
            LungRoid("image", axcodes)


def test_padding_is_read_as_air_and_stays_in_the_image(bright, noise):
    image = noise[None] * 1000 - 1000
    image[0, 1, :5] = np.nan
    roi = LungRoid("image", "SPL")({"image": image})["image"]
    assert np.isnan(image[0, 1, :5]).all()
    assert (bright[0].pixels[1, :5] == -1024).all()
    assert (roi[0, 1, :5] == -1024).all()


def test_masks_of_a_picture_are_the_pipelines(pipe, covid_slice):
    grey = np.asarray(Image.open(covid_slice))
    expected = pipe.predict(covid_slice).lung_mask
    data = {"image": grey[None], "other": grey.T[None], "name": "A"}
    rows = LungMaskd("image", "PL")(data)
    columns = LungMaskd(["other", "missing"], "LP", allow_missing_keys=True, postfix="mask")(data)
    assert data.keys() == {"image", "other", "name"}
    assert rows.keys() == {*data, "image_lungs"}
    assert (rows["image_lungs"].dtype, rows["image_lungs"].shape) == (np.uint8, (1, 512, 512))
    np.testing.assert_array_equal(rows["image_lungs"][0], expected)
    np.testing.assert_array_equal(columns["other_mask"][0], expected.T)
    roi = LungRoid("image", "PL")(data)["image"]
    assert roi.dtype == np.uint8
    np.testing.assert_array_equal(roi[0], grey * expected)


def test_masks_of_a_volume_are_the_pipelines(pipe):
    prediction = pipe.predict(SERIES)
    hu, lungs = prediction.scan.pixels.astype(np.int16), prediction.lung_mask
    data = {"image": reorder(hu, "RAS")[None]}
    mask = LungMaskd("image", "RAS", intensity="hu")(data)["image_lungs"]
    np.testing.assert_array_equal(mask[0], reorder(lungs, "RAS"))
    roi = LungRoid("image", "RAS")(data)["image"]
    assert roi.dtype == np.int16
    np.testing.assert_array_equal(roi[0], reorder(np.where(lungs, hu, -1024), "RAS"))
    zero = LungRoid("image", "RAS", outside=0)(data)["image"]
    np.testing.assert_array_equal(zero[0], reorder(hu * lungs, "RAS"))


@pytest.mark.parametrize(
    ("image", "axcodes", "remedy"),
    [
        ("scan.nii.gz", None, "is a str, not an image. Load it first"),
        (np.zeros((64, 64)), "PL", r"has shape \(64, 64\), .* Use EnsureChannelFirstd"),
        (np.zeros((3, 64, 64)), "PL", r"image\[:1\] if there are several channels"),
        (np.zeros((1, 64, 64)), None, 'Give axcodes: "LP" for pictures'),
        (np.zeros((1, 3, 64, 64)), None, 'Give axcodes: "RAS" for volumes'),
        (tensor(np.zeros((1, 64, 64)), np.eye(4)), None, "does not give its orientation"),
        (np.zeros((1, 3, 64, 64)), "PL", "has 3 axes after its channel, but axcodes='PL' names 2. Name each"),
        (tensor(np.zeros((1, 64, 64)), np.diag([0.0, 1, 1, 1])), None, "gives no directions"),
        (tensor(np.zeros((1, 64, 64)), np.eye(4)[[2, 0, 1, 3]]), None, "is not an axial slice"),
        (np.zeros((1, 64, 8)), "PL", "at least 32 x 32 pixels"),
    ],
    ids=lambda value: str(value)[:12] if isinstance(value, str) else None,
)
def test_bad_images_say_what_to_do(image, axcodes, remedy):
    with pytest.raises(SourceError, match=r"data\['image'\].*" + remedy):
        LungRoid("image", axcodes)({"image": image})


def test_missing_keys_are_named():
    with pytest.raises(KeyError, match=r"the data has no 'ct', only \['image'\]; add it, or set allow_missing_keys"):
        LungMaskd("ct", "PL")({"image": None})


def test_only_settings_are_pickled(pipe, covid_slice):
    image = np.asarray(Image.open(covid_slice))[None]
    transform = LungRoid(("image",), "PL")
    expected = transform({"image": image})["image"]
    again = pickle.loads(pickle.dumps(transform))  # noqa: S301 - packed by this test
    np.testing.assert_array_equal(again({"image": image})["image"], expected)
    assert len(pickle.dumps(transform)) < 500


def test_tensors_stay_tensors(pipe, covid_slice):
    torch = pytest.importorskip("torch")
    grey = np.asarray(Image.open(covid_slice))
    expected = pipe.predict(covid_slice).lung_mask
    for image in (torch.tensor(grey[None]), torch.tensor(grey[None] / 255, dtype=torch.float32, requires_grad=True)):
        result = LungRoid("image", "PL")(LungMaskd("image", "PL")({"image": image}))
        assert result["image_lungs"].dtype == torch.uint8
        assert result["image"].dtype == image.dtype
        assert torch.equal(result["image_lungs"][0], torch.tensor(expected, dtype=torch.uint8))
        assert torch.equal(result["image"], image * result["image_lungs"])


def test_works_with_monai_itself(pipe, covid_slice):
    """Skipped where MONAI is not installed: pip install monai."""
    transforms = pytest.importorskip("monai.transforms")
    data = pytest.importorskip("monai.data")
    expected = pipe.predict(SERIES).lung_mask
    load = transforms.LoadImaged("image", ensure_channel_first=True)
    for axcodes in ("RAS", "LPS", "SPL", "ARI"):
        steps = [load, transforms.Orientationd("image", axcodes=axcodes, labels=None), LungMaskd("image")]
        result = transforms.Compose([*steps, LungMaskd("image", axcodes, postfix="told")])({"image": SERIES})
        np.testing.assert_array_equal(np.asarray(result["image_lungs"][0]), reorder(expected, axcodes))
        np.testing.assert_array_equal(result["image_lungs"], result["image_told"])
        np.testing.assert_array_equal(result["image_lungs"].affine, result["image"].affine)
    picture = transforms.Compose([load, LungRoid("image", "LP")])({"image": covid_slice})["image"]
    assert isinstance(picture, data.MetaTensor)
    assert picture.meta["filename_or_obj"] == str(covid_slice)
    np.testing.assert_array_equal(np.asarray(picture[0]).T > 0, pipe.predict(covid_slice).roi > 0)
    transforms.Transform.register(LungMaskd)
    cached = data.CacheDataset([{"image": covid_slice}], [load, LungMaskd("image", "LP")], progress=False)
    assert "image_lungs" in cached._cache[0]
