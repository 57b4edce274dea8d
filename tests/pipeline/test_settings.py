"""Settings of the pipeline: one declaration, used by every command and adapter."""

import copy
import inspect
import pickle
from dataclasses import asdict, fields, replace

import pytest
from typer.testing import CliRunner

from lungct.pipeline import Pipeline
from lungct.pipeline.batch import BatchSettings
from lungct.pipeline.commands.batch import BATCH_OPTIONS
from lungct.pipeline.commands.cli import app
from lungct.pipeline.commands.options import PIPELINE_OPTIONS, SEGMENTER_OPTIONS
from lungct.pipeline.settings import PipelineSettings, SegmenterSettings, open_pipeline, open_segmenter
from lungct.weights.engines import choose_engine

JUDGE = ("predict", "batch", "report", "serve")
FIND_LUNGS = ("segment", "preprocess")


def test_every_field_is_an_option_and_every_option_a_field():
    assert set(SEGMENTER_OPTIONS) == {field.name for field in fields(SegmenterSettings)}
    assert set(PIPELINE_OPTIONS) == {field.name for field in fields(PipelineSettings)}
    assert set(BATCH_OPTIONS) == {field.name for field in fields(BatchSettings)}


@pytest.mark.parametrize("command", [*JUDGE, *FIND_LUNGS])
def test_every_command_takes_every_option(command):
    said = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
    options = PIPELINE_OPTIONS if command in JUDGE else SEGMENTER_OPTIONS
    assert not [name for name in options if f"--{name.replace('_', '-')}" not in said]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"modality": "mri"}, "modality must be one of ct, xray, not 'mri'"),
        ({"intensity": "raw"}, "intensity must be one of hu, display, None, not 'raw'"),
        ({"engine": "tensorflow"}, "engine must be one of auto, openvino, onnxruntime"),
        ({"precision": "f16"}, "precision must be one of f32, bf16, int8"),
        ({"explain": "lime"}, "explain must be one of lesions, cam, occlusion"),
        ({"threads": 0}, "threads must be 1 or more, or None for all, not 0"),
        ({"error_level": 1.5}, "between 0 and 1"),
    ],
)
def test_wrong_values_are_refused_before_anything_is_opened(wrong, said):
    with pytest.raises(ValueError, match=said):
        PipelineSettings(**wrong)


def test_settings_can_be_pickled_and_name_the_engine():
    settings = BatchSettings(modality="xray", masks="png", threads=1)
    assert copy.deepcopy(settings) == settings
    assert len(pickle.dumps(settings)) < 1000  # Ray and process pools pass it on
    known = settings.with_engine()
    assert known == replace(settings, engine=choose_engine("auto", "f32"))
    assert settings.of_segmenter == SegmenterSettings(modality="xray", threads=1)
    assert settings.of_predict == {"intensity": None, "explain": "lesions"}
    assert asdict(settings)["masks"] == "png"


def test_your_own_networks_are_opened(tmp_path):
    from lungct.weights import CLASSIFIERS, SEGMENTERS, load_card

    cards = [load_card(names["xray"]) for names in (SEGMENTERS, CLASSIFIERS)]
    own = [str(card.folder / f"{card.name}.json") for card in cards]
    pipe = PipelineSettings(modality="xray", segmenter=own[0], classifier=own[1], error_level=0.2).open()
    assert (pipe.modality, pipe.error_level) == ("xray", 0.2)
    assert [pipe.segmenter.card.name, pipe.classifier.card.name] == [card.name for card in cards]
    with pytest.raises(ValueError, match="give two of the same modality"):
        PipelineSettings(segmenter=own[0]).open()
    done = CliRunner().invoke(app, ["predict", "x.png", "--segmenter", own[0]])
    assert (done.exit_code, "give two of the same modality" in " ".join(done.output.split())) == (2, True)


def test_reading_options_do_not_reopen_networks():
    plain = open_pipeline(PipelineSettings(threads=1))
    assert open_pipeline(PipelineSettings(threads=1, intensity="hu", explain="occlusion")) is plain
    assert open_segmenter(SegmenterSettings(threads=1, intensity="hu")) is plain.segmenter


def test_from_pretrained_accepts_every_setting():
    known = inspect.signature(Pipeline.from_pretrained).parameters
    of_reading = {"intensity", "explain"}
    assert {field.name for field in fields(PipelineSettings)} - of_reading <= set(known)
