"""The service: answers in every format, wrong requests, its state and its description."""

import asyncio
import gzip
import io
import json
import time

import httpx
import nibabel
import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from PIL import Image
from schemathesis.specs.openapi.checks import positive_data_acceptance

from lungct.pipeline.service.answers import negotiate
from lungct.pipeline.service.app import create_app
from lungct.pipeline.service.errors import ServiceFault
from lungct.pipeline.service.models import PredictionAnswer, SegmentationAnswer

from ...conftest import SLICES
from ...sources.dicom.dicom_files import series_of
from .serving import SERIES, SETTINGS, failed, post, zipped


def same(remote, local):
    """Compare answers, ignoring where the scan came from."""
    local = {**local, "source": "upload"}
    assert remote.keys() == local.keys()
    for name, value in local.items():
        if isinstance(value, float):
            assert remote[name] == pytest.approx(value, abs=1e-5)
        elif name not in ("slice_probabilities", "interval"):
            assert remote[name] == value


def test_pictures_dicom_archives_and_volumes_get_the_local_answers(
    url, shared_pipe, picture, volume, covid_slice, series_zip, nifti_of_series, tmp_path
):
    dicom = tmp_path / "1-11.dcm"  # alone, as the service gets it
    dicom.write_bytes((SERIES / dicom.name).read_bytes())
    for content, local in (
        (covid_slice.read_bytes(), picture),
        (dicom.read_bytes(), shared_pipe.predict(dicom)),
        (series_zip, volume),
    ):
        answer = post(url, content)
        assert answer.status_code == 200, answer.text
        assert PredictionAnswer.model_validate(answer.json()).model_fields_set == set(answer.json())
        same(answer.json(), local.to_dict())
    found = post(url, nifti_of_series).json()
    assert found["probability"] == pytest.approx(volume.probability, abs=0.05)
    assert found["lung_volume_ml"] == pytest.approx(volume.lung_volume_ml, rel=0.05)
    assert len(found["slice_probabilities"]) == 5


def test_every_form_of_an_answer(url, picture, volume, covid_slice, series_zip):
    content, local = covid_slice.read_bytes(), picture

    def image(answer):
        assert answer.headers["content-type"] == "image/png"
        return np.asarray(Image.open(io.BytesIO(answer.content)))

    np.testing.assert_array_equal(image(post(url, content, "image/png", what="mask")) > 0, local.lung_mask)
    heat = image(post(url, content, "image/png", what="heatmap"))
    assert np.abs(heat / 255 - local.heatmap).max() <= 0.5 / 255 + 1e-5
    assert image(post(url, content, "image/*")).shape == np.asarray(local.overlay()).shape
    middle = image(post(url, series_zip, "image/png", what="mask", slice_index=2))
    np.testing.assert_array_equal(middle > 0, volume.lung_mask[2])
    answer = post(url, series_zip, "application/x-nifti")
    mask = nibabel.Nifti1Image.from_bytes(gzip.decompress(answer.content))
    assert np.asarray(mask.dataobj).sum() == volume.lung_mask.sum()
    assert 'filename="mask.nii.gz"' in answer.headers["content-disposition"]
    sheet = post(url, content, "text/html")
    assert "Result sheet: upload" in sheet.text
    assert sheet.headers["content-security-policy"].startswith("default-src 'none'")
    arrays = np.load(io.BytesIO(post(url, content, "application/zip").content))
    np.testing.assert_array_equal(arrays["lung_mask"], local.lung_mask)
    assert json.loads(arrays["prediction.json"])["label"] == local.label


def test_segment_returns_only_the_lungs(url, picture, volume, covid_slice, series_zip):
    found = post(url, series_zip, path="/v1/segment").json()
    SegmentationAnswer.model_validate(found)
    assert found["lung_volume_ml"] == pytest.approx(volume.lung_volume_ml)
    assert found["slices"] == 5
    answer = post(url, covid_slice.read_bytes(), "image/png", "/v1/segment")
    mask = np.asarray(Image.open(io.BytesIO(answer.content))) > 0
    np.testing.assert_array_equal(mask, picture.lung_mask)
    assert post(url, series_zip, "application/x-nifti", "/v1/segment").content[:2] == b"\x1f\x8b"
    failed(post(url, series_zip, "text/html", "/v1/segment"), 406, "not-acceptable")
    failed(post(url, series_zip, "image/png", "/v1/segment"), 422, "no-such-slice")


def test_wrong_requests_are_refused(url, covid_slice):
    picture = covid_slice.read_bytes()
    assert "application/zip" in failed(post(url, picture, "audio/ogg"), 406, "not-acceptable")
    assert "slice_index" in failed(post(url, picture, slice_index=-1), 422, "wrong-parameter")
    assert "intensity" in failed(post(url, picture, intensity="loud"), 422, "wrong-parameter")
    failed(post(url, picture, "image/png", slice_index=7), 422, "no-such-slice")
    failed(post(url, picture, "application/x-nifti", what="overlay"), 422, "no-volume")
    failed(httpx.post(f"{url}/v1/predict", content=picture), 415, "unsupported-media-type")
    failed(httpx.post(f"{url}/v1/predict", files={"scan": picture}), 400, "no-file")
    failed(httpx.post(f"{url}/v1/predict", files=[("file", picture), ("file", picture)]), 400, "bad-request")
    form, cut = {"Content-Type": "multipart/form-data"}, {"Content-Type": "multipart/form-data; boundary=b"}
    failed(httpx.post(f"{url}/v1/predict", content=picture, headers=form), 400, "bad-request")
    start = time.monotonic()  # the rest of a finished form is not waited for
    assert "damaged" in failed(
        httpx.post(f"{url}/v1/predict", content=b"--b\r\n\r\n--", headers=cut), 400, "bad-request"
    )
    assert time.monotonic() - start < 5
    for charset in ("undefined", "idna", "nope"):  # codecs that refuse everything, or don't exist
        odd = {"Content-Type": f"multipart/form-data; boundary=b; charset={charset}"}
        body = b'--b\r\nContent-Disposition: form-data; name="' + b"a" * 70 + b'"\r\n\r\nabc\r\n--b--\r\n'
        assert httpx.post(f"{url}/v1/predict", content=body, headers=odd).status_code == 400
    failed(httpx.get(f"{url}/v1/predict"), 405, "method-not-allowed")
    failed(httpx.get(f"{url}/v2/predict"), 404, "not-found")
    failed(httpx.get(f"{url}/page/../../setup.cfg"), 404, "not-found")


def test_state_models_and_metrics(url):
    assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}
    models = httpx.get(f"{url}/v1/models").json()["models"]
    assert len(models["segmenter"]["sha256"]) == 64
    assert models["classifier"]["validation"]
    figures = httpx.get(f"{url}/metrics")
    assert figures.headers["content-type"].startswith("text/plain")
    assert 'lungct_requests_total{path="/v1/models",status="200"}' in figures.text
    assert "process_resident_memory_bytes" in figures.text


def test_not_ready_before_the_networks_have_answered(shared_pipe):
    transport = httpx.ASGITransport(create_app(shared_pipe, SETTINGS))  # without its lifespan, the service never starts

    async def ask():
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            failed(await client.get("/readyz"), 503, "not-ready")
            failed(await client.post("/v1/predict", files={"file": b"x"}), 503, "not-ready")
            assert (await client.get("/healthz")).status_code == 200

    asyncio.run(ask())


def test_negotiation():
    offered = ("application/json", "image/png")
    assert negotiate(None, offered) == "application/json"
    assert negotiate("*/*", offered) == "application/json"
    assert negotiate("image/*, application/json;q=0.5", offered) == "image/png"
    assert negotiate("image/png;q=0, */*;q=0.1", offered) == "application/json"
    for nothing in ("text/html", "image/png;q=0", "image/png;q=x", "nonsense"):
        with pytest.raises(ServiceFault):
            negotiate(nothing, offered)


def test_series_from_parts_of_a_volume_get_answers(url):
    files = {}
    for index, data in enumerate(series_of(np.zeros((3, 64, 64), np.int16))):
        content = io.BytesIO()
        data.save_as(content)
        files[str(index)] = content.getvalue()
    found = post(url, zipped(files)).json()
    assert found["label"] == "indeterminate"
    assert "no-lung" in found["warnings"]
    assert found["source"] == "upload"
    assert str(SLICES) not in json.dumps(found)


def test_service_matches_its_openapi_description(url):
    operations = [found.ok() for found in schemathesis.openapi.from_url(f"{url}/openapi.json").get_all_operations()]
    assert {operation.path for operation in operations} >= {"/v1/predict", "/v1/segment", "/v1/models", "/metrics"}
    for operation in operations:

        @settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=operation.as_strategy())
        def check(case):
            case.call_and_validate(excluded_checks=[positive_data_acceptance])  # a valid form may hold no CT scan

        check()
