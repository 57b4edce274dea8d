"""Process one slice with LiteRT in 400 MB, which is what a Raspberry Pi 3 with 1 GB can spare.

examples/raspberry_pi.py runs in a fresh process whose address space is limited (RLIMIT_AS). Everything it maps,
including code and files, counts, so its resident memory can't reach the limit. The printed peak is that of resident
memory (VmHWM). Times are this computer's, not a Pi's.

Run: python -m benchmarks.speed.edge [FOLDER]

FOLDER is the output of lungct export --format tflite. By default it is made here, with the train and edge extras.
Linux only.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ..common.examples import PICTURE, ROOT

EXAMPLE = ROOT / "examples" / "raspberry_pi.py"
LIMIT_MB = 400

LIMITED = """
import resource, runpy, sys
limit = int(sys.argv[1]) * 10**6
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
with open("/proc/self/status") as status:  # not getrusage, which counts what the process was forked from
    print(next(line for line in status if line.startswith("VmHWM")))
"""


def export(folder: Path) -> None:
    """Export both networks in a separate process, so that TensorFlow doesn't affect the measurement."""
    command = [sys.executable, "-m", "lungct", "export", "--format", "tflite", "--out", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def measure(folder: Path | None = None, picture: Path = PICTURE, limit_mb: int = LIMIT_MB) -> dict[str, Any]:
    """Run the example on one picture under a memory limit.

    Parameters
    ----------
    folder : Path, optional
        Exported networks; made temporarily by default.
    picture : Path
    limit_mb : int
        Of the address space, in 10**6 bytes.

    Returns
    -------
    dict
        ``ok``, ``answer``, ``peak_mb`` (resident), ``segmenter_s`` and ``classifier_s`` (opening each network
        included), ``files_mb`` by name, ``limit_mb``; of a run that failed ``ok`` is False and ``answer`` says why.
    """
    if folder is None:
        with tempfile.TemporaryDirectory() as temporary:
            export(Path(temporary))
            return measure(Path(temporary), picture, limit_mb)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit_mb), str(EXAMPLE), str(folder), str(picture)],
        capture_output=True, text=True, check=False, env={**os.environ, "OPENBLAS_NUM_THREADS": "4"},
    )  # fmt: skip
    figures: dict[str, Any] = {
        "ok": False,
        "limit_mb": limit_mb,
        "files_mb": {path.name: path.stat().st_size / 1e6 for path in sorted(folder.glob("*.tflite"))},
    }
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        return {**figures, "answer": f"ended with {done.returncode}: {' '.join(last)}"}
    peak = int(re.search(r"VmHWM:\s*(\d+) kB", done.stdout)[1]) * 1024 / 1e6
    seconds = re.search(r"segmenter ([\d.]+) s, classifier ([\d.]+) s", done.stdout)
    return {
        **figures,
        "ok": peak < limit_mb,
        "answer": done.stdout.splitlines()[0],
        "peak_mb": peak,
        "segmenter_s": float(seconds[1]),
        "classifier_s": float(seconds[2]),
    }


def main() -> None:
    """Print the figures; exit with 1 if the run failed or took too much."""
    figures = measure(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    table = Table("what", "value", title=f"one slice, address space limited to {figures['limit_mb']} MB")
    for name, value in (*figures.pop("files_mb").items(), *figures.items()):
        unit = " MB" if name.endswith((".tflite", "_mb")) else " s" if name.endswith("_s") else ""
        table.add_row(name, f"{value:.2f}{unit}" if isinstance(value, float) else f"{value}{unit}")
    Console().print(table)
    if not figures["ok"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
