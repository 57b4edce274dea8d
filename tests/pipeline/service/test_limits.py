"""Limits of the service: uploads, waiting, time, tokens; and how it stops."""

import io
import threading
import time
import weakref
import zipfile
from dataclasses import replace

import httpx
import nibabel
import numpy as np
import pytest
from PIL import Image

from lungct.pipeline.service.queue import Queue
from lungct.pipeline.service.server import run
from lungct.pipeline.service.settings import UploadLimits
from lungct.pipeline.service.uploads import receive_upload
from lungct.sources import SourceError

from .serving import SETTINGS, Held, connect, failed, post, rest_of, served, wait_until


def test_uploads_larger_than_allowed_are_refused_before_they_are_read(url):
    large = bytes(4 * 1024 * 1024)
    assert "3 MB" in failed(post(url, large), 413, "too-large")

    # Who says how much comes, and waits to be asked for it, is answered before a byte of it has come.
    form = {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": str(len(large))}
    head = "".join(f"{name}: {value}\r\n" for name, value in (form | {"Expect": "100-continue"}).items())
    with connect(url, f"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode()) as connection:
        assert connection.recv(12) == b"HTTP/1.1 413"

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


def test_a_token_is_required_if_one_is_set(shared_pipe, covid_slice):
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


def test_excess_requests_wait_or_are_refused_and_none_is_lost(shared_pipe, covid_slice):
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


def test_waiting_work_is_dropped_when_its_client_disconnects(shared_pipe, covid_slice, monkeypatch):
    class Upload(bytearray):  # bytes don't support weak references
        pass

    async def receive(*asked):
        upload = Upload(await receive_upload(*asked))
        uploads.append(weakref.ref(upload))
        return upload

    uploads = []
    monkeypatch.setattr("lungct.pipeline.service.service.receive_upload", receive)
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


def test_a_client_that_stops_in_the_middle_frees_its_place(url, monkeypatch):
    monkeypatch.setattr("lungct.pipeline.service.uploads.IDLE_SECONDS", 0.2)

    form = {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": "5000"}
    start = time.monotonic()
    head = "".join(f"{name}: {value}\r\n" for name, value in form.items())
    sent = f"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\n{head}\r\n--b\r\n".encode()
    with connect(url, sent) as connection:
        answer = rest_of(connection)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"too-slow"' in answer
    assert time.monotonic() - start < 5
    wait_until(lambda: "lungct_requests_inside 0.0" in httpx.get(f"{url}/metrics").text)


def test_a_refused_client_that_stops_sending_is_not_waited_for(url, monkeypatch):
    monkeypatch.setattr("lungct.pipeline.service.errors.DRAIN_IDLE_SECONDS", 0.2)
    start = time.monotonic()
    with connect(url, b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n") as connection:
        assert connection.recv(12) == b"HTTP/1.1 404"
    assert time.monotonic() - start < 5


def test_retry_after_is_bounded():
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

    monkeypatch.setattr("lungct.pipeline.service.uploads.MEMORY", tmp_path)
    assert not run(Broken(), replace(SETTINGS, max_upload=1), "127.0.0.1", 0)
    assert "the first prediction failed" in caplog.text
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("token", ["", " ", "t ", "t\n", "t\u00e4"])
def test_tokens_that_nobody_could_send_are_refused(token):
    with pytest.raises(ValueError, match="printable ASCII"):
        replace(SETTINGS, token=token)


def test_stopping_finishes_running_work(shared_pipe, covid_slice):
    held, answers = Held(shared_pipe), []
    with served(held, SETTINGS) as address:
        thread = threading.Thread(target=lambda: answers.append(post(address, covid_slice.read_bytes())))
        thread.start()
        assert held.begun.acquire(timeout=10)
        threading.Timer(0.5, held.go.set).start()
    thread.join()
    assert answers[0].status_code == 200


def test_limits_follow_the_number_of_slices():
    limits = UploadLimits.of(10)
    limits.check_shape("x", (10, 512, 512))
    for shape in ((11, 64, 64), (3, 1024, 1024), (2049, 2049)):
        with pytest.raises(SourceError):
            limits.check_shape("x", shape)
