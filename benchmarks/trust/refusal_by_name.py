"""How often each pipeline refuses the other modality, and by mistake its own.

Measured on validation pictures, the part of labelled data sets that training set aside. They were used to choose the
recognizer's epoch; pictures of other sources, given by --other-ct, were not used to choose anything.

Run: python -m benchmarks.trust.refusal_by_name --ct covid-ct --ct sarscov2-ct --xray xrays.csv --other-ct FOLDER
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lungct.classify.data.dataset import read_examples, split_examples
from lungct.common.intervals import exact_interval
from lungct.pipeline import Pipeline
from lungct.pipeline.decision import LOOKS_LIKE, UNLIKE
from lungct.sources import Scan, find_sources, read_scan
from lungct.sources.intensity import LUNG_WINDOW, apply_window


def pictures(scan: Scan) -> Iterator[Scan]:
    """Yield every slice as a grey picture that doesn't state its modality."""
    for pixels in apply_window(scan.pixels, scan.intensity, LUNG_WINDOW):
        yield Scan(np.ascontiguousarray(pixels)[None], "display", source=scan.source)


def validation(path: Path, share: float) -> Iterator[Scan]:
    """Yield the validation pictures of a labelled data set."""
    for item in split_examples(read_examples(path), share, seed=0)[1]:
        yield from pictures(read_scan(item.path))


def report(pipe: Pipeline, scans: Iterator[Scan], name: str) -> None:
    """Print what a pipeline does with scans."""
    counts: Counter[str] = Counter()
    for scan in scans:
        found = pipe.predict(scan)
        codes = {*LOOKS_LIKE.values(), UNLIKE, "no-lung"} & {*found.warnings}
        counts["all"] += 1
        counts["by name"] += bool(codes & {*LOOKS_LIKE.values()})
        counts["answered"] += found.label != "indeterminate"
    for what in ("by name", "answered"):
        low, high = exact_interval(counts[what], counts["all"])
        share = counts[what] / counts["all"]
        print(f"{name}, pipeline of {pipe.modality}: {what} {share:.3f} ({low:.3f} to {high:.3f}), n={counts['all']}")


def main() -> None:
    """Run both pipelines on every kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ct", type=Path, action="append", default=[])
    parser.add_argument("--xray", type=Path, action="append", default=[])
    parser.add_argument("--other-ct", type=Path, action="append", default=[])
    parser.add_argument("--validation-share", type=float, default=0.25)
    given = parser.parse_args()
    for pipe in (Pipeline.from_pretrained("ct"), Pipeline.from_pretrained("xray")):
        for kind in ("ct", "xray"):
            for path in getattr(given, kind):
                report(pipe, validation(path, given.validation_share), f"{kind} {path.stem}")
        for folder in given.other_ct:
            scans = (picture for source in find_sources(folder).sources for picture in pictures(read_scan(source)))
            report(pipe, scans, f"other ct {folder.name}")


if __name__ == "__main__":
    main()
