"""What the service must not reveal, whom it doesn't answer, and what it logs."""

import io
import json
import logging
import re
from pathlib import Path

import httpx
import numpy as np

from lungct.pipeline.service.errors import public_message
from lungct.pipeline.service.logs import JsonLines
from lungct.sources import SourceError

from ...sources.dicom.dicom_files import slice_file
from .serving import SETTINGS, Held, failed, post, served, wait_until, zipped


def test_answers_reveal_no_patients_paths_or_code(url):
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


def test_messages_keep_only_sizes():
    home = Path("/dev/shm/lungct-serve-x/y")  # noqa: S108
    error = SourceError(f"{home}/upload.zip", f"holds no readable scan; files refused: 1: {home}/a: b", "Run")
    assert public_message(error, home) == "upload: holds no readable scan; files refused: 1. Run."
    error = SourceError("x", "has 4 axes, shape (3, 4, 5, 6): several volumes", "Give one")
    assert public_message(error, home) == "upload: has 4 axes, shape (3, 4, 5, 6): several volumes. Give one."
    error = SourceError("x", "is damaged (cannot identify JOHN (DOE))", f"Rename {home}")
    assert public_message(error, home) == "upload: can't be read. Check that it is a CT scan."
    error = SourceError("x", "holds no readable scan", "Run lungct info on it to see the reason for each file")
    assert public_message(error, home) == "upload: holds no readable scan. Send one CT scan."
    error = SourceError("x", "holds 9 slices", "Send fewer, or have the limit raised (lungct serve --max-slices)")
    assert "lungct serve" in public_message(error, home)


def test_security_headers_are_sent(url):
    for answer in (httpx.get(f"{url}/"), httpx.get(f"{url}/nothing"), httpx.get(f"{url}/healthz")):
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert not [name for name in answer.headers if name.startswith("access-control")]
    fetched = r"(src|srcset|<link[^>]*href|action|poster)\s*=\s*.?(https?:)?//"
    assert not re.search(fetched, httpx.get(f"{url}/").text)  # links that users click may lead elsewhere
    failed(httpx.get(f"{url}/docs"), 404, "not-found")


def test_other_sites_and_host_names_get_nothing(url, covid_slice):
    picture = covid_slice.read_bytes()
    host = url.removeprefix("http://")
    failed(post(url, picture, headers={"Origin": "https://evil.example"}), 403, "forbidden")
    failed(post(url, picture, headers={"Sec-Fetch-Site": "cross-site", "Origin": url}), 403, "forbidden")
    assert post(url, picture, headers={"Origin": url, "Sec-Fetch-Site": "same-origin"}).status_code == 200
    assert post(url, picture, headers={"Origin": url}).status_code == 200
    failed(post(url, picture, headers={"Host": "evil.example"}), 421, "unknown-host")
    assert post(url, picture, headers={"Host": f"localhost:{host.split(':')[1]}"}).status_code == 200


def test_unexpected_errors_are_identified_only_by_request_id(shared_pipe, covid_slice, caplog):
    class Broken(Held):
        def predict(self, scan, **options):
            if scan.source == "upload":
                raise RuntimeError("JOHN DOE /secret/path")
            return self._pipe.predict(scan, **options)

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


def test_warnings_of_libraries_are_logged_without_their_text():
    values = (logging.WARNING, "pydicom/valuerep.py", 440, "Invalid value for VR PN: 'DOE^JOHN'", (), None)
    line = json.loads(JsonLines().format(logging.LogRecord("pydicom", *values)))
    assert line["event"] == "pydicom"
    assert line["where"] == ["valuerep.py:440"]
    assert "DOE" not in str(line)
