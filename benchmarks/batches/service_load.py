"""Load a service from another process on this machine, and compare it with the pipeline alone.

Run: python -m benchmarks.batches.service_load [--seconds 60] [--workers 2] [--clients 16 64] [--out load.json]

Three runs, one after the other, each bounded in time: the bare pipeline, called by as many threads as the service has
workers; the service with 16 clients; the service with 64, more than it has places, where clients that get 429 wait as
requested. Every client sends the slices of examples/, one request after another. Nothing else should be running.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from lungct.pipeline import Pipeline

from ..common.examples import SLICES

PICTURES = sorted(SLICES.glob("*.png"))
CLIENTS = (16, 64)
"""Fewer than the places of the service, and more."""

STARTING = 60.0
"""Seconds in which the service must be ready."""


def bare(workers: int, seconds: float) -> float:
    """Return pictures per second of the pipeline alone, including reading and JSON."""
    pipe = Pipeline.from_pretrained(callers=workers)

    def judge(number: int) -> None:
        json.dumps(pipe.predict(PICTURES[number % len(PICTURES)]).to_dict())

    for number in range(4):
        judge(number)
    return side_by_side(judge, workers, seconds)[0]


def side_by_side(work: Callable[[int], Any], threads: int, seconds: float) -> tuple[float, list[Any]]:
    """Let threads work for some seconds; return how often per second the work was done, and all results."""
    results: list[Any] = []
    numbers, start = count(), time.perf_counter()

    def go_on() -> None:
        while time.perf_counter() < start + seconds:
            results.append(work(next(numbers)))

    runners = [threading.Thread(target=go_on) for _ in range(threads)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    return len(results) / (time.perf_counter() - start), results


@contextmanager
def service(workers: int) -> Iterator[tuple[int, int]]:
    """Yield the port and the process ID of a service in a separate process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "lungct", "serve", "--port", str(port), "--workers", str(workers)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + STARTING
        while not is_ready(port):
            if time.monotonic() > end or process.poll() is not None:
                raise SystemExit("the service does not start: run lungct serve to see why")
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def is_ready(port: int) -> bool:
    """Tell whether the service answers and has its networks."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def ask(port: int, picture: Path) -> tuple[int, float]:
    """Send one picture; return the status and the seconds until its answer; after 429, wait as long as requested."""
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    body = head + picture.read_bytes() + b"\r\n--b--\r\n"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=180)
    start = time.perf_counter()
    try:
        connection.request("POST", "/v1/predict", body, {"Content-Type": "multipart/form-data; boundary=b"})
        answer = connection.getresponse()
        answer.read()
    except OSError:
        return 0, time.perf_counter() - start
    finally:
        connection.close()
    seconds = time.perf_counter() - start
    if answer.status == 429:
        time.sleep(float(answer.headers["Retry-After"]))
    return answer.status, seconds


def load(port: int, clients: int, seconds: float) -> dict[str, Any]:
    """Return what clients saw: requests served per second, statuses, and times until the answer."""
    start = time.perf_counter()
    _, seen = side_by_side(lambda number: ask(port, PICTURES[number % len(PICTURES)]), clients, seconds)
    passed = time.perf_counter() - start
    served = np.array([took for status, took in seen if status == 200])
    return {
        "clients": clients,
        "seconds": round(passed, 1),
        "requests": len(seen),
        "statuses": {str(status): number for status, number in sorted(Counter(one for one, _ in seen).items())},
        "served_per_second": round(served.size / passed, 2),
        "p50_s": round(float(np.percentile(served, 50)), 3),
        "p95_s": round(float(np.percentile(served, 95)), 3),
        "share_429": round(sum(status == 429 for status, _ in seen) / len(seen), 3),
    }


def resident(process: int) -> int:
    """Return the memory of a process, MB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1024


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--clients", type=int, nargs=2, default=CLIENTS, metavar=("FEW", "MANY"))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    alone = bare(given.workers, given.seconds)
    with service(given.workers) as (port, process):
        few, many = given.clients
        load(port, few, min(5, given.seconds))  # buffers grow to their size
        memory = {"before": resident(process)}
        runs = []
        for clients in (few, many):
            runs.append(load(port, clients, given.seconds))
            memory[f"after_{clients}"] = resident(process)
    found = {
        "workers": given.workers,
        "bare_per_second": round(alone, 2),
        "of_bare": round(runs[0]["served_per_second"] / alone, 3),
        "runs": runs,
        "resident_mb": memory,
    }
    text = json.dumps(found, indent=2)
    print(text)
    if given.out:
        given.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
