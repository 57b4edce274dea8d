"""Connections that send nothing, read nothing, or are too many: the service still answers the others."""

import asyncio
import threading
import time
from dataclasses import replace

import httpx
import pytest
from prometheus_client import generate_latest
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from lungct.pipeline.service.connections import Connection, Gate
from lungct.pipeline.service.server import Server, raise_descriptors

from .serving import (
    SETTINGS,
    Held,
    connect,
    failed,
    figure,
    free_port,
    post,
    rest_of,
    served,
    serving_process,
    wait_until,
)

HALF = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: "
WHOLE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
LONG = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
CLOSING = LONG[:-2] + b"Connection: close\r\n\r\n"


def cut(url, why):
    return figure(url, f'lungct_connections_cut_total{{why="{why}"}}')


def patch(monkeypatch, **values):
    for name, value in values.items():
        monkeypatch.setattr(f"lungct.pipeline.service.connections.{name}", value)


def send_on(connection):
    for _ in range(200):
        connection.sendall(b"a")
        time.sleep(0.05)


@pytest.mark.parametrize(("sent", "answers"), [(b"", 0), (HALF, 0), (WHOLE + HALF, 1)])
def test_missing_headers_are_not_waited_for(url, monkeypatch, sent, answers):
    patch(monkeypatch, HEADER_SECONDS=0.4)
    before, start = cut(url, "headers"), time.monotonic()
    with connect(url, sent) as idle:
        assert httpx.get(f"{url}/healthz").status_code == 200
        assert rest_of(idle).count(b"200 OK") == answers
    assert 0.3 < time.monotonic() - start < 4  # uvicorn closes connections that are idle for 5 s after an answer
    assert cut(url, "headers") == before + 1


def test_slow_headers_get_no_extra_time(url, monkeypatch):
    patch(monkeypatch, HEADER_SECONDS=0.5)
    start = time.monotonic()
    with connect(url, HALF) as slow, pytest.raises(ConnectionError):
        send_on(slow)
    assert time.monotonic() - start < 5


def test_work_and_keep_alive_may_take_longer_than_headers(shared_pipe, covid_slice, monkeypatch):
    patch(monkeypatch, HEADER_SECONDS=0.3)
    held = Held(shared_pipe)
    threading.Timer(1, held.go.set).start()
    with served(held, SETTINGS) as address, httpx.Client(base_url=address, timeout=30) as client:
        for _ in range(2):
            assert client.post("/v1/predict", files={"file": covid_slice.read_bytes()}).status_code == 200
        assert cut(address, "headers") == 0


LARGE = 8 * 1024 * 1024


@pytest.fixture(params=["one large answer", "many answers"])
def asked(request, url, monkeypatch):
    """Return requests whose answers add up to several megabytes, and how many they are."""
    if request.param == "many answers":
        return LONG * 399 + CLOSING, 400
    monkeypatch.setattr(
        "lungct.pipeline.service.app.generate_latest", lambda made: generate_latest(made) + bytes(LARGE)
    )
    return CLOSING.replace(b"/openapi.json", b"/metrics"), 1


def test_a_client_that_reads_nothing_is_disconnected(url, monkeypatch, asked):
    patch(monkeypatch, ANSWER_SECONDS=0.4)
    before = cut(url, "answer")
    with connect(url, asked[0]) as deaf:
        wait_until(lambda: cut(url, "answer") == before + 1)
        assert len(rest_of(deaf)) < LARGE / 2
    wait_until(lambda: figure(url, "lungct_connections") == 1)  # the one that sends this request


def test_a_slow_client_gets_everything(url, monkeypatch, asked):
    patch(monkeypatch, ANSWER_SECONDS=0.4, LEAST_TAKEN=16 * 1024, HEADER_SECONDS=0.2)
    before, start, taken = cut(url, "answer"), time.monotonic(), []
    with connect(url, asked[0]) as slow:
        while part := slow.recv(128 * 1024):
            taken.append(part)
            time.sleep(0.05)
    assert time.monotonic() - start > 1
    assert b"".join(taken).count(b"200 OK") == asked[1]
    assert len(b"".join(taken)) > LARGE / 2
    assert cut(url, "answer") == before


def test_the_connection_slowest_to_send_headers_makes_room(shared_pipe):
    with served(shared_pipe, replace(SETTINGS, max_connections=3)) as address:
        first, *others = [connect(address, HALF) for _ in range(3)]
        assert httpx.get(f"{address}/healthz").status_code == 200
        assert rest_of(first) == b""
        others[1].sendall(b"b\r\n\r\n")
        assert others[1].recv(15) == b"HTTP/1.1 200 OK"
        assert cut(address, "crowded-out") >= 1
        for connection in (first, *others):
            connection.close()


def test_connections_beyond_the_limit_are_told_to_retry(shared_pipe, covid_slice):
    held = Held(shared_pipe)
    with served(held, replace(SETTINGS, max_connections=2)) as address:
        threads = [threading.Thread(target=post, args=(address, covid_slice.read_bytes())) for _ in range(2)]
        for thread in threads:
            thread.start()
            assert held.begun.acquire(timeout=10)
        with connect(address) as third:
            said = rest_of(third).decode()
        answer = httpx.Response(503, content=said.partition("\r\n\r\n")[2], headers={"X-Request-ID": ""})
        assert said.startswith("HTTP/1.1 503 ")
        assert "Retry-After: 1\r\n" in said
        assert "Try again" in failed(answer, 503, "crowded")
        held.go.set()
        for thread in threads:
            thread.join()
        wait_until(lambda: httpx.get(f"{address}/readyz").status_code == 200)
        assert cut(address, "refused") == 1


def test_more_idle_connections_than_descriptors(covid_slice):
    """Without a limit, the service would answer nobody and fill its log with errors of accept()."""
    port = free_port()
    with serving_process(port, descriptors=128) as process:
        address = f"http://127.0.0.1:{port}"
        idle = [connect(address, HALF) for _ in range(200)]
        assert post(address, covid_slice.read_bytes()).status_code == 200
        assert httpx.get(f"{address}/readyz").status_code == 200
        assert figure(address, "lungct_connections") <= 64
        assert cut(address, "crowded-out") >= 137
        for connection in idle:
            connection.close()
        log = process.log()
    assert log.count("\n") < 100
    assert "64 connections at most: the system grants 128 descriptors" in log


def test_the_limit_of_descriptors_is_raised_as_far_as_needed():
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
        assert raise_descriptors(400) == 400
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (400, hard)
        assert raise_descriptors(350) == 350
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 400
        if hard != resource.RLIM_INFINITY:
            assert raise_descriptors(2 * hard) == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_uvicorn_has_the_expected_interface(shared_pipe):
    for name in ("connection_made", "connection_lost", "data_received", "on_response_complete"):
        assert name in vars(H11Protocol)
        assert name in vars(Connection)
    for name in ("pause_writing", "resume_writing"):
        assert name in vars(H11Protocol)
        assert name in vars(Connection)
    assert "response_complete" in RequestResponseCycle.__init__.__code__.co_names
    config = Server(shared_pipe, SETTINGS, "127.0.0.1", 0).config
    config.load()
    assert config.http_protocol_class is Connection
    assert config.ws_protocol_class is None
    loop = asyncio.new_event_loop()
    made = Connection(config=config, server_state=ServerState(), app_state={"gate": Gate(1)}, _loop=loop)
    assert made.cycle is None
    assert made.connections == set()
    assert made.loop is loop
    loop.close()
