"""The benchmarks are scripts beside the package: their folder is put where Python finds them."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
