"""Read many damaged files and crafted headers; report exceptions, times and memory use.

Run: python -m tests.fuzz.run COUNT [SEED] [FOLDER]

Files are read in worker processes that may use 2 GB more than they start with, and 10 s per input. A worker that dies,
for example by a crash in a decoder, is a finding like any other, and is kept in FOLDER with the file that caused it.
"""

from __future__ import annotations

import collections
import multiprocessing as mp
import random
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from lungct.sources import SourceError, read_scan

from .headers import GRAMMARS
from .mutate import mutated
from .seeds import write_seeds

SECONDS, MEGABYTES = 10, 2048
BATCH = 250


class Maker(Protocol):
    """Makes bad files by number.

    Attributes
    ----------
    name : str
        For the table.
    bugs : tuple of type
        Exceptions that must not cause a refusal, besides `MemoryError`.
    """

    name: str
    bugs: tuple[type[Exception], ...]

    def __call__(self, number: int) -> dict[str, bytes]:
        """Return files by name; the first one is read."""


class Damaged:
    """Makes damaged versions of a file."""

    def __init__(self, seed_file: Path) -> None:
        self.name, self.bugs, self._content = seed_file.name, (), seed_file.read_bytes()

    def __call__(self, number: int) -> dict[str, bytes]:
        """Return one version."""
        return {f"{number}-{self.name}": mutated(self._content, random.Random(number))}  # noqa: S311


Job = tuple[Maker, int, int, Path]


def read_damaged(job: Job) -> tuple[collections.Counter[str], float, list[str]]:
    """Read `BATCH` bad files from a maker; return outcomes, the longest time in s, and findings."""
    maker, start, count, folder = job
    warnings.simplefilter("ignore")
    outcomes: collections.Counter[str] = collections.Counter()
    slowest, findings = 0.0, []
    for number in range(start, start + count):
        made = maker(number)
        for name, content in made.items():
            (folder / name).write_bytes(content)
        path = folder / next(iter(made))
        signal.alarm(SECONDS + 1)
        began = time.perf_counter()
        try:
            read_scan(path)
            outcomes["read"] += 1
        except SourceError as error:
            if isinstance(error.__cause__, (MemoryError, *maker.bugs)):
                findings.append(f"{path.name}: {error}")
                continue
            outcomes["refused"] += 1
        except BaseException as error:  # noqa: BLE001
            findings.append(f"{path.name}: {type(error).__name__}: {error}")
            continue
        finally:
            slowest = max(slowest, time.perf_counter() - began)
            signal.alarm(0)
        for name in made:
            (folder / name).unlink()
    return outcomes, slowest, findings


def _limit_memory() -> None:
    import nibabel  # noqa: F401
    import pydicom.pixels  # noqa: F401

    with Path("/proc/self/statm").open() as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEGABYTES * 2**20,) * 2)
    sys.stderr = open("/dev/null", "w")  # noqa: PTH123, SIM115


def _work(job: Job, answer: Connection) -> None:
    _limit_memory()
    answer.send(read_damaged(job))


def fuzz(
    count: int, seed: int, folder: Path, processes: int = 2, makers: Sequence[Maker] = ()
) -> Iterator[tuple[str, object]]:
    """Yield, for every batch, its maker's name and the outcome, or what killed the worker; all makers by default."""
    makers = makers or [*map(Damaged, write_seeds(folder / "seeds")), *GRAMMARS]
    jobs = [
        (makers[number // BATCH % len(makers)], seed + number, min(BATCH, count - number), folder / str(number))
        for number in range(0, count, BATCH)
    ]
    context = mp.get_context("forkserver")
    context.set_forkserver_preload(["lungct.sources", "nibabel", "pydicom.pixels", "tifffile"])
    with ThreadPoolExecutor(processes) as pool:
        yield from pool.map(lambda job: (job[0].name, _in_a_process(context, job)), jobs)


def _in_a_process(context: Any, job: tuple[Path, int, int, Path]) -> object:
    """Return the outcome of a batch, or how its worker died."""
    job[3].mkdir(parents=True, exist_ok=True)
    ours, theirs = context.Pipe(duplex=False)
    worker = context.Process(target=_work, args=(job, theirs))
    worker.start()
    theirs.close()
    worker.join(SECONDS * job[2])
    try:
        if ours.poll():
            return ours.recv()
    except EOFError:  # it died before it could answer
        pass
    worker.kill()
    worker.join()
    return f"a worker died ({worker.exitcode}) over {sorted(job[3].iterdir())[-1:]}"


def main() -> None:
    """Print the table and end with 1 if there were findings."""
    count = int(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    folder = Path(sys.argv[3]) if len(sys.argv) > 3 else Path(tempfile.mkdtemp(prefix="fuzz-"))
    totals: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    slowest: dict[str, float] = collections.defaultdict(float)
    failed = []
    for name, result in fuzz(count, seed, folder):
        if isinstance(result, str):
            failed.append(f"{name}: {result}")
            print(failed[-1], flush=True)
            continue
        outcomes, longest, findings = result  # type: ignore[misc]
        totals[name] += outcomes
        slowest[name] = max(slowest[name], longest)
        failed += findings
        for finding in findings:
            print(finding, flush=True)
    print(f"{'file':14} {'read':>8} {'refused':>8} {'slowest, s':>10}")
    for name, outcomes in sorted(totals.items()):
        print(f"{name:14} {outcomes['read']:8} {outcomes['refused']:8} {slowest[name]:10.2f}")
    print(f"{sum(sum(one.values()) for one in totals.values())} inputs, {len(failed)} findings, kept in {folder}")
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
