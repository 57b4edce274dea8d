"""Inputs of many volumes, cut once before training, a file each, so that a run that was killed goes on."""

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
"""Bytes at both ends of a file that, with its size, stand for its content: a thousand studies are 30 GB."""

SKIPPED = "skipped.csv"


@dataclass(frozen=True, eq=False)
class VolumeRegions:
    """Inputs of many volumes, in files; one is in memory at a time.

    Parameters
    ----------
    files : list of Path
        ``.npy`` of uint8, shape (slices, height, width).
    examples : list of Example
        The study behind each.
    skipped : list of tuple
        Studies left out, and why.
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
        """Yield each as the network takes it, float32 (1, slices, height, width, 1)."""
        for index in range(len(self.files)):
            yield self.pixels(index)[None, ..., None].astype(np.float32) / np.float32(255)


def cut_volumes(
    examples: Sequence[Example],
    find_lungs: FindLungs,
    preprocess: VolumePreprocessing,
    folder: Path,
    segmenter: str = "",
) -> VolumeRegions:
    """Run the first stage over volumes and cut out their lungs.

    A study that can't be read, is a single slice, or shows no lung, is left out and named in ``skipped.csv``: of a
    thousand studies a few are always broken, and they must not cost the others' hours.

    Parameters
    ----------
    examples : sequence of Example
    find_lungs : callable
    preprocess : VolumePreprocessing
    folder : Path
        Gets a file a study; those found there are not cut again.
    segmenter : str
        Checksum of what finds the lungs; with another, all are cut again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files, kept = [], []
    skipped: list[tuple[Example, str]] = []
    for item in with_progress(examples, "Finding lungs"):
        try:
            path = folder / f"{_digest(item.path, preprocess, segmenter)}.npy"
            if not path.exists():
                scan = read_scan(item.path)
                volume = preprocess(scan, find_lungs(scan))
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
    """Refuse the same volume in both parts, under whatever name.

    Raises
    ------
    SourceError
        Which names both files.
    """
    trained = dict(zip(training.files, training.examples, strict=True))
    for path, item in zip(validation.files, validation.examples, strict=True):
        if path in trained:
            problem = f"is the same volume as {trained[path].path}, which is trained on"
            raise SourceError(str(item.path), problem, "Give both the same patient, or remove one")


def write_skipped(path: Path, *parts: VolumeRegions) -> None:
    """Write what was left out, and why, as CSV."""
    rows = [
        {"path": item.path, "patient": item.patient, "error": error} for part in parts for item, error in part.skipped
    ]
    write_csv(path, ("path", "patient", "error"), rows)


def _digest(path: Path, preprocess: VolumePreprocessing, segmenter: str) -> str:
    """Return what an input depends on, as a checksum; files by their size and both ends."""
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
