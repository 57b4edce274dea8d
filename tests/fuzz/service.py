"""Upload many damaged files to a service, and report what it answers and what it leaves behind.

Run: python -m tests.fuzz.service COUNT [SEED]

The service runs in a separate process. Findings are statuses other than 200 and 422, leftover file descriptors or
files, and parts of a path or of the code in an answer.
"""

from __future__ import annotations

import random
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

import httpx

from lungct.pipeline.service.uploads import PREFIX

from ..pipeline.service.serving import free_port, serving_process
from .mutate import mutated
from .seeds import write_seeds

TELLING = re.compile(r"lungct-serve|/dev/|/tmp|/usr|\.py\b|Traceback|site-packages|DOE|JOHN")


def upload(count: int, seed: int) -> tuple[Counter[int], list[str], dict[str, int]]:
    """Return statuses, findings, and how many descriptors, files and MB the service has more than before."""
    statuses: Counter[int] = Counter()
    findings = []
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, serving_process(port, "--max-slices", "50") as process:
        files = [(file.name, file.read_bytes()) for file in write_seeds(Path(folder))]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            for _, content in files:  # what is loaded with the first file of a format is not a leak
                client.post("/v1/predict", files={"file": content})
            before = _held_by(process.pid)
            for number in range(seed, seed + count):
                name, content = files[number % len(files)]
                damaged = mutated(content, random.Random(number))  # noqa: S311
                answer = client.post("/v1/predict", files={"file": damaged})
                statuses[answer.status_code] += 1
                if answer.status_code not in (200, 422) or TELLING.search(answer.text):
                    findings.append(f"{number} {name}: {answer.status_code} {answer.text[:200]}")
            after = _held_by(process.pid)
    return statuses, findings, {what: after[what] - before[what] for what in before}


def _held_by(process: int) -> dict[str, int]:
    """Return a process's descriptors, its files in upload folders, and its memory in MB."""
    status = Path(f"/proc/{process}/status").read_text()
    opened = [path.readlink() for path in Path(f"/proc/{process}/fd").iterdir()]
    (folder,) = (path.parent for path in opened if path.parent.name.startswith(PREFIX))  # its lock
    return {
        "descriptors": len(opened),
        "files": len(list(folder.iterdir())),
        "megabytes": int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) // 1024,
    }


def main() -> None:
    """Print what was found and end with 1 if there were findings."""
    statuses, findings, more = upload(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    for finding in findings:
        print(finding)  # noqa: T201
    print(f"statuses {dict(sorted(statuses.items()))}, more than before {more}, {len(findings)} findings")  # noqa: T201
    raise SystemExit(bool(findings) or more["descriptors"] > 2 or more["files"] > 0)


if __name__ == "__main__":
    main()
