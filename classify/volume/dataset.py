"""List labelled volumes, from the layout of MosMedData, class folders, or a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ...sources import SourceError
from ..data.dataset import Example, read_examples

GRADED = {"CT-0": (0,), "CT-1": (1,), "CT-2": (2,), "CT-23": (2, 3), "CT-3": (3,), "CT-4": (4,)}
"""MosMedData's folders and their grades: 0 is no sign of pneumonia; 1 to 4 are ground glass and consolidation in up to
25, 50, 75 and 100 % of the lungs. CT-23 occurs in the part used by the Keras example of Zunair et al."""

STUDY = re.compile(r"(?P<study>study_\d+)\.nii(\.gz)?", re.IGNORECASE)
"""MosMedData's file names."""


def read_studies(path: Path, grades: Sequence[int] = ()) -> list[Example]:
    """List the labelled volumes of a data set.

    Parameters
    ----------
    path : Path
        MosMedData's folder (Morozov et al. 2020, arXiv 2005.06465) with ``CT-0`` to ``CT-4``, or with ``studies`` that
        contains them, and in these ``study_NNNN.nii.gz``; CT-0 is non-COVID, each study is one patient, and the grade
        is kept in the details. Or anything that `lungct.classify.data.dataset.read_examples` accepts: a folder with
        ``COVID/`` and ``NonCOVID/``, in which each file and each folder of DICOM files is a volume, and a patient of
        its own if the patient is unknown; or a CSV.
    grades : sequence of int
        MosMedData grades to use; by default, all.

    Raises
    ------
    SourceError
        When there are no such folders or volumes, or grades are given for a data set without grades.
    """
    folder = next((one for one in (path, path / "studies") if _grade_folders(one)), None)
    if folder is None:
        if grades:
            remedy = "Omit --grade, or give MosMedData's folder, which contains CT-0 to CT-4"
            raise SourceError(str(path), "has no grades", remedy)
        return [_of_its_own(item) for item in read_examples(path, subfolders=True)]
    chosen = [name for name in _grade_folders(folder) if not grades or set(GRADED[name]) <= set(grades)]
    missing = sorted(set(grades) - {grade for name in chosen for grade in GRADED[name]})
    if missing:
        raise SourceError(str(folder / f"CT-{missing[0]}"), "is missing", "Choose other grades, or unpack all of it")
    source = path.name if path.name != "studies" else path.parent.name
    return [item for name in chosen for item in _graded(folder / name, source)]


def _of_its_own(item: Example) -> Example:
    """Make a volume of unknown patient a patient of its own: blocks of neighbours make sense only for slices."""
    return (
        item if item.patient_known else replace(item, patient=f"{item.source}/{item.path.parent.name}/{item.path.name}")
    )


def _grade_folders(folder: Path) -> list[str]:
    return [name for name in GRADED if (folder / name).is_dir()]


def _graded(folder: Path, source: str) -> list[Example]:
    found = sorted(path for path in folder.iterdir() if STUDY.fullmatch(path.name))
    if not found:
        raise SourceError(str(folder), "holds no studies", "Put files such as study_0001.nii.gz there")
    covid, details = folder.name != "CT-0", {"grade": folder.name}
    return [Example(path, covid, f"{source}/{_study(path)}", source, "", details=details) for path in found]


def _study(path: Path) -> str:
    match = STUDY.fullmatch(path.name)
    return match["study"].lower() if match else path.name


def check_parts(train: Sequence[Example], val: Sequence[Example]) -> None:
    """Refuse a split whose metrics would be meaningless.

    Raises
    ------
    SourceError
        When a patient is in both parts, or a part lacks a class.
    """
    both = sorted({item.patient for item in train} & {item.patient for item in val})
    if both:
        shown = ", ".join(both[:5])
        raise SourceError(shown, "is in training and in validation", "Put each patient into one part")
    for name, part in (("training", train), ("validation", val)):
        for covid, label in ((True, "COVID"), (False, "non-COVID")):
            if not any(item.covid == covid for item in part):
                raise SourceError(f"the {name} part", f"has no {label} volumes", "Add some from other patients")
