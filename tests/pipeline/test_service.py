"""The service: answers, refusals, limits, and what it must not say."""

import asyncio
import errno
import gzip
import io
import json
import logging
import random
import re
import shutil
import socket
import tempfile
import threading
import time
import weakref
import zipfile
from dataclasses import replace
from pathlib import Path

import httpx
import nibabel
import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from PIL import Image
from schemathesis.specs.openapi.checks import positive_data_acceptance

from lungct.pipeline import Pipeline
from lungct.pipeline.service import create_app
from lungct.pipeline.service_answers import negotiate
from lungct.pipeline.service_errors import ServiceFault, public_message
from lungct.pipeline.service_models import PredictionAnswer, SegmentationAnswer
from lungct.pipeline.service_queue import Queue
from lungct.pipeline.service_server import run
from lungct.pipeline.service_settings import ServiceSettings, UploadLimits
from lungct.pipeline.service_trace import JsonLines
from lungct.pipeline.service_uploads import UploadFolder, receive_upload
from lungct.sources import SourceError
from lungct.sources.nifti import write_nifti

from ..conftest import ROOT, SLICES
from ..fuzz.mutate import mutated
from ..fuzz.seeds import write_seeds
from ..sources.dicom_files import series_of, slice_file
from .serving import Held, served, wait_until

SERIES = ROOT / "examples" / "series"
SETTINGS = ServiceSettings(workers=2, waiting=2, seconds=30, max_upload=3, max_slices=20)


@pytest.fixture(scope="module")
def shared_pipe():
    return Pipeline.from_pretrained(callers=2)


@pytest.fixture(scope="module")
def memory(tmp_path_factory):
    return tmp_path_factory.mktemp("memory")


@pytest.fixture(scope="module")
def url(shared_pipe, memory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lungct.pipeline.service_uploads.MEMORY", memory)
        with served(shared_pipe, SETTINGS) as address:
            yield address


def post(url, content, accept="application/json", path="/v1/predict", name="x", headers=None, **query):
    headers = {"Accept": accept, **(headers or {})}
    return httpx.post(f"{url}{path}", files={"file": (name, content)}, params=query, headers=headers, timeout=30)


def zipped(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


@pytest.fixture(scope="module")
def series_zip():
    return zipped({path.name: path.read_bytes() for path in sorted(SERIES.glob("*.dcm"))})


@pytest.fixture(scope="module")
def nifti_of_series(volume, tmp_path_factory):
    scan = volume.scan
    return write_nifti(tmp_path_factory.mktemp("nifti") / "a.nii.gz", scan.pixels.astype(np.int16), scan).read_bytes()


def failed(answer, status, code):
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["request_id"] == answer.headers["x-request-id"]
    return error["message"]


def same(remote, local):
    """Compare answers but for where the scan came from."""
    local = {**local, "source": "upload"}
    assert remote.keys() == local.keys()
    for name, value in local.items():
        if isinstance(value, float):
            assert remote[name] == pytest.approx(value, abs=1e-5)
        elif name not in ("slice_probabilities", "slice_heatmap_in_lungs", "interval"):
            assert remote[name] == value


@pytest.fixture(scope="module")
def picture(shared_pipe):
    return shared_pipe.predict(SLICES / "covid19-ny-sbu-A002304.png")


@pytest.fixture(scope="module")
def volume(shared_pipe):
    return shared_pipe.predict(SERIES)


def test_pictures_dicom_archives_and_volumes_are_judged_as_here(
    url, shared_pipe, picture, volume, covid_slice, series_zip, nifti_of_series
):
    dicom = SERIES / "1-11.dcm"
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


def test_lungs_alone(url, picture, volume, covid_slice, series_zip):
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


def test_what_is_asked_for_wrongly(url, covid_slice):
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
    start = time.monotonic()  # nobody waits for the rest of a form that has ended
    assert "damaged" in failed(
        httpx.post(f"{url}/v1/predict", content=b"--b\r\n\r\n--", headers=cut), 400, "bad-request"
    )
    assert time.monotonic() - start < 5
    for charset in ("undefined", "idna", "nope"):  # codecs that refuse everything, or are none
        odd = {"Content-Type": f"multipart/form-data; boundary=b; charset={charset}"}
        body = b'--b\r\nContent-Disposition: form-data; name="' + b"a" * 70 + b'"\r\n\r\nabc\r\n--b--\r\n'
        assert httpx.post(f"{url}/v1/predict", content=body, headers=odd).status_code == 400
    failed(httpx.get(f"{url}/v1/predict"), 405, "method-not-allowed")
    failed(httpx.get(f"{url}/v2/predict"), 404, "not-found")
    failed(httpx.get(f"{url}/page/../../setup.cfg"), 404, "not-found")


def test_uploads_larger_than_allowed_are_refused_before_they_are_read(url):
    large = bytes(4 * 1024 * 1024)
    assert "3 MB" in failed(post(url, large), 413, "too-large")

    def in_pieces():
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
        for _ in range(64):
            yield bytes(64 * 1024)

    form = {"Content-Type": "multipart/form-data; boundary=b"}
    failed(httpx.post(f"{url}/v1/predict", content=in_pieces(), headers=form), 413, "too-large")


def test_scans_larger_than_allowed_are_refused_before_they_are_decoded(url, tmp_path):
    nifti = nibabel.Nifti1Image(np.zeros((64, 64, 30), np.int16), np.eye(4))
    nibabel.save(nifti, tmp_path / "long.nii.gz")
    assert "30 slices" in failed(post(url, (tmp_path / "long.nii.gz").read_bytes()), 422, "unreadable")
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.dcm", bytes(100 * 1024 * 1024))
    assert "unpacks to" in failed(post(url, bomb.getvalue()), 422, "unreadable")
    wide = Image.new("L", (3000, 3000))
    content = io.BytesIO()
    wide.save(content, "PNG")
    assert "limit" in failed(post(url, content.getvalue()), 422, "unreadable")


def test_answers_say_nothing_of_patients_paths_or_code(url):
    hu = np.zeros((64, 64), np.int16)
    header = {"PatientName": "DOE^JOHN", "SeriesDescription": "SECRET"}
    one, other = slice_file(hu, series="1.2.3"), slice_file(hu, series="1.2.4")
    strange = slice_file(hu, series="1.2.5")
    for data in (one, other, strange):
        for name, value in header.items():
            setattr(data, name, value)
    strange.Modality = "JOHN DOE"

    def saved(data):
        content = io.BytesIO()
        data.save_as(content)
        return content.getvalue()

    two = zipped({"JOHN/1.dcm": saved(one), "JOHN/2.dcm": saved(other)})
    messages = [
        failed(post(url, content, name="JOHN DOE.png"), 422, "unreadable")
        for content in (
            two, saved(strange), zipped({"JOHN/3.dcm": saved(strange)}), b"JOHN DOE", b"", saved(one)[:600],
            zipped({"JOHN.txt": b"SECRET"}), b"PK\x03\x04 JOHN", b"\x89PNG\r\n\x1a\n JOHN", b"\x93NUMPY JOHN",
        )
    ]  # fmt: skip
    for message in messages:
        assert message.startswith("upload: ")
        assert not re.search(r"JOHN|DOE|SECRET|/tmp|/dev|Traceback|\.py|lungct-serve", message)
    assert "holds 2 scans" in messages[0]
    assert "another modality" in messages[1]


def test_messages_keep_sizes_and_lose_the_rest():
    home = Path("/dev/shm/lungct-serve-x/y")  # noqa: S108
    error = SourceError(
        f"{home}/upload.zip", f"holds no scan that can be read, 1 files were refused: {home}/a: b", "See"
    )
    assert public_message(error, home) == "upload: holds no scan that can be read, 1 files were refused. See."
    error = SourceError("x", "has 4 axes, shape (3, 4, 5, 6): several volumes", "Give one")
    assert public_message(error, home) == "upload: has 4 axes, shape (3, 4, 5, 6): several volumes. Give one."
    error = SourceError("x", "is damaged (cannot identify JOHN (DOE))", f"Rename {home}")
    assert public_message(error, home) == "upload: can't be read. Check that it is a CT scan."
    error = SourceError("x", "holds no scan", "See lungct info for each file's reason")
    assert public_message(error, home) == "upload: holds no scan. Send one CT scan."
    error = SourceError("x", "holds 9 slices", "Send fewer, or have the limit raised (lungct serve --max-slices)")
    assert "lungct serve" in public_message(error, home)


def test_headers_that_guard_browsers(url):
    for answer in (httpx.get(f"{url}/"), httpx.get(f"{url}/nothing"), httpx.get(f"{url}/healthz")):
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert not [name for name in answer.headers if name.startswith("access-control")]
    fetched = r"(src|srcset|<link[^>]*href|action|poster)\s*=\s*.?(https?:)?//"
    assert not re.search(fetched, httpx.get(f"{url}/").text)  # links that people click may lead elsewhere
    failed(httpx.get(f"{url}/docs"), 404, "not-found")


def test_pages_of_other_sites_and_names_get_nothing(url, covid_slice):
    picture = covid_slice.read_bytes()
    host = url.removeprefix("http://")
    failed(post(url, picture, headers={"Origin": "https://evil.example"}), 403, "forbidden")
    failed(post(url, picture, headers={"Sec-Fetch-Site": "cross-site", "Origin": url}), 403, "forbidden")
    assert post(url, picture, headers={"Origin": url, "Sec-Fetch-Site": "same-origin"}).status_code == 200
    assert post(url, picture, headers={"Origin": url}).status_code == 200
    failed(post(url, picture, headers={"Host": "evil.example"}), 421, "unknown-host")
    assert post(url, picture, headers={"Host": f"localhost:{host.split(':')[1]}"}).status_code == 200


def test_a_token_is_needed_where_one_is_set(shared_pipe, covid_slice):
    with served(shared_pipe, replace(SETTINGS, token="s3cret")) as address:  # noqa: S106
        picture = covid_slice.read_bytes()
        for headers in ({}, {"Authorization": "Bearer s3cre"}, {"Authorization": "Basic s3cret"}):
            answer = post(address, picture, headers=headers)
            failed(answer, 401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"
        failed(httpx.get(f"{address}/metrics"), 401, "unauthorized")
        failed(httpx.get(f"{address}/v1/models"), 401, "unauthorized")
        good = {"Authorization": "Bearer s3cret"}
        assert post(address, picture, headers=good).status_code == 200
        assert httpx.get(f"{address}/metrics", headers=good).status_code == 200
        for path in ("/", "/healthz", "/readyz", "/openapi.json"):
            assert httpx.get(f"{address}{path}").status_code == 200


def test_what_comes_too_much_waits_or_is_refused_and_nothing_is_lost(shared_pipe, covid_slice):
    held, answers = Held(shared_pipe), []
    picture = covid_slice.read_bytes()
    with served(held, replace(SETTINGS, workers=1, waiting=2)) as address:
        threads = [threading.Thread(target=lambda: answers.append(post(address, picture))) for _ in range(3)]
        for thread in threads:
            thread.start()
        wait_until(lambda: "lungct_requests_inside 3.0" in httpx.get(f"{address}/metrics").text)
        refused = post(address, picture)
        assert "Try again" in failed(refused, 429, "busy")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert held.count == 1
        held.go.set()
        for thread in threads:
            thread.join()
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert post(address, picture).status_code == 200


def test_time_limit_frees_the_place_when_the_work_is_done(shared_pipe, covid_slice):
    held, picture = Held(shared_pipe), covid_slice.read_bytes()
    with served(held, replace(SETTINGS, workers=1, waiting=1, seconds=0.5)) as address:
        assert "0.5 s" in failed(post(address, picture), 504, "time-limit")
        assert "lungct_requests_inside 1.0" in httpx.get(f"{address}/metrics").text
        held.go.set()
        wait_until(lambda: "lungct_requests_inside 0.0" in httpx.get(f"{address}/metrics").text)


def test_work_that_waits_is_left_when_its_client_goes(shared_pipe, covid_slice, monkeypatch):
    class Upload(bytearray):  # bytes know nothing of weak references
        pass

    async def receive(*asked):
        upload = Upload(await receive_upload(*asked))
        uploads.append(weakref.ref(upload))
        return upload

    uploads = []
    monkeypatch.setattr("lungct.pipeline.service.receive_upload", receive)
    held, picture = Held(shared_pipe), covid_slice.read_bytes()
    with served(held, replace(SETTINGS, workers=1)) as address:
        thread = threading.Thread(target=post, args=(address, picture))
        thread.start()
        assert held.begun.acquire(timeout=10)
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{address}/v1/predict", files={"file": picture}, timeout=0.5)
        wait_until(lambda: "lungct_requests_inside 1.0" in httpx.get(f"{address}/metrics").text)
        assert len(uploads) == 2
        wait_until(lambda: uploads[1]() is None)  # while the only worker is busy
        held.go.set()
        thread.join()
        assert held.count == 1


def test_who_stops_in_the_middle_gives_the_place_back(url, monkeypatch):
    monkeypatch.setattr("lungct.pipeline.service_uploads.IDLE_SECONDS", 0.2)

    form = {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": "5000"}
    start = time.monotonic()
    with socket.create_connection(url.removeprefix("http://").split(":"), timeout=10) as connection:
        head = "".join(f"{name}: {value}\r\n" for name, value in form.items())
        connection.sendall(f"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\n{head}\r\n--b\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))  # until the service closes the connection
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"too-slow"' in answer
    assert time.monotonic() - start < 5
    wait_until(lambda: "lungct_requests_inside 0.0" in httpx.get(f"{url}/metrics").text)


def test_waits_that_are_told_are_bounded():
    queue = Queue(1, 5000, 30, 0)
    queue.inside = 5000
    fault = queue.busy("all places are taken")
    assert fault.detail == "all places are taken. Try again in 60 s."
    assert fault.headers == {"Retry-After": "60"}
    queue.close()


def test_a_first_prediction_that_fails_stops_the_service(tmp_path, monkeypatch, caplog):
    class Broken:
        modality = "ct"

        def predict(self, scan):
            raise RuntimeError("JOHN")

    monkeypatch.setattr("lungct.pipeline.service_uploads.MEMORY", tmp_path)
    assert not run(Broken(), replace(SETTINGS, max_upload=1), "127.0.0.1", 0)
    assert "the first prediction failed" in caplog.text
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("token", ["", " ", "t ", "t\n", "t\u00e4"])
def test_tokens_that_nobody_could_send_are_refused(token):
    with pytest.raises(ValueError, match="printable ASCII"):
        replace(SETTINGS, token=token)


def test_a_full_folder_is_no_fault_of_the_service(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("lungct.pipeline.service_uploads.MEMORY", tmp_path / "missing")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = UploadFolder(2**60)
    assert "lower --max-upload" in caplog.text
    with pytest.raises(ServiceFault, match="no room") as full, folder.holding(b"x"):
        raise OSError(errno.ENOSPC, "No space left on device", "/secret")
    assert full.value.status_code == 503
    with pytest.raises(PermissionError), folder.holding(b"x"):
        raise PermissionError
    assert [left.name for left in folder.path.iterdir()] == ["lock"]
    folder.remove()


def test_stopping_finishes_what_runs(shared_pipe, covid_slice):
    held, answers = Held(shared_pipe), []
    with served(held, SETTINGS) as address:
        thread = threading.Thread(target=lambda: answers.append(post(address, covid_slice.read_bytes())))
        thread.start()
        assert held.begun.acquire(timeout=10)
        threading.Timer(0.5, held.go.set).start()
    thread.join()
    assert answers[0].status_code == 200


def test_unforeseen_errors_are_named_by_number_alone(shared_pipe, covid_slice, caplog):
    class Broken(Held):
        def predict(self, scan):
            if scan.source == "upload":
                raise RuntimeError("JOHN DOE /secret/path")
            return self._pipe.predict(scan)

    with served(Broken(shared_pipe), SETTINGS) as address, caplog.at_level(logging.INFO, "lungct.service"):
        answer = post(address, covid_slice.read_bytes(), name="JOHN.png")
        message = failed(answer, 500, "internal")
        assert "request_id" in message
        wait_until(lambda: any("facts" in vars(one) and one.facts.get("status") == 500 for one in caplog.records))
    lines = [JsonLines().format(record) for record in caplog.records if record.name == "lungct.service"]
    records = [json.loads(line) for line in lines]
    assert any(one.get("error") == "RuntimeError" and one["where"] for one in records)
    assert any(one.get("outcome") == "internal" and one["path"] == "/v1/predict" for one in records)
    assert "JOHN" not in "".join([*lines, answer.text])
    assert "secret" not in "".join([*lines, answer.text])


def test_log_has_a_line_for_every_request(url, covid_slice, caplog):
    with caplog.at_level(logging.INFO, "lungct.service"):
        answer = post(url, covid_slice.read_bytes(), name="JOHN.png")
        httpx.get(f"{url}/JOHN")
        wait_until(lambda: len([one for one in caplog.records if one.name == "lungct.service"]) >= 2)
    first, second = (json.loads(JsonLines().format(one)) for one in caplog.records if one.name == "lungct.service")
    assert first["request_id"] == answer.headers["x-request-id"]
    assert {"path": "/v1/predict", "status": 200, "slices": 1, "format": "PNG"}.items() <= first.items()
    assert first["bytes"] == covid_slice.stat().st_size
    assert second["path"] == "other"
    assert "JOHN" not in caplog.text


def test_state_models_and_figures(url):
    assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}
    models = httpx.get(f"{url}/v1/models").json()["models"]
    assert len(models["segmenter"]["sha256"]) == 64
    assert models["classifier"]["validation"]
    figures = httpx.get(f"{url}/metrics")
    assert figures.headers["content-type"].startswith("text/plain")
    assert 'lungct_requests_total{path="/v1/models",status="200"}' in figures.text
    assert "process_resident_memory_bytes" in figures.text


def test_not_ready_before_the_networks_have_answered(shared_pipe):
    transport = httpx.ASGITransport(create_app(shared_pipe, SETTINGS))  # without its lifespan the service never starts

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


def test_folders_are_private_emptied_and_those_of_the_dead_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("lungct.pipeline.service_uploads.MEMORY", tmp_path)
    one = UploadFolder(0)
    assert one.path.parent == tmp_path
    assert one.path.stat().st_mode & 0o777 == 0o700
    with one.holding(b"\x89PNG\r\n\x1a\n") as path:
        assert path.name == "upload.png"
    assert [left.name for left in one.path.iterdir()] == ["lock"]
    shutil.copytree(one.path, tmp_path / "lungct-serve-dead")
    other = UploadFolder(0)
    assert sorted(left.name for left in tmp_path.iterdir()) == sorted([one.path.name, other.path.name])
    one.remove()
    other.remove()
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr("lungct.pipeline.service_uploads.MEMORY", tmp_path / "missing")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    on_disk = UploadFolder(0)
    on_disk.remove()


def test_what_the_dead_left_in_memory_goes_even_where_uploads_lie_on_disk(tmp_path, monkeypatch):
    memory, disk = tmp_path / "memory", tmp_path / "disk"
    for place in (memory, disk):
        (place / "lungct-serve-dead").mkdir(parents=True)
        (place / "lungct-serve-dead" / "lock").touch()
    monkeypatch.setattr("lungct.pipeline.service_uploads.MEMORY", memory)
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    folder = UploadFolder(2**60)
    assert not list(memory.iterdir())
    assert list(disk.iterdir()) == [folder.path]
    folder.remove()


def test_limits_follow_the_number_of_slices():
    limits = UploadLimits.of(10)
    limits.check_shape("x", (10, 512, 512))
    for shape in ((11, 64, 64), (3, 1024, 1024), (2049, 2049)):
        with pytest.raises(SourceError):
            limits.check_shape("x", shape)


def test_damaged_uploads_are_refused_and_leave_nothing(url, memory, tmp_path):
    descriptors = Path("/proc/self/fd")
    files = write_seeds(tmp_path)
    assert post(url, files[0].read_bytes(), path="/v1/segment").status_code == 200
    before = len(list(descriptors.iterdir()))
    with httpx.Client() as client:
        statuses = [
            client.post(
                f"{url}/v1/segment",
                files={"file": mutated(files[number % len(files)].read_bytes(), random.Random(number))},  # noqa: S311
                timeout=30,
            ).status_code
            for number in range(51)
        ]
    assert set(statuses) <= {200, 422}
    assert statuses.count(422) > 5
    assert len(list(descriptors.iterdir())) <= before + 2
    (folder,) = memory.iterdir()
    assert [left.name for left in folder.iterdir()] == ["lock"]


def test_series_from_parts_of_a_volume_are_judged(url):
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


def test_service_does_what_its_description_says(url):
    operations = [found.ok() for found in schemathesis.openapi.from_url(f"{url}/openapi.json").get_all_operations()]
    assert {operation.path for operation in operations} >= {"/v1/predict", "/v1/segment", "/v1/models", "/metrics"}
    for operation in operations:

        @settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=operation.as_strategy())
        def check(case):
            case.call_and_validate(excluded_checks=[positive_data_acceptance])  # a form that is right may hold no CT

        check()


def test_what_libraries_warn_of_is_logged_without_its_words():
    values = (logging.WARNING, "pydicom/valuerep.py", 440, "Invalid value for VR PN: 'DOE^JOHN'", (), None)
    line = json.loads(JsonLines().format(logging.LogRecord("pydicom", *values)))
    assert line["event"] == "pydicom"
    assert line["where"] == ["valuerep.py:440"]
    assert "DOE" not in str(line)
