"""Stuck workers are replaced, may come back, and eventually make the service restart."""

import gc
import threading
import time
import weakref
from dataclasses import replace

import httpx
import pytest

from lungct.pipeline.service.server import Server, run
from lungct.pipeline.service.workers import Workers

from .serving import SETTINGS, Held, failed, figure, free_port, is_ready, post, served, serving_process, wait_until


@pytest.fixture
def go():
    """Yield the event that blocked threads wait for."""
    event = threading.Event()
    yield event
    event.set()


def blocked(pool, go, count=1):
    begun = threading.Semaphore(0)
    jobs = [pool.submit(lambda: begun.release() or go.wait(30)) for _ in range(count)]
    for _ in jobs:
        assert begun.acquire(timeout=5)
    return jobs


def test_jobs_run_in_parallel_and_errors_are_returned():
    pool, both = Workers(2, spare=0), threading.Barrier(2)
    jobs = [pool.submit(lambda: both.wait(5)) for _ in range(2)]
    assert sorted(job.result(5) for job in jobs) == [0, 1]
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 / 0).result(5)
    assert pool.submit(lambda: 7).result(5) == 7
    assert (pool.working, pool.lost) == (0, 0)
    pool.close(5)


def test_a_stuck_worker_is_replaced_until_it_comes_back(go):
    before = set(threading.enumerate())
    pool = Workers(1, spare=1)
    (stuck,) = blocked(pool, go)
    waiting = pool.submit(lambda: 1)
    assert not pool.give_up(waiting)
    assert pool.working == 1
    assert any("test_workers.py" in place for place in stuck.where())
    assert pool.give_up(stuck)
    assert not pool.give_up(stuck)
    assert (pool.working, pool.lost, pool.stuck) == (0, 1, False)
    assert waiting.result(5) == 1
    go.set()
    assert stuck.result(5)
    wait_until(lambda: len(set(threading.enumerate()) - before) == 1)
    assert pool.lost == 0
    assert pool.submit(lambda: 2).result(5) == 2
    assert pool.typical < 0.5  # a stuck job says nothing about how long work takes
    pool.close(5)
    wait_until(lambda: set(threading.enumerate()) <= before)


def test_lost_workers_are_replaced_up_to_a_limit(go):
    pool = Workers(1, spare=2)
    for count in range(1, 4):
        (job,) = blocked(pool, go)
        pool.give_up(job)
        assert pool.lost == count
        assert pool.stuck == (count == 3)
    waiting = pool.submit(lambda: 1)
    assert not waiting.done()
    go.set()
    assert waiting.result(5) == 1  # workers that come back work again
    wait_until(lambda: pool.lost == 0)
    assert not pool.stuck
    pool.close(5)


def test_shutdown_waits_neither_for_waiting_nor_for_stuck_jobs(go):
    pool = Workers(2, spare=2)
    lost, running = blocked(pool, go, 2)
    pool.give_up(lost)
    (other,) = blocked(pool, go)
    waiting, start = pool.submit(lambda: 1), time.monotonic()
    pool.close(0.3)
    assert 0.2 < time.monotonic() - start < 3
    assert waiting.cancelled()
    go.set()
    assert running.result(5)
    assert other.result(5)


def test_a_failed_job_releases_its_data():
    class Scan:
        pass

    def work():
        scan = Scan()
        held.append(weakref.ref(scan))
        raise ValueError

    held, pool = [], Workers(1, spare=0)
    gc.disable()
    try:
        with pytest.raises(ValueError):
            pool.submit(work).result(5)
        wait_until(lambda: held[0]() is None, seconds=5)
    finally:
        gc.enable()
    pool.close(5)


class FirstHeld(Held):
    """A pipeline whose first prediction waits for `go`."""

    def predict(self, scan, **options):
        return super().predict(scan, **options) if self.count == 0 else self._pipe.predict(scan, **options)


@pytest.fixture
def picture(covid_slice):
    return covid_slice.read_bytes()


def test_a_stuck_worker_takes_no_place_and_the_next_request_is_answered(shared_pipe, picture, caplog):
    held = FirstHeld(shared_pipe)
    with served(held, replace(SETTINGS, workers=1, waiting=0, seconds=2)) as address:
        failed(post(address, picture), 504, "time-limit")
        failed(post(address, picture), 429, "busy")
        wait_until(lambda: figure(address, "lungct_workers_lost") == 1)
        assert figure(address, "lungct_requests_inside") == 0
        assert post(address, picture).status_code == 200
        assert httpx.get(f"{address}/readyz").status_code == 200
        held.go.set()
        wait_until(lambda: figure(address, "lungct_workers_lost") == 0)
        assert figure(address, "lungct_requests_inside") == 0
        assert post(address, picture).status_code == 200
    (line,) = (record for record in caplog.records if "stuck" in record.message)
    assert any(place.startswith("serving.py:") for place in line.facts["where"])


def test_with_too_many_stuck_workers_the_service_is_not_ready(shared_pipe, picture, monkeypatch):
    given_up = []
    monkeypatch.setattr(Server, "give_up", lambda self: given_up.append(self))
    held = Held(shared_pipe)
    with served(held, replace(SETTINGS, workers=1, waiting=0, seconds=0.5)) as address:
        for lost in (1, 2):
            assert not given_up
            failed(post(address, picture), 504, "time-limit")
            wait_until(lambda lost=lost: figure(address, "lungct_workers_lost") == lost)
        assert len(given_up) == 1
        failed(httpx.get(f"{address}/readyz"), 503, "stuck")
        failed(post(address, picture), 503, "stuck")
        answer = httpx.get(f"{address}/healthz")
        assert (answer.status_code, answer.json()) == (200, {"status": "stuck"})
        held.go.set()
        wait_until(lambda: is_ready(address))


def test_a_stuck_service_ends_with_a_failure(shared_pipe, picture):
    held, ended, port = Held(shared_pipe), [], free_port()
    address = f"http://127.0.0.1:{port}"
    settings = replace(SETTINGS, workers=1, waiting=0, seconds=0.5)
    thread = threading.Thread(target=lambda: ended.append(run(held, settings, "127.0.0.1", port)))
    thread.start()
    wait_until(lambda: is_ready(address))
    failed(post(address, picture), 504, "time-limit")
    wait_until(lambda: figure(address, "lungct_workers_lost") == 1)
    failed(post(address, picture), 504, "time-limit")
    thread.join(20)
    assert ended == [False]
    held.go.set()


def test_a_first_prediction_that_never_ends_ends_the_service(shared_pipe, go, monkeypatch, caplog):
    class Hanging(Held):
        def predict(self, scan, **options):
            go.wait(30)

    monkeypatch.setattr("lungct.pipeline.service.service.FIRST_SECONDS", 0.2)
    monkeypatch.setattr("lungct.pipeline.service.queue.CLOSE_SECONDS", 0.2)
    start = time.monotonic()
    assert not run(Hanging(shared_pipe), SETTINGS, "127.0.0.1", 0)
    assert time.monotonic() - start < 10
    assert "the first prediction failed" in caplog.text


STUCK = """
import threading
from concurrent.futures import ThreadPoolExecutor
from lungct.pipeline import Pipeline
from lungct.pipeline.commands.cli import app

judge = Pipeline.predict

def predict(self, scan, **options):
    if scan.source == "upload":
        with ThreadPoolExecutor(1) as threads:  # Python waits for these at its end
            threads.submit(threading.Event().wait).result()
    return judge(self, scan, **options)

Pipeline.predict = predict
app()
"""


def test_a_stuck_process_ends(picture):
    port = free_port()
    with serving_process(port, "--workers", "1", "--timeout", "1", program=("-c", STUCK)) as process:
        for _ in range(2):
            assert process.poll() is None
            failed(post(f"http://127.0.0.1:{port}", picture), 504, "time-limit")
            time.sleep(1.5)
        assert process.wait(20) == 1
        assert "too many workers are stuck" in process.log()
