"""Training on volumes: what is left out, what is cached, and how it resumes after being killed."""

import json

import nibabel
import numpy as np
import pytest

from lungct.classify import VolumeClassifier
from lungct.classify.volume.preprocessing import VolumePreprocessing
from lungct.classify.volume.recipe import VolumeRecipe
from lungct.classify.volume.regions import check_repeats, cut_volumes
from lungct.sources import SourceError
from lungct.weights import CLASSIFIER, WeightsError, load_card

from ...conftest import eager_training

SHAPE = (8, 16, 16)


def find_lungs(scan):
    """Return everything darker than tissue inside the body, which is enough for these boxes."""
    return scan, (scan.pixels < -200) & (np.arange(scan.shape[2]) > 3)


def write_volume(path, covid, seed):
    rng = np.random.default_rng(seed)
    hu = rng.normal(40, 10, (10, 40, 40))
    hu[2:-1, 8:-8, 6:-6] = rng.normal(-850, 20) + rng.normal(0, 20, (7, 24, 28))
    if covid:
        hu[3:7, 20:30, 10:20] += 450
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.Nifti1Image(hu.T.astype(np.int16), np.diag([-2.0, -2.0, 8.0, 1.0])).to_filename(path)


@pytest.fixture(scope="module")
def mosmed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "MosMedData"
    for number in range(20):
        grade = 0 if number % 2 else 1 + number % 4
        write_volume(folder / "studies" / f"CT-{grade}" / f"study_{number:04d}.nii.gz", grade > 0, number)
    (folder / "studies" / "CT-3" / "study_0099.nii.gz").write_bytes(b"no volume")
    return folder


def test_broken_studies_are_named_and_the_rest_are_used(mosmed, tmp_path):
    from lungct.classify.volume.dataset import read_studies

    studies = read_studies(mosmed)
    calls = []

    def counted(scan):
        calls.append(scan.source)
        return scan, find_lungs(scan)[1] & ("study_0007" not in scan.source)

    preprocess = VolumePreprocessing(SHAPE)
    found = cut_volumes(studies, counted, preprocess, tmp_path, "a")
    assert len(found.examples) == 19
    assert len(calls) == 20
    reasons = {item.path.name: error for item, error in found.skipped}
    assert set(reasons) == {"study_0099.nii.gz", "study_0007.nii.gz"}
    assert all(name in reasons[name] for name in reasons)
    assert found.pixels(0).dtype == np.uint8
    first = next(found.inputs())
    assert first.shape == (1, *SHAPE, 1)
    assert 0 < first.max() <= 1
    cut_volumes(studies, counted, preprocess, tmp_path, "a")
    assert len(calls) == 21  # only what was left out is tried again
    cut_volumes(studies[:3], counted, preprocess, tmp_path, "b")
    cut_volumes(studies[:3], counted, VolumePreprocessing(SHAPE, margin=0.1), tmp_path, "a")
    assert len(calls) == 27


def test_the_same_volume_in_both_parts_is_refused(mosmed, tmp_path):
    from lungct.classify.volume.dataset import read_studies

    studies = read_studies(mosmed, (0,))
    copy = tmp_path / "another name.nii.gz"
    copy.write_bytes(studies[0].path.read_bytes())
    one = cut_volumes(studies[:2], find_lungs, VolumePreprocessing(SHAPE), tmp_path / "cache")
    other = cut_volumes(
        [type(studies[0])(copy, False, "else", "s", "val")], find_lungs, VolumePreprocessing(SHAPE), tmp_path / "cache"
    )
    with pytest.raises(SourceError, match=r"another name.*same volume as .*study_"):
        check_repeats(one, other)
    check_repeats(one, cut_volumes(studies[2:3], find_lungs, VolumePreprocessing(SHAPE), tmp_path / "cache"))


def train(mosmed, folder, epochs, lungs=find_lungs):
    from lungct.classify.volume.train import train_volume_classifier

    recipe = VolumeRecipe(SHAPE, filters=4, epochs=epochs, batch_size=4, learning_rate=5e-3, validation_share=0.3)
    with eager_training():
        return train_volume_classifier(
            [mosmed], lungs, folder, recipe, version="1", licence="none", segmenter="s", sensitivity=0.9
        )


@pytest.mark.train
def test_a_killed_run_resumes_to_the_same_result(mosmed, tmp_path):
    from lungct.weights.fitting import STATE

    whole = train(mosmed, tmp_path / "whole", 3)
    history = json.loads((tmp_path / "whole" / STATE).read_text())["history"]

    class KilledError(Exception):
        pass

    seen = []

    def dies(scan):
        seen.append(scan.source)
        if len(seen) == 6:
            raise KilledError
        return find_lungs(scan)

    with pytest.raises(KilledError):
        train(mosmed, tmp_path / "killed", 3, dies)
    assert len(list((tmp_path / "killed" / "volumes").glob("*.npy"))) == 5
    with pytest.MonkeyPatch.context() as patch:
        from lungct.classify.volume import train as volume_training

        def stop_after_two(model, *rest, **named):
            named["epochs"] = 2
            real(model, *rest, **named)
            raise KilledError

        real = volume_training.fit
        patch.setattr(volume_training, "fit", stop_after_two)
        with pytest.raises(KilledError):
            train(mosmed, tmp_path / "killed", 3)
    again = train(mosmed, tmp_path / "killed", 3)
    resumed = json.loads((tmp_path / "killed" / STATE).read_text())["history"]
    assert len(resumed) == len(history) == 3
    for one, other in zip(history, resumed, strict=True):
        assert one == pytest.approx(other, abs=1e-3)
    for card in (whole, again):
        assert card.decision["criterion"] == "sensitivity of at least 0.9"
        assert card.training_data == [{"name": "MosMedData", "studies": 14, "covid": 7, "patients": 14}]
        figures = card.metrics["validation"]["MosMedData"]
        assert (figures["n"], figures["patients"]) == (6, 6)
        assert set(figures["auc"]) == {"value", "interval"}
        assert card.metrics["skipped"] == 1
        assert card.metrics["grades"] == {"CT-0": 10, "CT-1": 5, "CT-3": 5}
    rows = (tmp_path / "whole" / "skipped.csv").read_text().splitlines()
    assert len(rows) == 2
    assert "study_0099.nii.gz" in rows[1]
    with pytest.raises(ValueError, match="other settings"):
        train(mosmed, tmp_path / "whole", 4)
    both = [VolumeClassifier(again, engine) for engine in ("openvino", "onnxruntime")]
    volume = np.random.default_rng(0).random((1, *SHAPE, 1), dtype=np.float32)
    assert both[0].logit(volume) == pytest.approx(both[1].logit(volume), abs=1e-4)


def test_other_networks_are_refused_as_volume_classifiers():
    with pytest.raises(WeightsError, match="is not a volume classifier"):
        VolumeClassifier(load_card(CLASSIFIER))
