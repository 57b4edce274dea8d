"""Recognise the results that lungct writes, so that a search of their folder doesn't take them for scans."""

from __future__ import annotations

import re
from pathlib import Path

RESULT = re.compile(
    r"(?P<stem>.+?)(?:_slice\d{3,})?(?:_overlay|_mask|_labels|_roi|-infection)\.(?:png|nii\.gz|tif|dcm)"
)
"""Names of the pictures and volumes that belong to a result."""

TABLES = ("predictions.csv", "segmentations.csv")
"""Tables that ``lungct predict`` and ``lungct segment`` write beside them."""

JOBS = ("files", "images")
"""Folders in which ``lungct batch`` and ``lungct preprocess`` write, each with subfolders of two letters."""

RUN = "run.json"
"""The record of such a job."""


def is_own_result(path: Path, place: Path) -> bool:
    """Tell whether a file is a mask, an overlay or the like, by its name and by the record of lungct near it.

    Files of data sets, such as ``001_mask.png``, have no such record, and stay inputs.

    Parameters
    ----------
    path : Path
    place : Path
        The folder that is searched. Pictures of a job are inputs if this is the job's own folder, or lies in it.
    """
    found = RESULT.fullmatch(path.name)
    if found is not None:
        records = (*TABLES, f"{found['stem']}.json")
        if any((path.parent / record).is_file() for record in records):
            return True
    if len(path.parts) < 4 or path.parts[-3] not in JOBS:
        return False
    job = path.parents[2]
    return place != job and place in job.parents and (job / RUN).is_file()
