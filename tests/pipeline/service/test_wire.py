"""Predictions as archives: the client gets the same infection as a local call, each grid is sent once."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from lungct.pipeline.service.client import Client
from lungct.pipeline.service.wire import pack, unpack

from ...conftest import SLICES
from .serving import SERIES, SETTINGS, WithInfectionMap, served, zipped


@pytest.mark.parametrize("explain", ["lesions", "cam"])
def test_infection_equals_the_local_one(shared_pipe, explain):
    pipe = WithInfectionMap(shared_pipe)
    settings = replace(SETTINGS, pipeline=replace(SETTINGS.pipeline, explain=explain))
    with served(pipe, settings) as address:
        for source in (SLICES / "covid19-ny-sbu-A056642.png", SLICES / "covid19-ny-sbu-A062055-abdomen.png", SERIES):
            local, remote = pipe.predict(source, explain=explain), Client(address).predict(source)
            assert remote.to_dict() == local.to_dict()
            assert remote.to_dict()["explain"] == explain
            for name in ("infection_map", "infection_mask", "heatmap"):
                np.testing.assert_array_equal(getattr(remote, name), getattr(local, name), name)
            assert remote.infected_fraction == local.infected_fraction
            if local.infection is not None:
                assert 0.01 < remote.infected_fraction < 0.9
                assert remote.infection.to_dict() == local.infection.to_dict()


def archived(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def without_map(prediction):
    return replace(prediction, classification=replace(prediction.classification, lesions=()))


def test_an_archive_has_each_grid_once(shared_pipe):
    pipe = WithInfectionMap(shared_pipe)
    same, both, none = (
        pack(pipe.predict(SERIES)),
        pack(pipe.predict(SERIES, explain="cam")),
        pack(without_map(shared_pipe.predict(SERIES, explain="cam"))),
    )
    assert {*archived(same)} - {*archived(none)} == {"lesion_threshold.npy"}
    assert {*archived(both)} - {*archived(same)} == {"lesion_judged.npy", "lesion_grids.npy", "lesion_boxes.npy"}
    assert unpack(none, "x").infection_map is None
    assert unpack(same, "x").classification.lesion_threshold == 0.4


def test_a_damaged_archive_is_refused(shared_pipe, covid_slice):
    good = archived(pack(WithInfectionMap(shared_pipe).predict(covid_slice, explain="cam")))
    assert unpack(zipped(good), "x").infected_fraction > 0
    few = io.BytesIO()
    np.save(few, np.zeros((3, 4), np.float32))
    damaged = [
        {**good, "lesion_grids.npy": changed} for changed in (b"", good["lesion_grids.npy"][:-5], few.getvalue())
    ]
    for name in good.keys() - {"lesion_threshold.npy"}:  # without a threshold, there is no map
        damaged.append({kept: content for kept, content in good.items() if kept != name})
    for files in damaged:
        with pytest.raises(ValueError, match="not an answer of a lungct service"):
            unpack(zipped(files), "x")


def test_archive_keeps_infinite_and_missing_scores(shared_pipe, covid_slice):
    made = shared_pipe.predict(covid_slice)
    for score in (None, float("inf"), 0.5):
        assert unpack(pack(replace(made, ood_score=score)), "x").ood_score == score
    with pytest.raises(ValueError, match="no pictures"):
        pack(replace(made, classification=None))
