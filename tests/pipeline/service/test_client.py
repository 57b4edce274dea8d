"""The client: the same answers as local ones, and clear errors if there are none."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
from typer.testing import CliRunner

from lungct.pipeline import Pipeline
from lungct.pipeline.commands.cli import app
from lungct.pipeline.service.client import Client, ServiceError
from lungct.pipeline.service.settings import ServiceSettings
from lungct.sources import SourceError

from ...conftest import ROOT, SLICES
from .serving import Held, free_port, is_ready, served, serving_process, upload_folder, wait_until

SERIES = ROOT / "examples" / "series"
SETTINGS = ServiceSettings(workers=2, waiting=1, seconds=30, max_upload=3, max_slices=20, token="t0ken")  # noqa: S106


@pytest.fixture(scope="module")
def shared_pipe():
    return Pipeline.from_pretrained(callers=2)


@pytest.fixture(scope="module")
def url(shared_pipe):
    with served(shared_pipe, SETTINGS) as address:
        yield address


@pytest.fixture
def client(url):
    return Client(url, token=SETTINGS.token, timeout=30)


def equal(remote, local):
    assert remote.to_dict() == local.to_dict()
    assert remote.lung_mask.dtype == bool
    np.testing.assert_array_equal(remote.lung_mask, local.lung_mask)
    np.testing.assert_array_equal(remote.slice_probabilities, local.slice_probabilities)
    for name in (
        "interval",
        "prediction_set",
        "error_level",
        "ood_score",
        "warnings",
        "label",
        "probability",
        "provenance",
    ):
        assert getattr(remote, name) == getattr(local, name), name


@pytest.mark.parametrize(
    "source", [SLICES / "covid19-ny-sbu-A002304.png", SLICES / "covid19-ny-sbu-A062055-abdomen.png", SERIES], ids=str
)
def test_prediction_equals_the_local_one(client, shared_pipe, source, tmp_path):
    local, remote = shared_pipe.predict(source), client.predict(source)
    equal(remote, local)
    assert remote.source == str(source)
    np.testing.assert_array_equal(remote.heatmap, local.heatmap)
    np.testing.assert_array_equal(np.asarray(remote.overlay()), np.asarray(local.overlay()))
    assert remote.lung_volume_ml == local.lung_volume_ml
    assert {path.suffix for path in remote.save(tmp_path)} >= {".json", ".png"}


def test_inverted_pictures_are_restored_locally_too(client, shared_pipe, tmp_path):
    from PIL import Image, ImageOps

    with Image.open(SLICES / "covid19-ny-sbu-A002304.png") as picture:
        ImageOps.invert(picture.convert("L")).save(tmp_path / "inverted.png")
    local, remote = shared_pipe.predict(tmp_path / "inverted.png"), client.predict(tmp_path / "inverted.png")
    assert "inverted" in local.warnings
    equal(remote, local)
    np.testing.assert_array_equal(remote.scan.pixels, local.scan.pixels)


def test_reading_locally_is_optional(client, covid_slice):
    found = client.predict(covid_slice, read=False)
    assert found.scan is None
    assert found.label in ("COVID", "non-COVID")
    assert found.lung_mask.any()


def test_models(client):
    assert set(client.models()["models"]) == {"segmenter", "classifier"}


def test_refusals_say_why(client, url, tmp_path, covid_slice):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with pytest.raises(ServiceError, match="upload: is damaged") as refused:
        client.predict(tmp_path / "broken.png")
    assert refused.value.status == 422
    assert refused.value.code == "unreadable"
    assert len(refused.value.request_id) == 32
    (tmp_path / "large.png").write_bytes(bytes(20 * 1024 * 1024))
    with pytest.raises(ServiceError, match="larger than 3 MB"):
        client.predict(tmp_path / "large.png")
    with pytest.raises(ServiceError, match="token") as refused:
        Client(url, token="wrong").predict(covid_slice)  # noqa: S106
    assert refused.value.status == 401
    with pytest.raises(SourceError, match=r"missing\.png"):
        client.predict(tmp_path / "missing.png")
    with pytest.raises(ValueError, match=r"http://127\.0\.0\.1:8000"):
        Client("localhost:8000")
    for token in ("", " t", "t\r\nX: y", "\u2713"):
        with pytest.raises(ValueError, match="printable ASCII"):
            Client(url, token=token)


def test_names_of_files_are_not_sent(monkeypatch, client, tmp_path):
    shutil.copytree(SERIES, tmp_path / "DOE JOHN")
    sent = []
    monkeypatch.setattr(
        Client, "_send", lambda self, method, target, body, headers: sent.append((target, body)) or 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        client.predict(tmp_path / "DOE JOHN")
    assert b"DOE" not in sent[0][1]
    assert b"1-08" not in sent[0][1]


def test_a_busy_service_is_asked_again(shared_pipe, covid_slice):
    held = Held(shared_pipe)
    with served(held, replace(SETTINGS, workers=1, waiting=0)) as address:
        first = threading.Thread(target=Client(address, SETTINGS.token).predict, args=(covid_slice,))
        first.start()
        assert held.begun.acquire(timeout=10)
        with pytest.raises(ServiceError, match="the service is busy") as busy:
            Client(address, SETTINGS.token, retries=0).predict(covid_slice)
        assert busy.value.status == 429
        threading.Timer(0.3, held.go.set).start()
        assert Client(address, SETTINGS.token).predict(covid_slice).label is not None
        first.join()


def test_no_service_and_no_answer(covid_slice):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(ServiceError, match="lungct serve is running there") as missing:
            Client(address).predict(covid_slice)
        assert missing.value.status is None
        assert missing.value.code == "no-connection"
        listening.listen()
        with pytest.raises(ServiceError, match=r"no answer within 0\.2 s"):
            Client(address, timeout=0.2).predict(covid_slice)


@contextmanager
def answering(status, body):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_answers_of_other_servers_are_refused(covid_slice):
    with (
        answering(502, b"<html>Bad Gateway</html>") as url,
        pytest.raises(ServiceError, match=r"proxy.* 502 Bad Gateway"),
    ):
        Client(url).predict(covid_slice)
    with answering(200, b"PK hello") as url, pytest.raises(ServiceError, match="not an answer of a lungct service"):
        Client(url).predict(covid_slice)


def test_a_service_killed_in_the_middle_can_be_restarted(covid_slice):
    port, seen = free_port(), []
    address = f"http://127.0.0.1:{port}"

    def ask_on():
        while not seen or isinstance(seen[-1], str):
            try:
                seen.append(Client(address, timeout=20).predict(SERIES, read=False).label)
            except ServiceError as error:
                seen.append(error)

    with serving_process(port, "--workers", "1") as process:
        thread = threading.Thread(target=ask_on)
        thread.start()
        wait_until(lambda: seen)
        left = upload_folder(process)
        process.kill()
        thread.join(20)
    assert isinstance(seen[-1], ServiceError)
    assert seen[-1].code == "no-connection"
    assert not is_ready(address)
    assert left.exists()
    with serving_process(port, "--workers", "1") as process:  # takes the port, and removes what the other left behind
        assert not left.exists()
        assert Client(address).predict(covid_slice, read=False).label == "non-COVID"
        process.terminate()
        process.wait(20)
        said, *lines = process.log().splitlines()
        assert said.startswith(f"lungct: serving on {address}.")
        lines = [json.loads(line) for line in lines]
        assert any(line.get("status") == 200 and line.get("path") == "/v1/predict" for line in lines)
        assert not [line for line in lines if line["level"] not in ("info", "warning")]


def test_examples_run(url, tmp_path):
    environment = {**os.environ, "LUNGCT_TOKEN": SETTINGS.token}
    picture = SLICES / "covid19-ny-sbu-A002304.png"
    for command in (
        [sys.executable, ROOT / "examples" / "service.py", url, picture, "no-such-file.png"],
        ["/bin/sh", ROOT / "examples" / "service.sh", url, picture],
    ):
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "non-COVID" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {
        "results", "overlay.png", "mask.png", "mask.nii.gz", "sheet.html",
    }  # fmt: skip


def test_client_needs_no_server():
    code = "import sys, lungct.pipeline.service.client; assert not {'fastapi', 'httpx', 'uvicorn'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_empty_token_opens_nothing():
    for token in ("", " "):
        done = CliRunner().invoke(app, ["serve"], env={"LUNGCT_TOKEN": token})
        assert done.exit_code == 2
        assert "empty" in done.output
