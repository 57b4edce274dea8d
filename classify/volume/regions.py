"""Cut the inputs of many volumes once, before training, one file each, so that a killed run can be resumed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...common.progress import with_progress
from ...common.text import write_csv
from ...common.whole_files import whole_file
from ...sources import SourceError, read_scan
from ..data.dataset import Example
from ..data.regions import FindLungs
from .preprocessing import VolumePreprocessing

ENDS = 1 << 20
"""Bytes at both ends of a file that, with its size, identify its content: hashing a thousand studies means reading
30 GB."""

SKIPPED = "skipped.csv"


@dataclass(frozen=True, eq=False)
class VolumeRegions:
    """Inputs of many volumes, stored in files and loaded one at a time.

    Parameters
    ----------
    files : list of Path
        ``.npy`` of uint8, shape (slices, height, width).
    examples : list of Example
        The study of each file.
    skipped : list of tuple
        Studies left out, with the reason.
    """

    files: list[Path]
    examples: list[Example]
    skipped: list[tuple[Example, str]]

    @property
    def covid(self) -> NDArray[np.bool_]:
        """Labels, bool (n,)."""
        return np.array([item.covid for item in self.examples], dtype=np.bool_)

    def pixels(self, index: int) -> NDArray[np.uint8]:
        """Return one input, uint8 (slices, height, width)."""
        loaded: NDArray[np.uint8] = np.load(self.files[index], allow_pickle=False)
        return loaded

    def inputs(self) -> Iterator[NDArray[np.float32]]:
        """Yield the network inputs, float32 (1, slices, height, width, 1)."""
        for index in range(len(self.files)):
            yield self.pixels(index)[None, ..., None].astype(np.float32) / np.float32(255)


def cut_volumes(
    examples: Sequence[Example],
    find_lungs: FindLungs,
    preprocess: VolumePreprocessing,
    folder: Path,
    segmenter: str = "",
) -> VolumeRegions:
    """Run the first stage on volumes and cut out their lungs.

    A study that can't be read, is a single slice, or shows no lung is left out and listed in ``skipped.csv``: among a
    thousand studies a few are always broken, and they must not waste the hours spent on the others.

    Parameters
    ----------
    examples : sequence of Example
    find_lungs : callable
    preprocess : VolumePreprocessing
    folder : Path
        Receives one file per study; studies that are already there are not cut again.
    segmenter : str
        Checksum of the segmenter; with another one, all studies are cut again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files, kept = [], []
    skipped: list[tuple[Example, str]] = []
    for item in with_progress(examples, "Finding lungs"):
        try:
            path = folder / f"{_digest(item.path, preprocess, segmenter)}.npy"
            if not path.exists():
                volume = preprocess(*find_lungs(read_scan(item.path)))
                with whole_file(path) as aside, aside.open("wb") as file:
                    np.save(file, np.rint(volume * 255).astype(np.uint8), allow_pickle=False)
        except SourceError as error:
            skipped.append((item, str(error)))
            print(f"left out: {error}", flush=True)
            continue
        files.append(path)
        kept.append(item)
    print(f"{len(kept)} of {len(examples)} volumes show lungs", flush=True)
    return VolumeRegions(files, kept, skipped)


def check_repeats(training: VolumeRegions, validation: VolumeRegions) -> None:
    """Refuse a volume that is in both parts, even under different names.

    Raises
    ------
    SourceError
        When there is one; names both files.
    """
    trained = dict(zip(training.files, training.examples, strict=True))
    for path, item in zip(validation.files, validation.examples, strict=True):
        if path in trained:
            problem = f"is the same volume as {trained[path].path}, which is in the training part"
            raise SourceError(str(item.path), problem, "Give both files the same patient, or remove one of them")


def write_skipped(path: Path, *parts: VolumeRegions) -> None:
    """Write the studies that were left out, with the reason, as CSV."""
    rows = [
        {"path": item.path, "patient": item.patient, "error": error} for part in parts for item, error in part.skipped
    ]
    write_csv(path, ("path", "patient", "error"), rows)


def _digest(path: Path, preprocess: VolumePreprocessing, segmenter: str) -> str:
    """Return a checksum of everything that an input depends on; files by their size and both ends."""
    digest = hashlib.sha256(json.dumps([segmenter, preprocess.to_dict()]).encode())
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(_ends(file))
    return digest.hexdigest()


def _ends(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            first = file.read(ENDS)
            size = file.seek(0, 2)
            file.seek(max(ENDS, size - ENDS))
            return hashlib.sha256(f"{size} ".encode() + first + file.read()).digest()
    except OSError as error:
        raise SourceError(
            str(path), f"can't be opened ({error.strerror})", "Check the path and its permissions"
        ) from error
