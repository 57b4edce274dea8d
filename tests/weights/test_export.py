"""Exported files agree with Keras at every size the network is used at; those that don't are rejected."""

import hashlib

import numpy as np
import pytest

from lungct.lungseg.architectures import build_network
from lungct.weights import Card, WeightsError, load_card
from lungct.weights.agreement import compare
from lungct.weights.converters import convert
from lungct.weights.export import export_network, input_sizes, require_supported

pytestmark = pytest.mark.train

SIZE, COARSE = 64, 32
DECISION = {"threshold": 0.5, "second_look_margin": 0.15, "first_look_size": COARSE}


def build(size):
    return build_network(size=size, filters=4, dense_blocks=1, stride=2)


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    """Return the card of an untrained network, whose answers still depend on every weight."""
    from lungct.weights.release import save_half

    folder = tmp_path_factory.mktemp("network")
    model = build(SIZE)
    rng = np.random.default_rng(0)
    model.set_weights([value + rng.normal(0, 0.05, value.shape).clip(-0.1, 0.1) for value in model.get_weights()])
    save_half(model, folder / "small.npz")
    made = Card(
        name="small", version="1", task="a test", file="small.onnx", sha256="none", keras_file="small.npz",
        keras_sha256=hashlib.sha256((folder / "small.npz").read_bytes()).hexdigest(), architecture={},
        preprocessing={"size": SIZE}, decision=DECISION, training_data=[], metrics={"validation": 1}, licence="none",
        folder=folder,
    )  # fmt: skip
    made.write()
    return made


def noise(size, count=4):
    rng = np.random.default_rng(size)
    return [rng.random((1, size, size, 1), dtype=np.float32) for _ in range(count)]


def check(done, card, form, precision, files):
    assert [path.name for path in done.files] == files
    folder = done.card.folder
    assert {path.name for path in folder.iterdir()} == {*files, "small.json"}
    assert done.agreement.inputs == 2
    assert done.agreement.difference < (1e-4 if precision == "f32" else 1e-3)
    found = load_card(folder / "small.json")
    assert found == done.card
    assert (found.preprocessing, found.decision) == (card.preprocessing, card.decision)
    assert found.sha256 == hashlib.sha256(found.path.read_bytes()).hexdigest()
    made = found.metrics["export"]
    assert (made["format"], made["precision"], set(made["files"])) == (form, precision, set(files))


@pytest.mark.parametrize(
    ("form", "precision", "files"),
    [("onnx", "f32", ["small.onnx"]), ("openvino", "f16", ["small.xml", "small.bin"]),
     ("keras", "f32", ["small.keras"])],
)  # fmt: skip
def test_files_agree_and_have_their_card(card, tmp_path, form, precision, files):
    check(export_network(card, build, tmp_path, form, precision), card, form, precision, files)


def test_onnx_holds_its_weights_in_half_precision(card, tmp_path):
    import onnx

    done = export_network(card, build, tmp_path, "onnx", "f16")
    check(done, card, "onnx", "f16", ["small.onnx"])
    stored = [onnx.numpy_helper.to_array(one) for one in onnx.load(done.files[0]).graph.initializer]
    with np.load(card.keras_path) as weights:
        parameters = sum(weights[name].size for name in weights.files)
    assert sum(one.size for one in stored if one.dtype == np.float16) > 0.9 * parameters
    assert max(one.size for one in stored if one.dtype == np.float32) == 1


def test_tflite_takes_both_sizes_with_built_in_operations_only(card, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    done = export_network(card, build, tmp_path, "tflite", "f16")
    check(done, card, "tflite", "f16", ["small.tflite"])
    interpreter = Interpreter(str(done.files[0]))
    assert set(interpreter.get_signature_list()) == {f"size_{SIZE}", f"size_{COARSE}"}
    assert not [op["op_name"] for op in interpreter._get_ops_details() if op["op_name"].startswith("Flex")]


def test_int8_is_checked_and_reported(card, tmp_path):
    done = export_network(card, build, tmp_path, "tflite", "int8", noise(SIZE, 3), [*noise(SIZE), *noise(COARSE)])
    assert done.agreement.inputs == 3
    assert 0 < done.agreement.difference < 1
    with pytest.raises(ValueError, match=f"none of size {COARSE}"):
        export_network(card, build, tmp_path, "tflite", "int8", calibration=noise(SIZE))


def test_a_file_that_differs_is_refused_and_not_kept(card, tmp_path, monkeypatch):
    def convert_another(model, *arguments):
        model.set_weights([0.9 * value for value in model.get_weights()])
        return convert(model, *arguments)

    monkeypatch.setattr("lungct.weights.export.convert", convert_another)
    with pytest.raises(WeightsError, match=r"small\.keras does not agree with Keras"):
        export_network(card, build, tmp_path / "out", "keras")
    assert not (tmp_path / "out").exists()


def test_unsupported_combinations_are_named(card, tmp_path):
    for form, precision in [("keras", "f16"), ("onnx", "int8"), ("openvino", "int8")]:
        with pytest.raises(ValueError, match=f"{form} has no {precision}. Supported are tflite: f32, f16, int8; onnx"):
            require_supported(form, precision)
    with pytest.raises(ValueError, match="unknown format"):
        require_supported("coreml", "f32")
    with pytest.raises(ValueError, match="write into another folder"):
        export_network(card, build, card.folder, "keras")


def test_sizes_come_from_the_card(card):
    assert input_sizes(card) == (SIZE, COARSE)
    assert input_sizes(load_card("efficientnetb0-covid")) == (160,)


def test_agreement_is_measured_on_masks_or_probabilities(card):
    ours = [[np.array([[0.2, 0.8, 0.9, 0.4]], np.float32)]]
    theirs = [[np.array([[0.2, 0.8, 0.4, 0.4]], np.float32)]]
    found = compare(card, ours, theirs)
    assert found.difference == pytest.approx(0.5)
    assert found.dice == pytest.approx(2 / 3)
    assert compare(card, [[np.zeros((1, 4))]], [[np.zeros((1, 4))]]).dice is None
    classifier = load_card("efficientnetb0-covid")
    scale = classifier.decision["temperature"]
    logits = [[[np.array([[value * scale]], np.float32), np.zeros((1, 7, 7, 1))]] for value in (0.0, np.log(3))]
    assert compare(classifier, *logits).probability == pytest.approx(0.25)
    broken = [[np.array([[0.2, np.nan, 0.9, 0.4]], np.float32)]]
    assert np.isnan(compare(card, ours, broken).difference)
    assert compare(card, ours, [[np.zeros((1, 5))]]).difference == np.inf
