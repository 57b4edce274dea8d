"""A service on a free port, in a thread of the test or a separate process, and requests to it."""

from __future__ import annotations

import io
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np

from lungct.classify import Evidence
from lungct.pipeline.service.server import Server
from lungct.pipeline.service.settings import ServiceSettings
from lungct.pipeline.service.uploads import PREFIX

from ...conftest import ROOT

SERIES = ROOT / "examples" / "series"
SETTINGS = ServiceSettings(workers=2, waiting=2, seconds=30, max_upload=3, max_slices=20)


@contextmanager
def served(pipe, settings):
    """Yield the address of a service in a thread."""
    server = Server(pipe, settings, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        wait_until(lambda: httpx.get(f"{url}/readyz").status_code == 200)
        yield url
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def serving_process(port, *options, program=("-m", "lungct"), descriptors=None, **environment):
    """Yield a process that runs ``lungct serve``, when it is ready."""
    command = [sys.executable, *program, "serve", "--port", str(port), *options]
    if descriptors is not None:
        command = ["/bin/sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh", *command]
    log = tempfile.TemporaryFile("a+")  # noqa: SIM115 - reading doesn't move the position for writing
    process = subprocess.Popen(command, stderr=log, env={**os.environ, **environment})
    process.log = lambda: log.seek(0) or log.read()
    try:
        wait_until(lambda: is_ready(f"http://127.0.0.1:{port}"), seconds=60)
        yield process
    finally:
        process.kill()
        process.wait()
        log.close()


def upload_folder(process):
    """Return the folder in which a service stores uploads while they are read; it contains the service's lock."""
    opened = [path.readlink() for path in Path(f"/proc/{process.pid}/fd").iterdir()]
    (lock,) = (path for path in opened if path.parent.name.startswith(PREFIX))
    return lock.parent


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def is_ready(url):
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


class Held:
    """A pipeline whose predictions wait for `go`."""

    def __init__(self, pipe):
        self._pipe, self.go, self.begun, self.count = pipe, threading.Event(), threading.Semaphore(0), 0
        self.provenance, self.segmenter, self.classifier = pipe.provenance, pipe.segmenter, pipe.classifier
        self.modality = pipe.modality

    def predict(self, scan, **options):
        if scan.source == "upload":
            self.count += 1
            self.begun.release()
            assert self.go.wait(30)
        return self._pipe.predict(scan, **options)


class WithInfectionMap:
    """A pipeline with a map of infection, as from a network that has one: strongest at the bottom left of the lungs.

    `heat` is the map's highest logit, `changes` are other fields of its predictions.
    """

    def __init__(self, pipe, heat=3.0, **changes):
        self._pipe, self._heat, self._changes = pipe, heat, changes
        self.provenance, self.segmenter, self.classifier = pipe.provenance, pipe.segmenter, pipe.classifier
        self.modality = pipe.modality

    def predict(self, scan, explain="lesions", **options):
        found = self._pipe.predict(scan, explain=explain, **options)
        rows, columns = np.mgrid[:112, :112].astype(np.float32)
        grid = self._heat - np.hypot(rows - 85, columns - 25) / 8
        lesions = tuple(
            one and Evidence(grid - index / 7, one.box) for index, one in enumerate(found.classification.evidence)
        )
        evidence = lesions if explain == "lesions" else found.classification.evidence
        result = replace(
            found.classification, evidence=evidence, explain=explain, lesions=lesions, lesion_threshold=0.4
        )
        return replace(found, classification=result, **({} if found.label == "indeterminate" else self._changes))


def figure(url, line):
    """Return the value of one line of the service's metrics."""
    (found,) = re.findall(rf"^{re.escape(line)} (\S+)$", httpx.get(f"{url}/metrics").text, re.MULTILINE) or ["0"]
    return float(found)


def connect(url, sent=b""):
    """Return a connection over which some bytes were sent."""
    host, port = url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    connection.sendall(sent)
    return connection


def rest_of(connection):
    """Return everything received until the service closes the connection."""
    found = []
    try:
        while part := connection.recv(65536):
            found.append(part)
    except ConnectionResetError:
        pass
    return b"".join(found)


def post(url, content, accept="application/json", path="/v1/predict", name="x", headers=None, **query):
    headers = {"Accept": accept, **(headers or {})}
    return httpx.post(f"{url}{path}", files={"file": (name, content)}, params=query, headers=headers, timeout=30)


def zipped(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def failed(answer, status, code):
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["request_id"] == answer.headers["x-request-id"]
    return error["message"]
