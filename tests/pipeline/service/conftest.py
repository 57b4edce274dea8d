"""Shared by the service's tests: a service on a free port, inputs, and expected answers."""

import numpy as np
import pytest

from lungct.pipeline import Pipeline
from lungct.sources.nifti import write_nifti

from ...conftest import SLICES
from .serving import SERIES, SETTINGS, served, zipped


@pytest.fixture(scope="module")
def shared_pipe():
    return Pipeline.from_pretrained(callers=2)


@pytest.fixture(scope="module")
def memory(tmp_path_factory):
    return tmp_path_factory.mktemp("memory")


@pytest.fixture(scope="module")
def url(shared_pipe, memory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lungct.pipeline.service.uploads.MEMORY", memory)
        with served(shared_pipe, SETTINGS) as address:
            yield address


@pytest.fixture(scope="module")
def series_zip():
    return zipped({path.name: path.read_bytes() for path in sorted(SERIES.glob("*.dcm"))})


@pytest.fixture(scope="module")
def nifti_of_series(volume, tmp_path_factory):
    scan = volume.scan
    return write_nifti(tmp_path_factory.mktemp("nifti") / "a.nii.gz", scan.pixels.astype(np.int16), scan).read_bytes()


@pytest.fixture(scope="module")
def picture(shared_pipe):
    return shared_pipe.predict(SLICES / "covid19-ny-sbu-A002304.png")


@pytest.fixture(scope="module")
def volume(shared_pipe):
    return shared_pipe.predict(SERIES)
