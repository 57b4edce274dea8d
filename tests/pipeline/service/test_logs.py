"""The service's log: one line per kind and second, without untrusted text."""

import gzip
import json
import logging
import re
import subprocess
import sys
import time

import httpx

from lungct.pipeline.service.logs import JsonLines, OncePerSecond

from .serving import connect, free_port, post, rest_of, serving_process, wait_until, zipped


def record(line=1, message="x", error=None, **more):
    values = (logging.WARNING, "a.py", line, message, (), (error, error(), None) if error else None)
    made = logging.LogRecord("asyncio", *values)
    vars(made).update(more)
    return made


def test_one_line_per_kind_and_second_is_logged_and_omissions_are_counted():
    now = [0.0]
    once = OncePerSecond(lambda: now[0])

    def passed(count, **more):
        return sum(once.filter(record(**more)) for _ in range(count))

    assert passed(1000) == 1
    assert passed(5, line=2) == 1
    assert passed(5, message="JOHN") == 0  # untrusted text doesn't create a new kind
    assert passed(5, error=OSError) == 1
    assert passed(5, kind=("request", 404)) == 1
    assert passed(5, kind=None) == 5
    now[0] = 1.0
    later = record()
    assert once.filter(later)
    assert json.loads(JsonLines().format(later))["left_out"] == 1004
    now[0] = 2.0
    later = record()
    assert once.filter(later)
    assert "left_out" not in json.loads(JsonLines().format(later))


WARN = """
import warnings
from lungct.pipeline.service.logs import log_as_json
log_as_json()
for number in range(1000):
    warnings.warn(f"JOHN {number}")
print(len(__warningregistry__))
"""


def test_texts_of_warnings_are_neither_written_nor_kept():
    done = subprocess.run([sys.executable, "-c", WARN], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 5
    assert 1 <= done.stderr.count("\n") < 20
    assert "JOHN" not in done.stderr


def test_untrusted_text_and_floods_stay_out_of_the_log(covid_slice, nifti_of_series):
    evil = "\x1b[31mJOHN\r\nDOE\x07"
    port, picture = free_port(), covid_slice.read_bytes()
    with serving_process(port) as process:
        url = f"http://127.0.0.1:{port}"
        for sent in (f"GET /{evil}\r\n\r\n", f"GET / HTTP/1.1\r\nHost: {evil}\r\n\r\n", f"{evil}\r\n\r\n"):
            for _ in range(40):
                with connect(url, sent.encode()) as connection:
                    rest_of(connection)
        with httpx.Client(base_url=url) as client:
            for _ in range(100):
                client.get("/%1b%0aJOHN", headers={"Connection": "Upgrade, keep-alive", "Upgrade": "JOHN"})
            body = {"file": ("\x1b\nJOHN.png", picture, "JOHN/DOE")}
            assert client.post("/v1/predict", files=body, headers={"User-Agent": "JOHN"}).status_code == 200
        nifti = bytearray(gzip.decompress(nifti_of_series))
        nifti[70:72] = b"JO"  # a data type that nibabel complains about by number
        for content in (zipped({f"{evil}.dcm": b"JOHN"}), b"\x89PNG\r\n\x1a\n" + evil.encode(), bytes(nifti)):
            assert post(url, content, name=evil).status_code == 422
        time.sleep(1)
        httpx.get(f"{url}/JOHN")
        wait_until(lambda: '"left_out": 99' in process.log())
        said, *lines = process.log().splitlines()
    assert said.startswith("lungct: serving on ")
    assert not re.search(r"JOHN|DOE|[^\x20-\x7e]|\\u", "".join(lines))
    found = [json.loads(line) for line in lines]
    assert [one["status"] for one in found if "bytes" in one] == [200, 422, 422, 422]
    assert len(found) < 40
