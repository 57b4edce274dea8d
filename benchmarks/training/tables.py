"""Write the tables from which the shipped classifier is trained: class, patient and infection of each picture.

    python -m benchmarks.training.tables --shared DATA --out tables

COVID-CT has class folders and needs none. The other sources get a CSV each, for ``lungct train classify --data``. The
column ``infected`` is filled in where a whole source says so: healthy lungs, tumours, and SARS-CoV-2, whose classes
come from the same hospitals.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from lungct.classify.data.dataset import read_folder
from lungct.common.text import write_csv

COLUMNS = ("path", "label", "patient", "source", "split", "infected")

NEIGHBOURS = 6
"""Consecutive numbers in chest-cancer-ct that count as one patient."""

Row = dict[str, str]


def sarscov2(folder: Path) -> Iterator[Row]:
    """Yield SARS-CoV-2's pictures, in blocks of neighbours; those without COVID are free of infection, by and large."""
    for item in read_folder(folder):
        label = "COVID" if item.covid else "NonCOVID"
        yield _row(item.path, label, item.patient.partition("/")[2], folder.name, str(int(item.covid)))


def song(folder: Path) -> Iterator[Row]:
    """Yield COVID and bacterial pneumonia; the patient is in the file name."""
    for path in sorted(folder.rglob("*.jpg")):
        patient = re.sub(r"^train-(.+)_s\d+$", r"\1", path.stem)
        yield _row(path, path.parent.name, patient, folder.name, "")


def chest_cancer(folder: Path) -> Iterator[Row]:
    """Yield tumours and normal lungs as two sources, both free of infection."""
    for path in sorted(folder.rglob("*.jpg")):
        number = int((re.findall(r"\d+", path.stem) or ["0"])[0])
        kind = path.parent.name
        source = f"{folder.name} {'normal' if 'normal' in kind else 'tumours'}"
        yield _row(path, "NonCOVID", f"{kind} {number // NEIGHBOURS}", source, "0")


def kaggle(folder: Path) -> Iterator[Row]:
    """Yield lungs without infection, one slice for each patient."""
    for path in sorted((folder / "2d_images").iterdir()):
        yield _row(path, "NonCOVID", path.stem, folder.name, "0")


def cut_out(folder: Path) -> Iterator[Row]:
    """Yield normal lungs that were cut out; the patient is in the file name."""
    for path in sorted(folder.glob("nor_*")):
        yield _row(path, "NonCOVID", path.name.split("_")[1], folder.name, "0")


def covid_ct_md(folder: Path) -> Iterator[Row]:
    """Yield the slices of three series, one of each kind; so few patients are for training only."""
    for name, label, infected in (("P001", "COVID", ""), ("cap001", "NonCOVID", ""), ("normal001", "NonCOVID", "0")):
        for path in sorted((folder / name).glob("*.dcm")):
            yield {**_row(path, label, name, folder.name, infected), "split": "train"}


SOURCES: Mapping[str, Callable[[Path], Iterator[Row]]] = MappingProxyType(
    {
        "sarscov2-ct": sarscov2,
        "song-pneumonia": song,
        "chest-cancer-ct": chest_cancer,
        "kaggle-lung-masks": kaggle,
        "lungs-cut-out": cut_out,
        "covid-ct-md": covid_ct_md,
    }
)


def _row(path: Path, label: str, patient: str, source: str, infected: str) -> Row:
    values = (str(path.resolve()), label, patient, source, "", infected)
    return dict(zip(COLUMNS, values, strict=True))


def main() -> None:
    """Write a table for each source that is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="Folder of the data sets.")
    parser.add_argument("--out", type=Path, required=True, help="Folder of the tables.")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, rows_of in SOURCES.items():
        if (arguments.shared / name).is_dir():
            rows = list(rows_of(arguments.shared / name))
            write_csv(arguments.out / f"{name}.csv", COLUMNS, rows)
            print(f"{name}: {len(rows)} pictures")


if __name__ == "__main__":
    main()
